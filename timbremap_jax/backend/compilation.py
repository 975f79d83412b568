"""Keep what JAX compiled from one run to the next."""

from __future__ import annotations

import os

import jax
import platformdirs


def keep_compilations() -> None:
    """Keep compiled functions in the user's cache folder, so that the next run starts at once.

    ``JAX_COMPILATION_CACHE_DIR`` names another folder, as everywhere in JAX.
    """
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        folder = os.path.join(platformdirs.user_cache_dir("timbremap", appauthor=False), "jax")
        jax.config.update("jax_compilation_cache_dir", folder)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)

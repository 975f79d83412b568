"""DawDreamer, which plays Faust programs and plug-ins."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from timbremap_jax.data.patch import SAMPLE_RATE
from timbremap_runtime.errors import MissingExtra


def open_host(block_size: int) -> Any:
    """Return a DawDreamer engine that renders ``block_size`` samples at a time.

    Raises
    ------
    MissingExtra
        DawDreamer is not installed.
    """
    try:
        dawdreamer: Any = import_module("dawdreamer")  # it has no types
    except ImportError:
        raise MissingExtra("dawdreamer", "render") from None
    return dawdreamer.RenderEngine(SAMPLE_RATE, block_size)

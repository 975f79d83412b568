"""The sounds that benchmarks work on: random settings of the synth in patches/subtractive/lfo4."""

from __future__ import annotations

import os
from pathlib import Path

from timbremap_jax.data.patch import Note, Patch, load_patch
from timbremap_jax.data.render.generate import generate
from timbremap_jax.data.render.sampling import GenerateSettings

PATCH = Path(__file__).parents[1] / "patches" / "subtractive" / "lfo4"


def lfo4() -> Patch:
    """Read the patch: four parameters, sounds of 0.3 s."""
    return load_patch(PATCH, "fm")


def render(
    data_dir: Path, n_sounds: int, note: Note | None = None, n_workers: int | None = None
) -> None:
    """Render so many sounds as tm-generate does."""
    faults = generate(lfo4(), data_dir, GenerateSettings(n_sounds), note, n_workers=n_workers)
    assert not faults, faults


def settle() -> None:
    """Let the system write to disk what was left in memory, so that nobody pays for the other."""
    if hasattr(os, "sync"):
        os.sync()

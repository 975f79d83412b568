"""Hear one setting of an instrument."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from timbremap_jax.data.engines import LiveEngine, open_engine
from timbremap_jax.data.patch import Note, Patch, load_patch
from timbremap_jax.data.provenance import load_description
from timbremap_jax.data.sounds import find_fault, write_wav
from timbremap_runtime.errors import SettingsError, TimbreMapError


def instrument_of(model_dir: Path) -> tuple[Patch, Note]:
    """Return the instrument whose sounds a model was trained on, and the note they played.

    Raises
    ------
    SettingsError
        The model does not say, or its data set is gone or was not rendered here.
    """
    try:
        config = json.loads((model_dir / "config.json").read_text(encoding="utf-8"))
        description = load_description(Path(config["data"]["folder"]))
    except (OSError, ValueError, KeyError, TypeError):
        description = None
    if description is None:
        raise SettingsError(
            f"{model_dir} does not tell which instrument it plays (its data set is not at hand):"
            " name it with  --patch PATCH_DIR"
        )
    patch = load_patch(description["patch_dir"], description["variant"])
    return patch, Note(**description["note"])


def audition(patch: Patch, values: Sequence[float], note: Note, file: Path) -> None:
    """Play one note of an instrument into a WAV.

    Parameters
    ----------
    patch : Patch
        The instrument.
    values : sequence of float
        Its learned parameters, 0..127.
    note : Note
        What to play and how long.
    file : Path
        The WAV.

    Raises
    ------
    TimbreMapError
        The engine cannot be opened, or what came out is not fit to be heard.
    """
    engine = open_engine(patch)

    def render(_: int) -> None:
        keep_sound(file, engine.render(values, note), engine.sample_rate)

    if isinstance(engine, LiveEngine):
        for _ in engine.conduct([0], 1, render):
            pass
    else:
        render(0)


def keep_sound(file: Path, samples: NDArray[np.float32], sample_rate: int) -> None:
    """Write a sound that is fit to be heard.

    Raises
    ------
    TimbreMapError
        It is silent, clipped or not finite.
    """
    fault = find_fault(samples)
    if fault:
        raise TimbreMapError(f"{file}: the sound {fault}")
    write_wav(file, samples, sample_rate)

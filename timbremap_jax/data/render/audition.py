"""Hear one setting of an instrument."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from timbremap_jax.data.audio.sounds import find_fault, write_wav
from timbremap_jax.data.engines import open_engine
from timbremap_jax.data.engines.base import LiveEngine
from timbremap_jax.data.patch import Note, Patch, load_patch
from timbremap_runtime.core.model_folder import read_config
from timbremap_runtime.errors import SettingsError, TimbreMapError


def instrument_of(
    model_dir: Path, variant: str | None = None, option: str = "--patch"
) -> tuple[Patch, Note]:
    """Return the instrument whose sounds a model was trained on, and the note they played.

    Parameters
    ----------
    model_dir : Path
        The model's folder.
    variant : str, optional
        Another of the instrument's variants than the model's.
    option : str
        By which the command that asks is told of the instrument, for the message.

    Raises
    ------
    SettingsError
        The model does not say, or the instrument is not there.
    """
    way_out = f"name its instrument with  {option} PATCH_DIR"
    try:
        instrument = read_config(model_dir)["instrument"]
        folder, note = Path(instrument["patch_dir"]), Note(**instrument["note"])
        variant = variant or instrument["variant"]
    except (OSError, ValueError, KeyError, TypeError):
        raise SettingsError(f"{model_dir} does not tell what it plays: {way_out}") from None
    if not folder.is_dir():
        raise SettingsError(f"{model_dir} plays {folder}, which is not here: {way_out}")
    return load_patch(folder, variant), note


def audition(patch: Patch, values: NDArray[np.floating], note: Note, file: Path) -> None:
    """Play one note of an instrument into a WAV.

    Parameters
    ----------
    patch : Patch
        The instrument.
    values : ndarray, shape (n,) or (n_points, n)
        Its learned parameters, 0..127; or the way that they go during the note.
    note : Note
        What to play and how long.
    file : Path
        The WAV.

    Raises
    ------
    SettingsError
        The engine cannot move parameters during a note.
    TimbreMapError
        It cannot be opened, or what came out is not fit to be heard.
    """
    engine = open_engine(patch)
    if values.ndim == 2:
        glide = getattr(engine, "glide", None)
        if glide is None:
            raise SettingsError(
                f"engine {patch.engine} cannot move parameters during a note; give one point"
            )
        keep_sound(file, glide(values, note), engine.sample_rate)
        return

    def render(_: int) -> None:
        keep_sound(file, engine.render(values.tolist(), note), engine.sample_rate)

    if isinstance(engine, LiveEngine):
        with closing(engine):
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

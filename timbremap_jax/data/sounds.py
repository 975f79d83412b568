"""The sounds of a data folder: where they lie, how they are written, read and checked."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from timbremap_jax.data.files import save_bytes
from timbremap_runtime.errors import FormatError

SILENCE = 1e-4
"""A sound whose peak is below this (-80 dB under full scale) is silent."""

SUBTYPES = {"pcm24": "PCM_24", "float": "FLOAT"}
"""Sample formats of a WAV file, by our names and by libsndfile's."""


def wav_path(data_dir: Path, row: int) -> Path:
    """Where the sound of ``row`` lies."""
    return data_dir / "wavs" / f"ex_{row}.wav"


def row_of(path: Path) -> int | None:
    """Row that a file belongs to, or None when it is not named as a sound."""
    match = re.fullmatch(r"ex_(\d+)\.wav", path.name)
    return int(match[1]) if match else None


def write_wav(
    path: Path, samples: NDArray[np.float32], sample_rate: int, sample_format: str = "pcm24"
) -> None:
    """Write a mono sound, whole or not at all.

    Parameters
    ----------
    path : Path
        The file.
    samples : ndarray of float32, shape (n_samples,)
        Full scale is 1.0.
    sample_rate : int
        Samples per second.
    sample_format : str
        ``pcm24`` or ``float``.
    """
    # libsndfile hides why a write failed ("System error"), so the file is written by Python.
    encoded = io.BytesIO()
    subtype = SUBTYPES[sample_format]
    soundfile.write(encoded, samples, sample_rate, subtype=subtype, format="WAV")
    save_bytes(path, encoded.getbuffer())


def read_wav(path: Path, sample_rate: int) -> NDArray[np.float32]:
    """Read a mono sound.

    Returns
    -------
    ndarray of float32, shape (n_samples,)

    Raises
    ------
    FormatError
        The file is not a sound, is empty, or has another sample rate or number of channels.
    """
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise FormatError(f"{path}: not a sound that can be read: {error.error_string}") from None
    if rate != sample_rate:
        raise FormatError(f"{path}: is at {rate} Hz, the settings say {sample_rate} Hz")
    if samples.shape[1] != 1:
        raise FormatError(f"{path}: has {samples.shape[1]} channels: mono is needed")
    if not len(samples):
        raise FormatError(f"{path}: is empty; remove it and render it with tm-generate --resume")
    return samples[:, 0].astype(np.float32, copy=False)


def is_whole(path: Path, n_samples: int) -> bool:
    """Whether ``path`` is there and its header tells of so many samples."""
    try:
        return soundfile.info(path).frames == n_samples
    except soundfile.LibsndfileError:
        return False


def find_fault(samples: NDArray[np.float32], n_samples: int | None = None) -> str | None:
    """Say what is wrong with a sound, or None when it is good.

    Parameters
    ----------
    samples : ndarray of float32
        The sound; full scale is 1.0.
    n_samples : int, optional
        How long it should be.
    """
    if n_samples is not None and len(samples) != n_samples:
        return f"has {len(samples)} samples instead of {n_samples}"
    if not np.isfinite(samples).all():
        return "is not finite"
    peak = np.abs(samples).max(initial=0.0)
    if peak < SILENCE:
        return "is silent"
    if peak >= 1.0:
        return f"is clipped (peak {peak:.2f})"
    return None

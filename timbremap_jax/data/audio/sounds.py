"""The sounds of a data set: how they are written, read and checked."""

from __future__ import annotations

import io
import math
import struct
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from timbremap_jax.data.audio.audio_file import AudioFile
from timbremap_jax.data.files import save_bytes
from timbremap_runtime.errors import FormatError, PathError

SILENCE = 1e-4
"""A sound whose peak is below this (-80 dB under full scale) is silent."""

SUBTYPES = {"pcm24": "PCM_24", "float": "FLOAT"}
"""Sample formats of a WAV file, by our names and by libsndfile's."""

LOUDEST = 1000.0
"""Samples beyond this, 60 dB over full scale, are damage; a float file may be loud below it."""


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
    if sample_format == "pcm24":
        save_bytes(path, encode_pcm24(samples, sample_rate))
        return
    encoded = io.BytesIO()
    subtype = SUBTYPES[sample_format]
    soundfile.write(encoded, samples, sample_rate, subtype=subtype, format="WAV")
    save_bytes(path, encoded.getbuffer())


HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
"""Of a WAV file with nothing in it but format and samples."""

HIGHEST = np.float32(2.0**31 - 2.0**7)
"""The largest single-precision number that is a 32-bit integer."""


def encode_pcm24(samples: NDArray[np.float32], sample_rate: int) -> memoryview:
    """Return a mono 24-bit WAV file, the very bytes that libsndfile writes, in half the time.

    Parameters
    ----------
    samples : ndarray of float32, shape (n_samples,)
        Full scale is 1.0; what is beyond is cut off.
    sample_rate : int
        Samples per second.
    """
    # As 32-bit integers, of which the lowest byte is dropped.
    integers = np.rint(samples * np.float32(2.0**31))
    np.clip(integers, np.float32(-(2.0**31)), HIGHEST, out=integers)
    wide = integers.astype("<i4").view(np.uint8)
    n_bytes = 3 * len(samples)
    padding = n_bytes % 2  # a chunk has an even length
    file = bytearray(HEADER.size + n_bytes + padding)
    form = (b"fmt ", 16, 1, 1, sample_rate, 3 * sample_rate, 3, 24)
    size = len(file) - 8
    HEADER.pack_into(file, 0, b"RIFF", size, b"WAVE", *form, b"data", n_bytes)
    content = np.frombuffer(file, np.uint8)[HEADER.size : HEADER.size + n_bytes]
    for byte in range(3):
        content[byte::3] = wide[byte + 1 :: 4]
    return memoryview(file)


def read_wav(path: Path, sample_rate: int, content: bytes | None = None) -> NDArray[np.float32]:
    """Read a mono sound of a data set.

    Parameters
    ----------
    path : Path
        The file.
    sample_rate : int
        That it must have, in Hz.
    content : bytes, optional
        The bytes of the file, if they have been read already.

    Returns
    -------
    ndarray of float32, shape (n_samples,)

    Raises
    ------
    PathError
        The file is missing or may not be read.
    FormatError
        The file is not a sound, is cut short, is empty, or has another sample rate or number of
        channels.
    """
    with AudioFile(path, content) as file:
        _require_form(file, sample_rate)
        samples = file.read(file.n_samples)[:, 0]
        if file.shortfall:
            raise FormatError(f"{path}: {file.shortfall}")
    if not len(samples):
        raise FormatError(f"{path}: is empty")
    return samples


def count_samples(path: Path, sample_rate: int) -> int:
    """Return the length of a sound by its header alone; raises as `read_wav` does."""
    with AudioFile(path) as file:
        _require_form(file, sample_rate)
        return file.n_samples


def _require_form(file: AudioFile, sample_rate: int) -> None:
    if file.sample_rate != sample_rate:
        raise FormatError(
            f"{file.path}: is at {file.sample_rate} Hz, the settings say {sample_rate} Hz"
        )
    if file.n_channels != 1:
        raise FormatError(f"{file.path}: has {file.n_channels} channels; mix it to mono")


def is_whole(path: Path, n_samples: int) -> bool:
    """Whether ``path`` is a sound of so many samples, by its header and the size of the file."""
    try:
        with AudioFile(path) as file:
            return file.n_samples == n_samples
    except (FormatError, PathError):
        return False


def find_fault(
    samples: NDArray[np.float32], n_samples: int | None = None, *, clipping: bool = True
) -> str | None:
    """Say what is wrong with a sound, or None when it is good.

    Parameters
    ----------
    samples : ndarray of float32
        The sound; full scale is 1.0.
    n_samples : int, optional
        How long it should be.
    clipping : bool
        Whether samples at full scale are a fault. In a recording they are common, and no harm.
    """
    if n_samples is not None and len(samples) != n_samples:
        return f"has {len(samples)} samples instead of {n_samples}"
    # A sample that is NaN makes both extremes so, an infinite one makes one of them so.
    highest, lowest = float(samples.max(initial=0.0)), float(samples.min(initial=0.0))
    if not (math.isfinite(highest) and math.isfinite(lowest)):
        return "is not finite"
    peak = max(highest, -lowest)
    if peak > LOUDEST:
        return f"has a sample of {peak:.3g}, where full scale is 1"
    if peak < SILENCE:
        return "is silent"
    if clipping and peak >= 1.0:
        return f"is clipped (peak {peak:.2f})"
    return None

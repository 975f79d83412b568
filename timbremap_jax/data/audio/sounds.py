"""The sounds of a data folder: where they lie, how they are written, read and checked."""

from __future__ import annotations

import io
import math
import os
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from timbremap_jax.data.files import save_bytes
from timbremap_runtime.errors import FormatError, PathError

SILENCE = 1e-4
"""A sound whose peak is below this (-80 dB under full scale) is silent."""

SUBTYPES = {"pcm24": "PCM_24", "float": "FLOAT"}
"""Sample formats of a WAV file, by our names and by libsndfile's."""


PLAIN_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
"""A WAV header with nothing in it but format and length."""


def wav_path(data_dir: Path, row: int) -> Path:
    """Where the sound of ``row`` lies."""
    return data_dir / "wavs" / f"ex_{row}.wav"


def row_of(path: Path) -> int | None:
    """Row that a file belongs to, or None when it is not named as `wav_path` does."""
    match = re.fullmatch(r"ex_(0|[1-9][0-9]*)\.wav", path.name)
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


def find_rows(data_dir: Path) -> list[int]:
    """Rows that have a sound, in order, by the names of the files."""
    found = (row_of(file) for file in (data_dir / "wavs").glob("ex_*.wav"))
    rows = sorted(row for row in found if row is not None)
    if not rows:
        raise PathError(
            f"{data_dir / 'wavs'}: no sounds named ex_0.wav, ex_1.wav, ...:"
            " make them with tm-generate"
        )
    return rows


def read_wav(path: Path, sample_rate: int) -> NDArray[np.float32]:
    """Read a mono sound.

    Returns
    -------
    ndarray of float32, shape (n_samples,)

    Raises
    ------
    FormatError
        The file is not a sound, is cut short, is empty, or has another sample rate or number of
        channels.
    """
    plain = _decode_plain(path.read_bytes(), sample_rate)
    if plain is not None:
        return plain
    with _opened(path, sample_rate) as file:
        samples = file.read(dtype="float32", always_2d=True)[:, 0].astype(np.float32, copy=False)
        if len(samples) != file.frames:
            raise FormatError(f"{path}: is cut short: {len(samples)} of {file.frames} samples")
    return samples


def _decode_plain(content: bytes, sample_rate: int) -> NDArray[np.float32] | None:
    """Decode a mono 24-bit WAV as `write_wav` makes it; None for any other, or a damaged one.

    The same samples as libsndfile's, in a third of its time.
    """
    n_bytes = len(content) - PLAIN_HEADER.size
    if n_bytes < 3 or n_bytes % 3:
        return None
    form = (b"fmt ", 16, 1, 1, sample_rate, 3 * sample_rate, 3, 24)
    expected = (b"RIFF", len(content) - 8, b"WAVE", *form, b"data", n_bytes)
    if PLAIN_HEADER.unpack_from(content) != expected:
        return None
    # Each sample as the high three bytes of an integer; the low one is the byte before it.
    start = PLAIN_HEADER.size - 1
    left_justified = np.ndarray(n_bytes // 3, "<i4", content, offset=start, strides=(3,)) & -256
    samples = left_justified.astype(np.float32)  # exact: 24 bits
    samples *= np.float32(2.0**-31)
    return samples


def inspect_wav(path: Path, sample_rate: int) -> int:
    """Return the number of samples that a file's header tells of; raises as `read_wav` does."""
    with _opened(path, sample_rate) as file:
        return file.frames


@contextmanager
def _opened(path: Path, sample_rate: int) -> Iterator[soundfile.SoundFile]:
    try:
        with soundfile.SoundFile(path) as file:
            if file.samplerate != sample_rate:
                raise FormatError(
                    f"{path}: is at {file.samplerate} Hz, the settings say {sample_rate} Hz"
                )
            if file.channels != 1:
                raise FormatError(f"{path}: has {file.channels} channels, mono is needed")
            if not file.frames:
                raise FormatError(f"{path}: is empty")
            require_whole(path)
            yield file
    except soundfile.LibsndfileError as error:
        raise FormatError(f"{path}: not a sound that can be read: {error.error_string}") from None


def require_whole(path: Path) -> None:
    """Raise when a WAV's header tells of more bytes than there are; libsndfile says nothing."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        kind, size = struct.unpack("<4sI", os.read(descriptor, 8).ljust(8, b"\0"))
        n_bytes = os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)
    # A recorder that was stopped hard leaves 0 or the largest size there: nobody knows then.
    if kind == b"RIFF" and 0 < size < 0xFFFFFF00 and size + 8 > n_bytes:
        raise FormatError(f"{path}: is cut short: {n_bytes} of {size + 8} bytes")


def is_whole(path: Path, n_samples: int) -> bool:
    """Whether ``path`` is there and its header tells of so many samples."""
    try:
        return soundfile.info(path).frames == n_samples
    except soundfile.LibsndfileError:
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
    # A sample that is no number makes both extremes so, an infinite one makes one of them so.
    highest, lowest = float(samples.max(initial=0.0)), float(samples.min(initial=0.0))
    if not (math.isfinite(highest) and math.isfinite(lowest)):
        return "is not finite"
    peak = max(highest, -lowest)
    if peak < SILENCE:
        return "is silent"
    if clipping and peak >= 1.0:
        return f"is clipped (peak {peak:.2f})"
    return None

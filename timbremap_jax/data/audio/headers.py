"""What the header of an audio file says of its samples, set against what is there.

libsndfile reads what it finds and says nothing of a file that was cut. It also believes the outer
size of a WAV file, which pipes and recorders leave wrong. Here the data chunk counts.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

MAX_CHUNKS = 1000
"""Before the samples. A file of zeros would be so many empty ones."""

PCM, IEEE_FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
"""Kinds of samples, by their tags in a WAV file."""

UNKNOWN_SIZE = 0x7FFF0000
"""A program that writes into a pipe cannot come back to say how much it wrote. It leaves 0 in the
header, or a size from here up: sox 0x7ffff000, arecord 0x80000000, ffmpeg 0xffffffff."""

TAIL_BYTES = 1 << 17
"""Within so many bytes of its end an Ogg file has the header of a page: they are 64 KB at most."""


@dataclass(frozen=True)
class DataChunk:
    """Where the samples of a file lie.

    Attributes
    ----------
    start : int
        The first byte.
    n_bytes : int
        How many there are.
    n_promised : int
        How many the header tells of; the same where it does not say.
    """

    start: int
    n_bytes: int
    n_promised: int


@dataclass(frozen=True)
class PlainWav:
    """A WAV file of integers or floats, which NumPy can read.

    Attributes
    ----------
    sample_rate : int
        Samples per second.
    n_channels : int
        Channels.
    kind : str
        Type of a sample: ``u1``, ``<i2``, ``<i3``, ``<i4``, ``<f4`` or ``<f8``.
    data : DataChunk
        Where the samples lie.
    """

    sample_rate: int
    n_channels: int
    kind: str
    data: DataChunk

    @property
    def block_size(self) -> int:
        """Bytes of one sample of all channels."""
        return int(self.kind[-1]) * self.n_channels


KINDS = {
    (PCM, 8): "u1", (PCM, 16): "<i2", (PCM, 24): "<i3", (PCM, 32): "<i4",
    (IEEE_FLOAT, 32): "<f4", (IEEE_FLOAT, 64): "<f8",
}  # fmt: skip


def read_plain_wav(file: BinaryIO, size: int) -> PlainWav | None:
    """Read the header of a WAV file of ``size`` bytes; None for whatever NumPy cannot read."""
    found = _walk(file, size)
    if found is None or found[0] != b"RIFF" or len(found[1]) < 16:
        return None
    _, form, data = found
    tag, n_channels, sample_rate, _, block_size, bits = struct.unpack_from("<HHIIHH", form)
    if tag == EXTENSIBLE and len(form) >= 26:
        (tag,) = struct.unpack_from("<H", form, 24)
    kind = KINDS.get((tag, bits))
    if kind is None or not n_channels or block_size != n_channels * bits // 8:
        return None
    return PlainWav(sample_rate, n_channels, kind, data)


def decode(content: bytes, wav: PlainWav) -> NDArray[np.float32]:
    """Decode samples of a plain WAV file: what libsndfile gives, in a third of its time.

    Parameters
    ----------
    content : bytes
        The samples, and one byte of whatever lies before them.
    wav : PlainWav
        What the header says.

    Returns
    -------
    ndarray of float32, shape (n_samples, n_channels)
        Full scale is 1.0.
    """
    n_values = (len(content) - 1) // wav.block_size * wav.n_channels
    if wav.kind == "<i3":
        # Each sample is the upper three bytes of an integer, whose lowest is the byte before it.
        values = np.ndarray(n_values, "<i4", content, strides=(3,)) & -256
    else:
        values = np.frombuffer(content, wav.kind, n_values, offset=1)
    with np.errstate(over="ignore", invalid="ignore"):  # damage is for `find_fault` to tell
        samples = values.astype(np.float32)
    if wav.kind == "u1":
        samples -= 128.0
    if values.dtype.kind != "f":
        samples *= np.float32(2.0 ** (1 - 8 * values.dtype.itemsize))
    return samples.reshape(-1, wav.n_channels)


def is_cut_short(file: BinaryIO, size: int) -> bool:
    """Whether a WAV, AIFF, AU or Ogg file ends before what its header tells of."""
    file.seek(0)
    magic = file.read(4)
    if magic == b"OggS":
        file.seek(max(0, size - TAIL_BYTES))
        tail = file.read(TAIL_BYTES)
        flags = tail.rfind(b"OggS") + 5
        return not (flags < len(tail) and tail[flags] & 4)  # the last page of a stream says so
    if magic == b".snd":
        start, n_promised = struct.unpack(">II", file.read(8).ljust(8, b"\0"))
        return n_promised < UNKNOWN_SIZE and start + n_promised > size
    found = _walk(file, size)
    return found is not None and found[2].n_bytes < found[2].n_promised


def _walk(file: BinaryIO, size: int) -> tuple[bytes, bytes, DataChunk] | None:
    """Go through the chunks of a RIFF or AIFF file: its kind, its format and its samples."""
    file.seek(0)
    magic, outer, _ = struct.unpack("<4sI4s", file.read(12).ljust(12, b"\0"))
    if magic not in (b"RIFF", b"RF64", b"RIFX", b"FORM"):
        return None
    order = "<" if magic in (b"RIFF", b"RF64") else ">"
    form, long_size = b"", None
    for _ in range(MAX_CHUNKS):
        header = file.read(8)
        if len(header) < 8:
            break
        name, n_bytes = struct.unpack(order + "4sI", header)
        start = file.tell()
        if name in (b"data", b"SSND"):
            return magic, form, _data_chunk(start, n_bytes, long_size, size, outer + 8 == size)
        content = file.read(min(n_bytes, 64)) if name in (b"fmt ", b"ds64") else b""
        if name == b"fmt ":
            form = content
        if name == b"ds64" and len(content) >= 16:
            (long_size,) = struct.unpack_from("<Q", content, 8)
        file.seek(start + n_bytes + n_bytes % 2)
    return None


def _data_chunk(
    start: int, n_promised: int, long_size: int | None, size: int, outer_is_right: bool
) -> DataChunk:
    there = size - start
    if long_size is not None and n_promised == 0xFFFFFFFF:
        n_promised = long_size
    elif n_promised >= UNKNOWN_SIZE or (n_promised == 0 and not outer_is_right):
        n_promised = there
    return DataChunk(start, min(there, n_promised), n_promised)


def size_of(file: BinaryIO) -> int:
    """Count the bytes of an open file."""
    return file.seek(0, os.SEEK_END)

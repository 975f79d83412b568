"""The one reader of sound files: any format, from a disk or from memory, a part at a time."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import numpy as np
import soundfile
from numpy.typing import NDArray

from timbremap_jax.data.audio.headers import decode, is_cut_short, read_plain_wav, size_of
from timbremap_runtime.errors import FormatError, PathError

BLOCK_VALUES = 1 << 18
"""Samples of all channels that are read at a time: 1 MB."""

RATES_HZ = (1_000, 1_000_000)
"""Outside of these a sample rate is a mistake in the header."""


LOSSY = {"MPEG_LAYER_I": "MP1", "MPEG_LAYER_II": "MP2", "MPEG_LAYER_III": "MP3",
         "VORBIS": "Ogg Vorbis", "OPUS": "Opus"}  # fmt: skip
"""Encodings that leave out what is hard to hear, by libsndfile's names and by those people use."""


class AudioFile:
    """A sound file that is open for reading. To be used in a ``with`` statement.

    Parameters
    ----------
    path : Path
        Whatever libsndfile reads: WAV, AIFF, AU, FLAC, Ogg, MP3 and more.
    content : bytes, optional
        The bytes of the file, if they have been read already.

    Attributes
    ----------
    sample_rate : int
        Samples per second.
    n_channels : int
        Channels.
    n_samples : int
        How many there are, of each channel. A compressed file may hold fewer than it says.
    lossy : str or None
        The encoding, if it is one that leaves something out.

    Raises
    ------
    PathError
        The file is missing or may not be read.
    FormatError
        It is not a sound.

    Examples
    --------
    >>> with AudioFile(Path("bell.wav")) as file:
    ...     first_second = file.read(file.sample_rate)
    """

    def __init__(self, path: Path, content: bytes | None = None):
        self.path = path
        self._file = _open(path) if content is None else _Memory(content)
        self._compressed: soundfile.SoundFile | None = None
        self._n_read = 0
        self.lossy: str | None = None
        try:
            size = size_of(self._file)
            self._cut_short = is_cut_short(self._file, size)
            self._wav = read_plain_wav(self._file, size)
            if self._wav:
                self.sample_rate, self.n_channels = self._wav.sample_rate, self._wav.n_channels
                self.n_samples = self._wav.data.n_bytes // self._wav.block_size
            else:
                self._compressed = _open_compressed(self._file)
                self.sample_rate = self._compressed.samplerate
                self.n_channels = self._compressed.channels
                self.n_samples = self._compressed.frames
                self.lossy = LOSSY.get(self._compressed.subtype)
            if not RATES_HZ[0] <= self.sample_rate <= RATES_HZ[1]:
                raise FormatError(
                    f"{path}: is at {self.sample_rate} Hz, which no recording is; its header is"
                    " damaged"
                )
        except soundfile.SoundFileError as error:
            self._file.close()
            raise self._unreadable(error) from None
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> AudioFile:
        """Give the file itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        if self._compressed:
            self._compressed.close()
        self._file.close()

    def read(self, n_samples: int) -> NDArray[np.float32]:
        """Read the next samples: as many as are asked for, or all that are left.

        Returns
        -------
        ndarray of float32, shape (at most n_samples, n_channels)
            Full scale is 1.0.
        """
        parts = [np.empty((0, self.n_channels), np.float32)]
        while n_samples > 0:
            part = self._read_block(min(n_samples, max(1, BLOCK_VALUES // self.n_channels)))
            if not len(part):
                break
            parts.append(part)
            n_samples -= len(part)
        return np.concatenate(parts) if len(parts) != 2 else parts[1]

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Give all that is left, a block at a time: (n, n_channels)."""
        while len(block := self._read_block(max(1, BLOCK_VALUES // self.n_channels))):
            yield block

    def rewind(self) -> None:
        """Go back to the beginning."""
        self._n_read = 0
        if self._compressed:
            self._compressed.seek(0)

    @property
    def shortfall(self) -> str | None:
        """What is missing at the end of a file that was cut short, once it was read to there."""
        if self._wav and self._cut_short:
            promised = self._wav.data.n_promised // self._wav.block_size
            return f"is cut short: {self.n_samples} of {promised} samples"
        if self._cut_short:
            return f"is cut short after {self._n_read} samples"
        if self._compressed and self._n_read < self.n_samples < 1 << 48:  # if it is known at all
            return f"is cut short: {self._n_read} of {self.n_samples} samples"
        return None

    def _read_block(self, n_samples: int) -> NDArray[np.float32]:
        if self._compressed:
            try:
                block = np.asarray(
                    self._compressed.read(n_samples, dtype="float32", always_2d=True), np.float32
                )
            except soundfile.SoundFileError as error:
                if not self._n_read:
                    raise self._unreadable(error) from None
                block = np.empty((0, self.n_channels), np.float32)
                self._cut_short = True
        else:
            assert self._wav
            block_size, data = self._wav.block_size, self._wav.data
            n_samples = min(n_samples, self.n_samples - self._n_read)
            # From a byte before: see `decode`.
            self._file.seek(data.start + self._n_read * block_size - 1)
            block = decode(self._file.read(1 + n_samples * block_size), self._wav)
        self._n_read += len(block)
        return block

    def _unreadable(self, error: soundfile.SoundFileError) -> FormatError:
        # libsndfile's reason without the name of the file.
        reason = str(getattr(error, "error_string", error)).strip().rstrip(".")
        return FormatError(
            f"{self.path}: not a sound that can be read ({reason or 'damaged'}); convert it to WAV"
        )


class _Memory(io.BytesIO):
    """A file in memory. A damaged header may send libsndfile to before its beginning."""

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        try:
            return super().seek(offset, whence)
        except ValueError:
            return self.tell()  # it stays where it is, as a file on a disk does


def _open(path: Path) -> io.BufferedReader:
    # Asked first: to open a pipe is to wait for whoever writes into it.
    if not path.is_file():
        raise PathError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
    try:
        return path.open("rb")
    except OSError as error:
        raise PathError(f"{path}: cannot be read ({error.strerror})") from None


def _open_compressed(file: io.BufferedReader | io.BytesIO) -> soundfile.SoundFile:
    """Open with libsndfile by what is in it: by its name a .raw file would be bare samples."""
    if isinstance(file, io.BytesIO):
        file.seek(0)
        return soundfile.SoundFile(file)
    descriptor = os.dup(file.fileno())
    os.lseek(descriptor, 0, os.SEEK_SET)
    return soundfile.SoundFile(descriptor)  # which closes it, even when it fails

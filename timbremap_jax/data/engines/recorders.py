"""What records a sound that is played live: a recorder elsewhere, or an audio input here."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from timbremap_jax.data.audio.recordings import read_whole
from timbremap_jax.data.engines.base import NoSound
from timbremap_jax.data.patch import SAMPLE_RATE
from timbremap_runtime.errors import (
    ConnectionFailed,
    FormatError,
    MissingExtra,
    MissingProgram,
)

FILE_SECONDS = 2.0
"""How long a recorder may take to finish its file."""


class Recorder(Protocol):
    """Whatever records the sound between two calls."""

    def start(self) -> None:
        """Begin."""
        ...

    def stop(self, n_samples: int) -> NDArray[np.float32]:
        """End, and return what was recorded: ``n_samples`` or more, if all went well."""
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...


class FileRecorder:
    """A recorder elsewhere that writes an audio file when told to.

    Parameters
    ----------
    send : callable
        Sends words to the recorder: ``open`` with a path, then 1 to begin and 0 to end.
    """

    def __init__(self, send: Callable[..., None]):
        self._send = send
        self._folder: TemporaryDirectory[str] | None = None

    @property
    def _take(self) -> Path:
        # A folder of its own for each take: what still writes an old one cannot be mixed up.
        return Path(self._folder.name if self._folder else "") / "take.wav"

    def start(self) -> None:
        """Begin a new file."""
        self._folder = TemporaryDirectory(prefix="timbremap-take-", ignore_cleanup_errors=True)
        self._send("open", self._take.as_posix())
        self._send(1)

    def stop(self, n_samples: int) -> NDArray[np.float32]:
        """End the file and read it as soon as it is whole."""
        assert self._folder is not None
        self._send(0)
        deadline = time.monotonic() + FILE_SECONDS
        with self._folder:
            while True:
                fault, samples = self._read(n_samples)
                if fault is None:
                    return samples
                if time.monotonic() > deadline:
                    raise NoSound(fault)
                time.sleep(0.01)

    def close(self) -> None:
        """Forget a file that was not ended."""
        if self._folder:
            self._folder.cleanup()

    def _read(self, n_samples: int) -> tuple[str | None, NDArray[np.float32]]:
        nothing = np.zeros(0, np.float32)
        if not self._take.exists():
            return "was not recorded: no file came", nothing
        try:
            samples = read_whole(self._take, SAMPLE_RATE)
        except FormatError as error:
            return str(error).removeprefix(f"{self._take}: "), nothing
        if len(samples) < n_samples:
            return f"has {len(samples)} samples instead of {n_samples}", samples
        return None, samples


class InputRecorder:
    """An audio input of this computer, by the sounddevice package.

    Parameters
    ----------
    device : str
        Part of its name, or ``default``.
    latency_ms : float
        How much later than played a note is heard there.

    Raises
    ------
    MissingExtra, MissingProgram
        sounddevice, or the library that it needs, is not installed.
    ConnectionFailed
        There is no such input.
    """

    def __init__(self, device: str, latency_ms: float):
        try:
            sounddevice: Any = import_module("sounddevice")
        except ImportError:
            raise MissingExtra("sounddevice", "capture") from None
        except OSError as error:
            raise MissingProgram(
                f"audio inputs cannot be used ({error}); install PortAudio (Debian: apt install"
                " libportaudio2)"
            ) from None
        self._n_skipped = round(latency_ms * SAMPLE_RATE / 1000)
        self._blocks: list[NDArray[np.float32]] = []
        self._lock = threading.Lock()
        try:
            self._stream = sounddevice.InputStream(
                SAMPLE_RATE,
                blocksize=64,
                device=None if device == "default" else device,
                channels=1,
                dtype="float32",
                callback=self._take,
            )
            self._stream.start()
        except (ValueError, sounddevice.PortAudioError) as error:
            raise ConnectionFailed(
                f"audio input '{device}' cannot be used ({error}); correct 'input', or connect it"
            ) from None

    def close(self) -> None:
        """Let go of the input."""
        self._stream.close()

    def _take(self, block: NDArray[np.float32], *_: object) -> None:
        with self._lock:
            self._blocks.append(block[:, 0].copy())

    def start(self) -> None:
        """Forget what was heard."""
        with self._lock:
            self._blocks.clear()

    def stop(self, n_samples: int) -> NDArray[np.float32]:
        """Return what was heard, as soon as it is enough."""
        deadline = time.monotonic() + FILE_SECONDS
        while True:
            with self._lock:
                heard = np.concatenate([np.zeros(0, np.float32), *self._blocks])
            heard = heard[self._n_skipped :]
            if len(heard) >= n_samples:
                return heard
            if time.monotonic() > deadline:
                raise NoSound("was not recorded: the audio input delivered too few samples")
            time.sleep(0.01)

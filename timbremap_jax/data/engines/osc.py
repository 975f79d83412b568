"""Live capture: any synth that listens to OSC, played in real time and recorded.

In ``patch.toml``, with what is sent where nothing else is said::

    engine = "osc"                  # no source: the synth is what listens

    [osc]
    host = "127.0.0.1"              # where the synth listens
    port = 7400
    parameters = "/p"               # /p v0 v1 ...      one value for each parameter
    note = "/note"                  # /note PITCH VELOCITY, and velocity 0 to end it
    recorder = "/record"            # /record open PATH, /record 1, /record 0
    listen = 7401                   # here it hears /start, /stop and /resume ROW; 0: nowhere
    wait = false                    # whether to wait for the first /start
    settle_ms = 50.0                # from the parameters to the note
    input = ""                      # record from this audio input instead, e.g. "default"
    latency_ms = 0.0                # of that input: how late a note is heard there
"""

from __future__ import annotations

import socket
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from math import isfinite
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from timbremap_jax.data.engines import SAMPLE_RATE, NoSound, read_options
from timbremap_jax.data.patch import Note, Patch
from timbremap_jax.data.recordings import read_recording
from timbremap_jax.data.sounds import require_whole
from timbremap_runtime.errors import FormatError, MissingExtra, SettingsError, TimbreMapError

MARGIN_MS = 60.0
"""Recorded beyond the end, so that no sound comes out short."""

FILE_SECONDS = 2.0
"""How long a recorder may take to finish its file."""

HOPELESS_ROWS = 3
"""First rows without any sound after which nobody seems to be there."""


@dataclass(frozen=True)
class OscOptions:
    """The table ``[osc]``; see the top of this module."""

    host: str = "127.0.0.1"
    port: int = 7400
    parameters: str = "/p"
    note: str = "/note"
    recorder: str = "/record"
    listen: int = 7401
    wait: bool = False
    settle_ms: float = 50.0
    input: str = ""
    latency_ms: float = 0.0

    def __post_init__(self):
        for name, lowest in (("port", 1), ("listen", 0)):
            port = getattr(self, name)
            if not lowest <= port <= 65535:
                raise SettingsError(f"{name} is {port}: give a port, {lowest} to 65535")
        for name in ("settle_ms", "latency_ms"):
            if not 0 <= getattr(self, name) < 60_000:
                raise SettingsError(f"{name} is {getattr(self, name)}: give milliseconds")


class Recorder(Protocol):
    """Whatever holds what was heard between two calls."""

    def start(self) -> None:
        """Begin."""
        ...

    def stop(self, n_samples: int) -> NDArray[np.float32]:
        """End, and return what was recorded: ``n_samples`` or more, if all went well."""
        ...


class OscEngine:
    """A synth elsewhere, played over OSC and recorded.

    Parameters
    ----------
    patch : Patch
        A patch that has no source and no fixed controls: the synth keeps those.

    Raises
    ------
    MissingExtra
        python-osc is not installed; or sounddevice, when an audio input is asked for.
    FormatError, SettingsError
        The patch says what cannot be done here.
    """

    sample_rate = SAMPLE_RATE

    def __init__(self, patch: Patch):
        if patch.fixed:
            raise FormatError(f"{patch.file}: engine osc has no [fixed]: set them in the synth")
        self._patch = patch
        self._options = options = read_options(patch, OscOptions)
        try:
            self._builder: Any = import_module("pythonosc.osc_message_builder")
        except ImportError:
            raise MissingExtra("python-osc", "osc") from None
        try:
            self._target = socket.gethostbyname(options.host), options.port
        except OSError as error:
            raise SettingsError(f"{patch.file}: no such host '{options.host}': {error}") from None
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        weakref.finalize(self, self._socket.close)
        self._recorder: Recorder = (
            InputRecorder(options.input, options.latency_ms)
            if options.input
            else FileRecorder(lambda *words: self._send(options.recorder, *words))
        )

    def _send(self, address: str, *values: str | float) -> None:
        packet = self._builder.build_msg(address, list(values)).dgram
        self._socket.sendto(packet, self._target)

    def render(self, values: Sequence[float], note: Note) -> NDArray[np.float32]:
        """Play one note; see `timbremap_jax.data.engines.Engine`."""
        options = self._options
        # Whole numbers as such: a synth may take them for nothing else.
        controls = self._patch.control_values(values).values()
        self._send(options.parameters, *(int(v) if v.is_integer() else v for v in controls))
        time.sleep(options.settle_ms / 1000)
        self._recorder.start()
        try:
            started = time.monotonic()
            self._send(options.note, note.pitch, note.velocity)
            _sleep_until(started + note.sustain_ms / 1000)
        finally:
            self._send(options.note, note.pitch, 0)
        _sleep_until(started + (note.duration_ms + MARGIN_MS) / 1000)
        n_samples = note.n_samples(SAMPLE_RATE)
        return self._recorder.stop(n_samples)[:n_samples]

    def conduct(
        self, rows: Sequence[int], n_rows: int, render: Callable[[int], str | None]
    ) -> Iterator[tuple[int, str | None]]:
        """Render rows as ``/start``, ``/stop`` and ``/resume ROW`` have it.

        See `timbremap_jax.data.engines.LiveEngine`; ``/resume`` goes on from any row.

        Raises
        ------
        TimbreMapError
            Nothing at all is heard.
        """
        options = self._options
        n_failed = 0
        with Transport(options.listen, n_rows, waiting=options.wait) as transport:
            waiting = deque(rows)
            while True:
                jump = transport.wait_for_turn()
                if jump is not None:
                    waiting = deque(range(jump, n_rows))
                if not waiting:
                    return
                row = waiting.popleft()
                fault = render(row)
                n_failed = n_failed + 1 if fault and n_failed is not None else None
                if n_failed == HOPELESS_ROWS:
                    raise TimbreMapError(
                        f"nothing was recorded for the first {n_failed} rows (row {row}: {fault}):"
                        f" does the synth listen on {options.host}:{options.port}, is it audible,"
                        f" and does it answer to {options.parameters}, {options.note} and"
                        f" {options.input or options.recorder}?"
                    )
                yield row, fault


class FileRecorder:
    """A recorder elsewhere that writes a file when told to.

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

    def _read(self, n_samples: int) -> tuple[str | None, NDArray[np.float32]]:
        nothing = np.zeros(0, np.float32)
        if not self._take.exists():
            return "was not recorded: no file came", nothing
        try:
            require_whole(self._take)
            samples = read_recording(self._take, SAMPLE_RATE)
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
    MissingExtra
        sounddevice is not installed.
    SettingsError
        There is no such input.
    """

    def __init__(self, device: str, latency_ms: float):
        try:
            sounddevice: Any = import_module("sounddevice")
        except ImportError:
            raise MissingExtra("sounddevice", "capture") from None
        except OSError as error:
            raise SettingsError(f"audio inputs cannot be used here: {error}") from None
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
            raise SettingsError(f"audio input '{device}' cannot be used: {error}") from None

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
                raise NoSound("was not recorded: the audio input stands still")
            time.sleep(0.01)


class Transport:
    """Hears ``/start``, ``/stop`` and ``/resume ROW`` while it is entered.

    Parameters
    ----------
    port : int
        Where, on this computer; 0 for nowhere.
    n_rows : int
        Rows are numbered from 0 to one less.
    waiting : bool
        Whether nothing is played before the first ``/start``.

    Raises
    ------
    SettingsError
        Another program listens there.
    """

    def __init__(self, port: int, n_rows: int, *, waiting: bool = False):
        self._n_rows = n_rows
        self._running = threading.Event()
        if not waiting:
            self._running.set()
        self._jump: int | None = None
        self._server: Any = None
        if port:
            dispatcher = import_module("pythonosc.dispatcher").Dispatcher(strict_timing=False)
            dispatcher.map("/start", lambda *_: self._running.set())
            dispatcher.map("/stop", lambda *_: self._running.clear())
            dispatcher.map("/resume", self._resume)
            server: Any = import_module("pythonosc.osc_server")
            try:
                self._server = server.BlockingOSCUDPServer(("127.0.0.1", port), dispatcher)
            except OSError as error:
                raise SettingsError(
                    f"port {port} cannot be listened on ({error.strerror}): set another 'listen'"
                ) from None

    def __enter__(self) -> Transport:
        if self._server:
            threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()

    def _resume(self, _: str, *values: object) -> None:
        row = values[0] if values else None
        # Of what cannot be meant nothing is done: packets come from anywhere.
        if isinstance(row, int | float) and isfinite(row) and 0 <= int(row) < self._n_rows:
            self._jump = int(row)
            self._running.set()

    def wait_for_turn(self) -> int | None:
        """Wait while stopped; return the row to go on from, if one was asked for."""
        while not self._running.wait(0.1):
            pass  # short waits, so that Ctrl-C is heard on every system
        jump, self._jump = self._jump, None
        return jump


def _sleep_until(moment: float) -> None:
    time.sleep(max(moment - time.monotonic(), 0.0))

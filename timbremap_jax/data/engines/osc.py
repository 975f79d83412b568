"""Live capture: any synth that listens to OSC, played in real time and recorded.

In ``patch.toml``, with what is sent where nothing else is said::

    engine = "osc"                  # no source: the synth is what listens

    [osc]
    host = "127.0.0.1"              # where the synth listens
    port = 7400
    parameters = "/p"               # /p v0 v1 ...      one float for each parameter, or one int
                                    # where the parameter says  type = "int"
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
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timbremap_jax.data.engines.options import read_options
from timbremap_jax.data.engines.recorders import FileRecorder, InputRecorder, Recorder
from timbremap_jax.data.engines.transport import Transport
from timbremap_jax.data.patch import SAMPLE_RATE, Note, Patch
from timbremap_runtime.errors import (
    ConnectionFailed,
    FormatError,
    MissingExtra,
    SettingsError,
)

MARGIN_MS = 60.0
"""Recorded beyond the end, so that no sound comes out short."""

HOPELESS_ROWS = 3
"""First rows without any sound, after which the synth is taken to be absent."""


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
                raise SettingsError(f"{name} is {port}; give a port, {lowest} to 65535")
        for name in ("settle_ms", "latency_ms"):
            if not 0 <= getattr(self, name) < 60_000:
                raise SettingsError(
                    f"{name} is {getattr(self, name)}; give milliseconds, 0 to 60000"
                )


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
    FormatError
        The patch asks for what cannot be done here.
    ConnectionFailed
        There is no such host or audio input.
    """

    sample_rate = SAMPLE_RATE

    def __init__(self, patch: Patch):
        if patch.fixed:
            raise FormatError(f"{patch.file}: engine osc has no [fixed]; set them in the synth")
        self._patch = patch
        self._options = options = read_options(patch, OscOptions)
        try:
            self._builder: Any = import_module("pythonosc.osc_message_builder")
        except ImportError:
            raise MissingExtra("python-osc", "osc") from None
        try:
            self._target = socket.gethostbyname(options.host), options.port
        except OSError as error:
            raise ConnectionFailed(
                f"{patch.file}: no such host '{options.host}' ({error.strerror}); correct 'host'"
            ) from None
        self._recorder: Recorder = (
            InputRecorder(options.input, options.latency_ms)
            if options.input
            else FileRecorder(lambda *words: self._send(options.recorder, *words))
        )
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def close(self) -> None:
        """Let go of the network and the audio input."""
        self._socket.close()
        self._recorder.close()

    def _send(self, address: str, *values: str | float) -> None:
        packet = self._builder.build_msg(address, list(values)).dgram
        self._socket.sendto(packet, self._target)

    def render(self, values: Sequence[float], note: Note) -> NDArray[np.float32]:
        """Play one note; see `timbremap_jax.data.engines.Engine`."""
        options = self._options
        # Each parameter has one type, whatever its value: a synth may take no other.
        self._send(options.parameters, *self._patch.control_values(values).values())
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
        ConnectionFailed
            Nothing at all was recorded.
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
                    raise ConnectionFailed(
                        f"nothing was recorded for the first {n_failed} rows (row {row}: {fault});"
                        f" does the synth listen on {options.host}:{options.port}, is it audible,"
                        f" and does it answer to {options.parameters}, {options.note} and"
                        f" {options.input or options.recorder}?"
                    )
                yield row, fault


def _sleep_until(moment: float) -> None:
    time.sleep(max(moment - time.monotonic(), 0.0))

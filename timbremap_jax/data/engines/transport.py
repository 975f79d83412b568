"""Start, stop and resume a live capture over OSC, as a patch's buttons do."""

from __future__ import annotations

import threading
from importlib import import_module
from math import isfinite
from typing import Any

from timbremap_runtime.errors import ConnectionFailed


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
    ConnectionFailed
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
                raise ConnectionFailed(
                    f"cannot listen on port {port} ({error.strerror}); set another 'listen'"
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
        # Anything else is ignored: packets come from anywhere.
        if isinstance(row, int | float) and isfinite(row) and 0 <= int(row) < self._n_rows:
            self._jump = int(row)
            self._running.set()

    def wait_for_turn(self) -> int | None:
        """Wait while stopped; return the row to go on from, if one was asked for."""
        while not self._running.wait(0.1):
            pass  # short waits, so that Ctrl-C is heard on every system
        jump, self._jump = self._jump, None
        return jump

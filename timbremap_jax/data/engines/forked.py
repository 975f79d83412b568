"""Every sound from a copy of a process that never played.

Opening a plug-in takes a hundred times as long as a short sound of it, and few plug-ins start a
second sound where they started the first. A fork is a copy of the whole process, made in
milliseconds: the plug-in is opened once, and each copy plays one sound and ends. A copy that
crashes or hangs costs its sound alone.

Not every plug-in lives on in a copy: threads and connections stay behind. So this is used only
where rehearsed sounds come out the same to the bit (`timbremap_jax.data.render.rehearsal`).
"""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Callable, Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any, NoReturn, Protocol

import numpy as np
from numpy.typing import NDArray

from timbremap_jax.data.engines.base import Engine, NoSound
from timbremap_jax.data.patch import Note
from timbremap_jax.data.workers import cause_of_end
from timbremap_runtime.errors import TimbreMapError


class HoldingEngine(Engine, Protocol):
    """An engine that can be ready for its next sound long before it."""

    def hold(self) -> None:
        """Do all for the next sound that does not depend on it."""
        ...


class ForkedEngine:
    """An engine that plays each sound in a fork of this process.

    Parameters
    ----------
    engine : HoldingEngine
        It is held here, and never played.
    patience_s : float
        Seconds that a sound may take.
    """

    def __init__(self, engine: HoldingEngine, patience_s: float):
        engine.hold()
        self.sample_rate = engine.sample_rate
        self._engine = engine
        self._patience_s = patience_s

    def render(self, values: Sequence[float], note: Note) -> NDArray[np.float32]:
        """Play one note; see `timbremap_jax.data.engines.Engine`."""
        return in_fork(lambda: self._engine.render(values, note), self._patience_s)


def can_fork() -> bool:
    """Whether this system makes copies of processes."""
    return hasattr(os, "fork")


def in_fork(call: Callable[[], Any], patience_s: float) -> Any:
    """Call something in a copy of this process.

    Parameters
    ----------
    call : callable
        What it returns, or raises, travels through a pipe.
    patience_s : float
        Seconds after which the copy is ended.

    Raises
    ------
    NoSound
        The copy crashed or hung.
    TimbreMapError
        Whatever the call raised.
    """
    ours, theirs = Pipe(duplex=False)
    with warnings.catch_warnings():
        # Python, and JAX if it is there, warn of a fork beside threads: what hangs for it fails its
        # rehearsal.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        process = os.fork()
    if process == 0:
        _answer(call, theirs, patience_s)
    theirs.close()
    answer = None
    try:
        silent = not ours.poll(patience_s)
        if not silent:
            answer = ours.recv()
    except (EOFError, OSError):
        silent = False
    finally:
        ours.close()
        if answer is None:
            os.kill(process, signal.SIGKILL)  # it may have ended by itself: that counts then
        _, status = os.waitpid(process, 0)
    if answer is None:
        cause = cause_of_end(os.waitstatus_to_exitcode(status), silent=silent)
        raise NoSound(f"could not be made: {cause}")
    result, error = answer
    if error is not None:
        raise error
    return result


def _answer(call: Callable[[], Any], connection: Connection, patience_s: float) -> NoReturn:
    """Send the result and end, without the cleaning up that is the original's."""
    try:
        signal.setitimer(signal.ITIMER_REAL, patience_s + 1)  # should nobody be left to end it
        try:
            connection.send((call(), None))
        except TimbreMapError as error:
            connection.send((None, error))
    finally:
        os._exit(0)

"""Work on numbered rows in several processes, whatever happens to them.

A worker that dies (a plug-in crashed, the system ran out of memory) or hangs is replaced, and the
row it held is tried once more.

Why not a library: `concurrent.futures` gives up the whole pool when one process dies. `pebble`
replaces it and has time limits, but they hold for what is handed out together: with a message for
each row the messages would cost as much as a quick row, and with many rows in one, a crash would
lose them all. Here rows are handed out by the dozen, and after a crash tried one by one, so that
each crash costs the row that caused it and no other. And nothing is handed out before a worker has
said that the task can be made at all.
"""

from __future__ import annotations

import math
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import Any

from timbremap_runtime.errors import TimbreMapError

CHUNK_SIZE = 64
"""Rows that a worker is handed at a time: many enough that it seldom waits for more."""

CHECK_SECONDS = 1.0
"""How often to look for workers that are silent for too long."""

ANSWER_SECONDS = 0.05
"""Answers are gathered for so long: a message costs as much as a tenth of a quick row."""

MAX_DEATHS_IN_A_ROW = 20
"""Workers that die one after the other, with nothing done between, before giving up."""

# A fork of a process that runs threads can hang; a fresh process is the same on every system.
_context = get_context("spawn")


class WorkerDied(TimbreMapError):
    """The process that worked on a row died, twice."""


def n_cores() -> int:
    """Count the processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_rows(
    make_task: Callable[[], Callable[[int], Any]],
    rows: Sequence[int],
    n_workers: int | None = None,
    *,
    patience_s: float = math.inf,
    opened: Callable[[], object] = lambda: None,
) -> Iterator[tuple[int, Any]]:
    """Apply a task to every row, in any order.

    Parameters
    ----------
    make_task : callable
        Called once in each worker, it returns the task: from a row to a result. Both
        ``make_task`` and the results are pickled.
    rows : sequence of int
        The rows.
    n_workers : int, optional
        Number of processes; one a processor when not given.
    patience_s : float
        A worker that is silent for so many seconds is ended, as if it had died.
    opened : callable
        Called once, as soon as a worker has made its task and before any row is handed out: what
        is wrong with the task itself comes before it.

    Yields
    ------
    tuple of int and object
        A row and its result, as soon as it is there. The result is a `WorkerDied` for a row whose
        worker died of it, and so did the next one that was given that row.

    Raises
    ------
    Exception
        Whatever ``make_task`` or the task raises; the other workers are stopped.
    TimbreMapError
        Workers die one after the other without a single result.
    """
    waiting = deque(
        list(rows[start : start + CHUNK_SIZE]) for start in range(0, len(rows), CHUNK_SIZE)
    )
    deaths: dict[int, int] = {}
    deaths_in_a_row = 0
    n_workers = min(n_workers or n_cores(), len(waiting))
    workers = [_Worker.start(make_task) for _ in range(n_workers)]
    try:
        is_open = False
        for worker in workers:
            worker.held = waiting.popleft()  # handed out once a task is made
        while busy := [w for w in workers if w.held]:
            for worker in busy:
                worker.end_when_silent(patience_s)
            for connection in wait([w.connection for w in busy], min(patience_s, CHECK_SECONDS)):
                worker = next(w for w in workers if w.connection is connection)
                try:
                    answers, error = worker.connection.recv()
                except (EOFError, OSError):
                    deaths_in_a_row += 1
                    if deaths_in_a_row >= MAX_DEATHS_IN_A_ROW:
                        raise TimbreMapError(
                            f"{deaths_in_a_row} processes died one after the other, the last at row"
                            f" {worker.held[0]}: {worker.cause_of_death()}"
                        ) from None
                    # Of several rows nobody knows which it was: each is tried alone.
                    alone = len(worker.held) == 1
                    for row in worker.held:
                        deaths[row] = deaths.get(row, 0) + alone
                        if deaths[row] < 2:
                            waiting.appendleft([row])
                        else:
                            yield row, WorkerDied(worker.cause_of_death())
                    workers.remove(worker)
                    worker.stop()
                    worker = _Worker.start(make_task)
                    workers.append(worker)
                    if not is_open and waiting:
                        worker.held = waiting.popleft()
                else:
                    if error is not None:
                        raise error
                    worker.heard = time.monotonic()
                    if not is_open:
                        is_open = True
                        opened()
                        for each in workers:
                            each.give(each.held)
                    deaths_in_a_row = 0 if answers else deaths_in_a_row
                    for row, result in answers:
                        worker.held.remove(row)
                        yield row, result
                if not worker.held and waiting:
                    worker.give(waiting.popleft())
    finally:
        for worker in workers:
            worker.stop()


@dataclass(eq=False)
class _Worker:
    """A process, the pipe to it, the rows it has been given and not answered, and since when."""

    process: Any
    connection: Connection
    held: list[int] = field(default_factory=list)
    heard: float = field(default_factory=time.monotonic)
    silent: bool = False

    @classmethod
    def start(cls, make_task: Callable[[], Callable[[int], Any]]) -> _Worker:
        ours, theirs = _context.Pipe()
        process = _context.Process(target=_work, args=(make_task, theirs), daemon=True)
        process.start()
        theirs.close()  # so that reading from ours ends when the worker does
        return cls(process, ours)

    def give(self, rows: list[int]) -> None:
        self.held = rows
        self.heard = time.monotonic()
        try:
            self.connection.send(rows)
        except OSError:
            pass  # it died meanwhile: reading its answer will tell

    def end_when_silent(self, patience_s: float) -> None:
        if time.monotonic() - self.heard > patience_s:
            self.silent = True
            self.process.kill()

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()

    def cause_of_death(self) -> str:
        self.process.join()
        return cause_of_end(self.process.exitcode, silent=self.silent)


def cause_of_end(code: int | None, *, silent: bool) -> str:
    """Say why a process ended that should not have.

    Parameters
    ----------
    code : int or None
        Its exit status, or minus the number of the signal that ended it.
    silent : bool
        Whether it was ended because it was silent for too long.
    """
    if silent:
        return "its process did not answer any more"
    if code is not None and code < 0:
        known = -code in list(signal.Signals)
        return f"its process was ended by {signal.Signals(-code).name if known else -code}"
    return f"its process ended with status {code}"


def _work(make_task: Callable[[], Callable[[int], Any]], connection: Connection) -> None:
    # Ctrl-C reaches every process of the terminal; the parent alone acts on it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        task = make_task()
        connection.send(([], None))  # it is made
        while True:
            answers: list[tuple[int, Any]] = []
            last_sent = time.monotonic()
            for row in connection.recv():
                answers.append((row, task(row)))
                if time.monotonic() - last_sent > ANSWER_SECONDS:
                    connection.send((answers, None))
                    answers, last_sent = [], time.monotonic()
            if answers:
                connection.send((answers, None))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass  # the parent is gone, and nobody wants an answer
    except Exception as error:
        connection.send(([], error))

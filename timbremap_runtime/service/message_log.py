"""A message log: every message that came in, with its time, to play a performance again.

One message a line, as JSON: seconds since the start, the address, and the values::

    [0.0125, "/tm/c", 0.5, 0.25, 0.0]
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple, Self

from timbremap_runtime.errors import FormatError, PathError

LONGEST_S = 1e7
"""Of a log: four months."""


class LoggedMessage(NamedTuple):
    """A message and its time in seconds since the start."""

    time_s: float
    address: str
    values: tuple[Any, ...]


class MessageLog:
    """Writes messages to a file as they come; what was written survives a crash.

    A context manager, which closes the file.

    Parameters
    ----------
    file : Path
        A new file.
    clock : callable, optional
        Seconds.

    Raises
    ------
    PathError
        The file exists already, or cannot be written.
    """

    def __init__(self, file: Path, clock: Callable[[], float] = time.perf_counter):
        try:
            self._file = file.open("x", encoding="utf-8", buffering=1)
        except FileExistsError:
            raise PathError(f"{file}: already exists; choose another name") from None
        except OSError as error:
            raise PathError(
                f"{file}: cannot be written ({error.strerror}); choose another place"
            ) from None
        self._clock = clock
        self._start: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def write(self, address: str, values: Sequence[Any]) -> None:
        """Write a message; its time counts from the first."""
        now = self._clock()
        if self._start is None:
            self._start = now
        plain = [v for v in values if isinstance(v, (str, int, float)) and _is_json(v)]
        if len(plain) == len(values):  # blobs and the like are nothing that plays
            line = json.dumps([round(now - self._start, 6), address, *plain])
            self._file.write(line + "\n")

    def close(self) -> None:
        """Write what is left."""
        self._file.close()


def read_messages(file: Path) -> Iterator[LoggedMessage]:
    """Read the messages of a file in order.

    Raises
    ------
    PathError
        The file cannot be read.
    FormatError
        A line is not a message; the error names it.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise PathError(
            f"{file}: cannot be read ({error.strerror}); give a file that --record wrote"
        ) from None
    except UnicodeDecodeError:
        raise FormatError(f"{file}: not a message log; give a file that --record wrote") from None
    before = 0.0
    for number, line in enumerate(lines, start=1):
        try:
            time_s, address, *values = json.loads(line)
            message = LoggedMessage(float(time_s), str(address), tuple(values))
        except (ValueError, TypeError, OverflowError, RecursionError):
            raise FormatError(
                f"{file}, line {number}: {line[:60]!r} is not [seconds, address, values ...];"
                " give a file that --record wrote"
            ) from None
        if not before <= message.time_s < LONGEST_S:
            raise FormatError(
                f"{file}, line {number}: timestamps must not decrease or exceed {LONGEST_S:g} s;"
                " give a file as --record wrote it"
            )
        before = message.time_s
        yield message


def _is_json(value: str | int | float) -> bool:
    return not isinstance(value, float) or isfinite(value)

"""A performance on disk: every message that came in, with its time.

One message a line, as JSON: seconds since the start, the address, and the values::

    [0.0125, "/tm/c", 0.5, 0.25, 0.0]
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

from timbremap_runtime.errors import FormatError, PathError


class Event(NamedTuple):
    """A message and its time in seconds since the start."""

    time_s: float
    address: str
    values: tuple[Any, ...]


class Recorder:
    """Writes messages to a file as they come; what was written survives a crash.

    Parameters
    ----------
    file : Path
        A new file.
    clock : callable, optional
        Seconds.
    """

    def __init__(self, file: Path, clock: Callable[[], float] = time.perf_counter):
        try:
            self._file = file.open("x", encoding="utf-8", buffering=1)
        except FileExistsError:
            raise PathError(f"{file} is there already: give another name") from None
        except OSError as error:
            raise PathError(f"{file}: cannot be written ({error.strerror})") from None
        self._clock = clock
        self._start: float | None = None

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


def read_recording(file: Path) -> Iterator[Event]:
    """Read the messages of a file in order.

    Raises
    ------
    FormatError
        A line is not one; the message names it.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise FormatError(f"{file}: not a recording that can be read ({error})") from None
    before = 0.0
    for number, line in enumerate(lines, start=1):
        try:
            time_s, address, *values = json.loads(line)
            event = Event(float(time_s), str(address), tuple(values))
        except (ValueError, TypeError, OverflowError, RecursionError):
            raise FormatError(
                f"{file}, line {number}: {line[:60]!r} is not [seconds, address, values ...]"
            ) from None
        if not before <= event.time_s < 1e7:
            raise FormatError(f"{file}, line {number}: time runs backwards or away")
        before = event.time_s
        yield event


def _is_json(value: str | int | float) -> bool:
    return not isinstance(value, float) or isfinite(value)

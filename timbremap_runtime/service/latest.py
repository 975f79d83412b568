"""Values that wait to be played: of each kind the latest counts."""

from __future__ import annotations

import time
from math import nan
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from timbremap_runtime.performance.performer import Performer


class Place(NamedTuple):
    """What a value is for: the point (c) or the parameters (p)."""

    kind: Literal["c", "p", "cp"]
    """The point, the parameters, or first the one and then the other."""
    which: int | None
    """One coordinate or parameter; None for all."""


class LatestValues:
    """Keeps the latest value for each place until it is played."""

    def __init__(self):
        self._values: dict[Place, list[float]] = {}
        self.oldest_s = 0.0
        """When the first of those that wait arrived, as `time.perf_counter` counts."""
        self.passed_over = 0
        """Values that a later one replaced before they were played."""

    def __bool__(self) -> bool:
        return bool(self._values)

    def put(self, place: Place, values: list[float]) -> None:
        """Keep values; they come after all others, as the order of the latest counts."""
        if not self._values:
            self.oldest_s = time.perf_counter()
        elif self._values.pop(place, None) is not None:
            self.passed_over += 1
        self._values[place] = values

    def play(self, performer: Performer, release_ms: float | None) -> set[str]:
        """Give a performer all that waits.

        Parameters
        ----------
        performer : Performer
            What plays them.
        release_ms : float or None
            Glide back to the map after parameters were set, with this time constant; None holds
            what was set.

        Returns
        -------
        set of {"c", "p"}
            What changed beside what the sender knows: the parameters, and the point where it was
            not the point that was moved.
        """
        waiting, self._values = self._values, {}
        changed: set[str] = set()
        for (kind, which), values in waiting.items():
            changed.add("p")
            if kind == "c":
                if which is None:
                    performer.move(values)
                else:
                    one = [nan] * performer.c.size  # what is not a number stays as it is
                    one[which] = values[0]
                    performer.move(one)
                continue
            if kind == "cp":
                m = performer.c.size
                performer.place(values[:m], values[m:])
            elif which is None:
                performer.recall(values)
            else:
                performer.set(which, values[0])
            if release_ms is not None:
                performer.release(release_ms)
            changed.add("c")
        return changed

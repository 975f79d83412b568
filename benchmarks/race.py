"""Run contestants beside each other, and say how many times as long one takes as the other.

Conventions
-----------
A *multiple* is the time of the peer over the time of TimbreMap: 3.0 means that the peer takes three
times as long, and below 1 the peer is the faster one. Where work a second is measured it is turned
the same way round. Contestants run in rounds that alternate, so that whatever else the machine does
hurts all of them; multiples are taken round by round, and the median over the rounds is told.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FRAMES_A_ROUND = 250
N_WARM_UP = 10

Call = Callable[[Any], Any]


@dataclass(frozen=True)
class Race:
    """One figure of TimbreMap beside a peer's.

    Attributes
    ----------
    case : str
        What was run, the same words in every run of the benchmark.
    peer : str
        Who else ran it.
    multiple : float
        Time of the peer over that of TimbreMap: below 1 the peer is faster.
    ours, theirs : float
        The figures themselves, on this machine.
    unit : str
        Of both, such as ``us`` or ``sounds/s``.
    limit : float, optional
        What the machine itself allows, in the same unit, where it is known: the speed of its memory
        or disk, its arithmetic, the same work in C.
    """

    case: str
    peer: str
    multiple: float
    ours: float
    theirs: float
    unit: str
    limit: float | None = None


@dataclass(frozen=True)
class Times:
    """Times of one contestant.

    Attributes
    ----------
    us : ndarray of float64, shape (n_rounds, calls a round)
        Microseconds of every call.
    rounds : ndarray of int, shape (n_rounds,)
        The rounds in which it ran.
    """

    us: NDArray[np.float64]
    rounds: NDArray[np.int64]

    def summary(self) -> dict[str, float]:
        """Median and tail in microseconds, and the number of calls."""
        median, p99, p999 = np.percentile(self.us, [50.0, 99.0, 99.9])
        return {
            "median": float(median),
            "p99": float(p99),
            "p99.9": float(p999),
            "max": float(self.us.max()),
            "calls": self.us.size,
        }

    def multiple_of(self, ours: Times) -> float:
        """Median over common rounds of the round's median over that of ``ours``."""
        _, mine, others = np.intersect1d(self.rounds, ours.rounds, return_indices=True)
        return float(
            np.median(np.median(self.us[mine], axis=1) / np.median(ours.us[others], axis=1))
        )


def time_calls(
    contestants: Mapping[str, Call],
    inputs: Sequence[Any],
    n_calls: Mapping[str, int],
) -> dict[str, Times]:
    """Time every single call of each contestant.

    Each time holds one reading of the clock, some 50 ns: race an empty call to see how much.

    Parameters
    ----------
    contestants : mapping of str to callable
        Take one input.
    inputs : sequence of `FRAMES_A_ROUND`
        What each is called with, one after the other, in every round.
    n_calls : mapping of str to int
        How many calls of each, rounded up to full rounds. One with fewer sits out most rounds.
    """
    n_rounds = {name: -(-n_calls[name] // len(inputs)) for name in contestants}
    most = max(n_rounds.values())
    taken: dict[str, list[list[int]]] = {name: [] for name in contestants}
    when: dict[str, list[int]] = {name: [] for name in contestants}
    for number in range(most):
        for name, call in contestants.items():
            # So many of the rounds, evenly spread.
            if number * n_rounds[name] // most == (number + 1) * n_rounds[name] // most:
                continue
            taken[name].append(_round_ns(call, inputs))
            when[name].append(number)
    return {
        name: Times(np.array(taken[name]) / 1e3, np.array(when[name], np.int64)) for name in taken
    }


def _round_ns(call: Call, inputs: Sequence[Any]) -> list[int]:
    for x in inputs[:N_WARM_UP]:
        call(x)
    clock = time.perf_counter_ns
    times: list[int] = []
    for x in inputs:
        start = clock()
        call(x)
        times.append(clock() - start)
    return times


def alternate(contestants: Mapping[str, Callable[[], Any]], n_rounds: int) -> dict[str, Any]:
    """Call all in turn, ``n_rounds`` times; return the seconds of each, (n_rounds,)."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(n_rounds):
        for name, call in contestants.items():
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
    return {name: np.array(each) for name, each in seconds.items()}


def race_of(
    case: str,
    peer: str,
    ours_s: NDArray[np.float64],
    theirs_s: NDArray[np.float64],
    work: float,
    unit: str,
    limit: float | None = None,
) -> Race:
    """Make a race of ``work`` done in so many seconds, round by round, told as work a second."""
    multiple = float(np.median(theirs_s / ours_s))
    return Race(
        case,
        peer,
        multiple,
        work / float(np.median(ours_s)),
        work / float(np.median(theirs_s)),
        unit,
        limit,
    )

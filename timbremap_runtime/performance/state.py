"""The state of a performance, and its arithmetic.

A state never changes: every write makes a new one. What is played at a time is the target, and
what smoothing and glides have left over::

    p(t) = target + sum of values * exp(-(t - time_s) / time_constant_s)
"""

from __future__ import annotations

from math import exp
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from timbremap_runtime.core.mapping import TimbreMap
    from timbremap_runtime.core.types import FloatArray
    from timbremap_runtime.performance.editing import Editor

Array = TypeVar("Array", "NDArray[np.float64]", "NDArray[np.bool_]")

SETTLED = 1e-9
"""What has left over less than this is dropped: a parameter has 127 steps."""


class Held(NamedTuple):
    """What a hand set and the map could not reach: p = wanted + (mapped - reached).

    Two vectors rather than their difference, so that `wanted` comes out exactly.
    """

    wanted: FloatArray
    """The parameters as they were set, (n,)."""
    reached: FloatArray
    """What the map gave where the point went, (n,)."""


class Fading(NamedTuple):
    """A difference that vanishes exponentially."""

    values: FloatArray
    """(n,), at the time of the state."""
    time_constant_s: float

    def after(self, seconds: float) -> FloatArray:
        """Give what is left, (n,), so many seconds later."""
        return self.values * exp(-seconds / self.time_constant_s)


class Grip(NamedTuple):
    """A parameter in the hand: where it and the point were when it was taken.

    A later value of the same parameter is solved from here, not from the value before, so that the
    way back leads to where the point came from.
    """

    parameter: int
    c: FloatArray
    value: float


class State(NamedTuple):
    """Everything that a performance is at one moment; arrays are read-only."""

    mapping: TimbreMap
    editor: Editor
    c: FloatArray
    """The point, (m,) in [0, 1]."""
    mapped: FloatArray
    """What the map gives there, (n,)."""
    held: Held | None
    active: NDArray[np.bool_] | None
    """Which parameters follow the map, (n,); None for all."""
    target: FloatArray
    """Where the parameters go, (n,): `mapped` with what is held; what is switched off stays."""
    fading: tuple[Fading, ...]
    """What is left over, a part for each time constant; empty once settled."""
    time_s: float
    """When the values of `fading` were right."""
    grip: Grip | None

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Which parameters follow the map, (n,)."""
        if self.active is not None:
            return self.active
        return frozen(np.ones(self.target.size, dtype=np.bool_))

    def played(self, now: float) -> FloatArray:
        """Parameters at a time, (n,)."""
        if not self.fading:
            return self.target
        elapsed_s = max(now - self.time_s, 0.0)
        p = self.target + sum(part.after(elapsed_s) for part in self.fading)
        return frozen(in_range(self.mapping, p))

    def aimed(self, mapped: FloatArray, held: Held | None) -> FloatArray:
        """Where the parameters go, (n,), when the map gives `mapped` and `held` is on top."""
        target = mapped
        if held is not None:
            target = in_range(self.mapping, held.wanted + (mapped - held.reached))
        if self.active is not None:
            target = np.where(self.active, target, self.target)
        return frozen(target)

    def faded(self, now: float) -> tuple[Fading, ...]:
        """Bring what fades up to `now`, without what has vanished."""
        if not self.fading:
            return ()
        elapsed_s = max(now - self.time_s, 0.0)
        parts = (Fading(part.after(elapsed_s), part.time_constant_s) for part in self.fading)
        return tuple(part for part in parts if np.abs(part.values).max() > SETTLED)


def only(fading: tuple[Fading, ...], where: NDArray[np.bool_]) -> tuple[Fading, ...]:
    """Keep what fades of some parameters."""
    return tuple(part._replace(values=np.where(where, part.values, 0.0)) for part in fading)


def joined(
    fading: tuple[Fading, ...], values: FloatArray, time_constant_s: float
) -> tuple[Fading, ...]:
    """Add `values` to the part with this time constant."""
    others: list[Fading] = []
    for part in fading:
        if part.time_constant_s == time_constant_s:
            values = values + part.values
        else:
            others.append(part)
    return (*others, Fading(values, time_constant_s))


def in_range(mapping: TimbreMap, p: FloatArray) -> FloatArray:
    """Keep parameters within the limits of the map, if it has any."""
    return p if mapping.parameter_range is None else np.clip(p, *mapping.parameter_range)


def frozen(array: Array) -> Array:
    """Make an array read-only."""
    array.setflags(write=False)
    return array

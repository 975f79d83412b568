"""The activations that a dense layer can have: the one table that every other file reads.

A *bounded* activation runs between two ends that it never reaches::

    y = low + (high - low) * sigmoid(t)          low < y < high

with the *drive* t = gain * x. That is 127 sigmoid(x) for the sigmoid of the format, and tanh(x) for
tanh with a gain of 2, since tanh(x) = 2 sigmoid(2 x) - 1. Both have the inverse
t = log((y - low) / (high - y)), and what is said about one holds for the other.

The ends
--------
y = low and y = high have no inverse, and they are the commonest values that a MIDI controller
sends. A parameter at 0 stands for everything that rounds to 0, so an end is read as half a MIDI
step inside it, 0.5 / 127 of the way: the drive is then ±5.53. The same holds for values beyond the
ends, and for those so close that the drive would pass ±`MAX_DRIVE` = ±16: that is 1.4e-5 of a
MIDI step, the distance of two float32 numbers there, so such a value is an end with rounding
errors. Everything else is inverted exactly.
"""

# ruff: noqa: D102 (`Stage` says what each method of a stage does)

from __future__ import annotations

from math import exp, log
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np

from timbremap_runtime.core.stages import Stage
from timbremap_runtime.core.types import PARAMETER_MAX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from timbremap_runtime.core.types import BoolArray, FloatArray

LEAKY_SLOPE = 0.01
"""Slope of leaky ReLU for x < 0: that of Maas et al. (2013), JAX and PyTorch.

The format has no place for another."""

MAX_DRIVE = 16.0
"""Drives beyond this, either way, count as an end."""

_LARGEST_EXPONENT = np.array(709.0)  # that exp takes
_ONE = np.array(1.0)


class Bounded(Stage):
    """From the drive t to y = low + (high - low) * sigmoid(t), by the distance to the nearer end.

    The distance has all its digits; taking it from the upper end is the only rounding there. So
    the way back from a drive of 15 is 1.8e-10 off at most, where (high - low) / (1 + exp(-t))
    has 4.9e-10. And nothing overflows.

    Parameters
    ----------
    low, high : float
        The ends.
    """

    functions: ClassVar = {"exp": exp, "log": log}

    def __init__(self, low: float, high: float):
        self.low, self.high = low, high
        self.span = high - low
        # An array without dimensions is quicker beside an array than a float.
        self._span = np.array(self.span)
        least = self.span / (1.0 + exp(MAX_DRIVE))
        half_step = self.span * 0.5 / PARAMETER_MAX
        # Values below the first count as the lower end, and above the last as the upper ...
        self.first, self.last = low + least, high - least
        # ... and this is what the ends are read as.
        self.low_end, self.high_end = low + half_step, high - half_step

    def forward(self, x: FloatArray) -> FloatArray:
        # span - distance where x is positive, distance - 0 where not, without a branch.
        end = np.multiply(x > 0.0, self._span)
        np.abs(x, out=x)
        if x.ndim == 1:  # a single frame, where nothing silences an overflow
            np.minimum(x, _LARGEST_EXPONENT, out=x)
        np.exp(x, out=x)
        x += _ONE
        np.divide(self._span, x, out=x)
        np.subtract(end, x, out=x)
        np.abs(x, out=x)
        if self.low:
            x += self.low
        return x

    def inverse(self, y: FloatArray) -> tuple[FloatArray, BoolArray | None]:
        at_end = None
        # argmin and argmax take a quarter of the time of min and max; NaN is no end.
        if y.size and not (y.item(y.argmin()) >= self.first and y.item(y.argmax()) <= self.last):
            below, above = y < self.first, y > self.last
            at_end = below | above
            y = np.where(below, self.low_end, np.where(above, self.high_end, y))
        x = y - self.low if self.low else y
        x = x / (self.high - y)
        np.log(x, out=x)
        return x, at_end

    def write_forward(self, x: Sequence[str]) -> list[str]:
        low = f"{self.low!r} + " if self.low else ""
        return [
            f"{low}{self.span!r} / (1.0 + exp(-{t})) if {t} < 0.0 "
            f"else {self.high!r} - {self.span!r} / (1.0 + exp({t}))"
            for t in x
        ]

    def write_inverse(self, y: Sequence[str]) -> list[str]:
        above = [f"({name} - {self.low!r})" if self.low else name for name in y]
        return [f"log({a} / ({self.high!r} - {name}))" for a, name in zip(above, y, strict=True)]

    def write_guard(self, y: Sequence[str]) -> str:
        return " and ".join(f"{self.first!r} <= {name} <= {self.last!r}" for name in y)


class LeakyReLU(Stage):
    """y = x, or `LEAKY_SLOPE` x where x < 0."""

    def forward(self, x: FloatArray) -> FloatArray:
        np.multiply(x, LEAKY_SLOPE, out=x, where=x < 0.0)
        return x

    def inverse(self, y: FloatArray) -> tuple[FloatArray, None]:
        x = y.copy()
        with np.errstate(over="ignore"):
            np.divide(x, LEAKY_SLOPE, out=x, where=x < 0.0)
        return x, None

    def write_forward(self, x: Sequence[str]) -> list[str]:
        return [f"{name} if {name} >= 0.0 else {name} * {LEAKY_SLOPE!r}" for name in x]

    def write_inverse(self, y: Sequence[str]) -> list[str]:
        return [f"{name} if {name} >= 0.0 else {name} / {LEAKY_SLOPE!r}" for name in y]


class Activation(NamedTuple):
    """What follows the affine part of a dense layer."""

    stage: Stage | None
    """None for the identity."""
    gain: float = 1.0
    """The stage is given the affine part times this: multiplied into its matrix once."""


ACTIVATIONS: dict[str, Activation] = {
    "linear": Activation(None),
    "leakyrelu": Activation(LeakyReLU()),
    "sigmoid": Activation(Bounded(0.0, float(PARAMETER_MAX))),
    "tanh": Activation(Bounded(-1.0, 1.0), gain=2.0),
}
"""Every activation by the word that the format has for it."""

"""The activations that a dense layer can have: the one table that every other file reads.

A *bounded* activation runs between two ends that it never reaches::

    y = low + (high - low) * sigmoid(gain * x)          low < y < high

which is 127 sigmoid(x) for the sigmoid of the format and tanh(x) for tanh, since
tanh(x) = 2 sigmoid(2 x) - 1. With t = gain * x, called the *drive* here, both have the inverse
t = log((y - low) / (high - y)), and what is said about one holds for the other.

The ends
--------
y = low and y = high have no inverse, and they are the commonest values that a MIDI slider
sends. A slider at 0 stands for everything that rounds to 0, so an end is read as half a MIDI step
inside it, 0.5 / 127 of the way: the drive is then ±`END_DRIVE` = ±5.53. The same holds for
values beyond the ends, and for those so close that the drive would pass ±`MAX_DRIVE` = ±16:
that is 1.4e-5 of a MIDI step, about the distance of two neighbouring float32 numbers there,
so such a value is an end with rounding errors. Everything else is inverted exactly.
"""

from __future__ import annotations

from math import exp, log
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

LEAKY_SLOPE = 0.01
"""Slope of leaky ReLU for x < 0: that of Maas et al. (2013), JAX and PyTorch.

The format has no place for another."""

MAX_DRIVE = 16.0
"""Drives beyond this, either way, count as an end."""

END_DRIVE = log((127.0 - 0.5) / 0.5)
"""The drive that an end is read as: half a MIDI step inside it."""


class Bounds(NamedTuple):
    """A bounded activation: y = low + (high - low) * sigmoid(gain * x)."""

    low: float
    high: float
    gain: float

    @property
    def inner(self) -> tuple[float, float]:
        """The interval outside which a value counts as an end."""
        margin = (self.high - self.low) / (1.0 + exp(MAX_DRIVE))
        return self.low + margin, self.high - margin

    @property
    def ends(self) -> tuple[float, float]:
        """What the lower and the upper end are read as."""
        margin = (self.high - self.low) / (1.0 + exp(END_DRIVE))
        return self.low + margin, self.high - margin


ACTIVATIONS: dict[str, Bounds | None] = {
    "linear": None,
    "leakyrelu": None,
    "sigmoid": Bounds(0.0, 127.0, 1.0),
    "tanh": Bounds(-1.0, 1.0, 2.0),
}
"""Every activation by the word that the format has for it, with its bounds if it has any."""


def activate(name: str, x: FloatArray) -> FloatArray:
    """Apply an activation.

    Parameters
    ----------
    name : str
        A key of `ACTIVATIONS`.
    x : ndarray, any shape
        What the affine part of a layer gives. Overwritten.

    Returns
    -------
    ndarray, shape of `x`
        `x` itself.
    """
    bounds = ACTIVATIONS[name]
    if bounds is not None:
        low, high, gain = bounds
        # exp(700) is still a float, and 1 / exp(700) is nothing beside 1: no overflow, no loss.
        np.multiply(x, -gain, out=x)
        np.minimum(x, 700.0, out=x)
        np.exp(x, out=x)
        x += 1.0
        np.divide(high - low, x, out=x)
        if low != 0.0:
            x += low
    elif name == "leakyrelu":
        np.multiply(x, LEAKY_SLOPE, out=x, where=x < 0.0)
    return x


def deactivate(name: str, y: FloatArray) -> tuple[FloatArray, NDArray[np.bool_] | None]:
    """Undo an activation, with the ends read as the module docstring says.

    Parameters
    ----------
    name : str
        A key of `ACTIVATIONS`.
    y : ndarray, any shape
        What `activate` gave.

    Returns
    -------
    x : ndarray, shape of `y`
        A new array; finite wherever `y` is not NaN and, for an unbounded activation, finite.
    at_end : ndarray of bool, shape of `y`, or None
        Where `y` was read as an end; None when it was nowhere.
    """
    bounds = ACTIVATIONS[name]
    if bounds is None:
        x = y.copy()
        if name == "leakyrelu":
            np.divide(x, LEAKY_SLOPE, out=x, where=x < 0.0)
        return x, None
    low, high, gain = bounds
    first, last = bounds.inner
    at_end = (y < first) | (y > last)
    if at_end.any():
        low_end, high_end = bounds.ends
        y = np.where(y < first, low_end, np.where(y > last, high_end, y))
    else:
        at_end = None
    x = y - low
    x /= high - y
    np.log(x, out=x)
    if gain != 1.0:
        x /= gain
    return x, at_end

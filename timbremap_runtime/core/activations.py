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
inside it, 0.5 / 127 of the way: the drive is then ±5.53. The same holds for values beyond the
ends, and for those so close that the drive would pass ±`MAX_DRIVE` = ±16: that is 1.4e-5 of a
MIDI step, the distance of two float32 numbers there, so such a value is an end with rounding
errors. Everything else is inverted exactly.
"""

from __future__ import annotations

from math import exp
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from timbremap_runtime.core.types import FloatArray

LEAKY_SLOPE = 0.01
"""Slope of leaky ReLU for x < 0: that of Maas et al. (2013), JAX and PyTorch.

The format has no place for another."""

MAX_DRIVE = 16.0
"""Drives beyond this, either way, count as an end."""

_ONE, _MINUS_ONE = np.array(1.0), np.array(-1.0)


class Bounds(NamedTuple):
    """A bounded activation: y = low + (high - low) * sigmoid(gain * x)."""

    low: float
    high: float
    gain: float
    span: FloatArray
    """high - low, as an array of no dimensions: quicker beside an array than a float."""
    half_span: FloatArray
    first: float
    """Values below it count as the lower end ..."""
    last: float
    """... and above it as the upper."""
    low_end: float
    """What the lower end is read as ..."""
    high_end: float
    """... and the upper."""


def _bounded(low: float, high: float, gain: float) -> Bounds:
    least = (high - low) / (1.0 + exp(MAX_DRIVE))
    half_step = (high - low) * 0.5 / 127.0
    span, half_span = np.array(high - low), np.array((high - low) / 2.0)
    ends = (low + least, high - least, low + half_step, high - half_step)
    return Bounds(low, high, gain, span, half_span, *ends)


ACTIVATIONS: dict[str, Bounds | None] = {
    "linear": None,
    "leakyrelu": None,
    "sigmoid": _bounded(0.0, 127.0, 1.0),
    "tanh": _bounded(-1.0, 1.0, 2.0),
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
        return squash(bounds, x)
    if name == "leakyrelu":
        np.multiply(x, LEAKY_SLOPE, out=x, where=x < 0.0)
    return x


def squash(bounds: Bounds, x: FloatArray) -> FloatArray:
    """Apply a bounded activation to `x`, in place, by way of the distance to the nearer end.

    The distance has all its digits; taking it from the upper end is the only rounding there. So
    the way back from a drive of 15 is 1.8e-10 off at most, where (high - low) / (1 + exp(-x))
    has 4.9e-10. And nothing overflows.
    """
    if bounds.gain != 1.0:
        x *= bounds.gain
    distance = np.copysign(x, _MINUS_ONE)
    np.exp(distance, out=distance)
    # |span - distance| where x is positive, |0 - distance| where not: a choice without a branch.
    end = np.copysign(bounds.half_span, x)
    end += bounds.half_span
    np.add(distance, _ONE, out=x)
    distance /= x
    distance *= bounds.span
    end -= distance
    np.abs(end, out=x)
    if bounds.low:
        x += bounds.low
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
        return _unbounded(name, y), None
    at_end = None
    # Two reductions are cheaper than the masks; NaN, which fails both, is no end.
    if y.size and not (y.min() >= bounds.first and y.max() <= bounds.last):
        below, above = y < bounds.first, y > bounds.last
        at_end = below | above
        y = np.where(below, bounds.low_end, np.where(above, bounds.high_end, y))
    return drive(bounds, y), at_end


def drive(bounds: Bounds, y: FloatArray) -> FloatArray:
    """Undo a bounded activation for values strictly between its ends."""
    x = y - bounds.low if bounds.low else y
    x = x / (bounds.high - y)
    np.log(x, out=x)
    if bounds.gain != 1.0:
        x /= bounds.gain
    return x


def _unbounded(name: str, y: FloatArray) -> FloatArray:
    x = y.copy()
    if name == "leakyrelu":
        with np.errstate(over="ignore"):
            np.divide(x, LEAKY_SLOPE, out=x, where=x < 0.0)
    return x

"""`VecScale`: from the point to the latent space along its principal axes."""

# ruff: noqa: D102 (`Stage` says what each method of a stage does)

from __future__ import annotations

from itertools import repeat
from math import erfc, sqrt
from typing import TYPE_CHECKING, ClassVar, Self, get_args

import numpy as np

from timbremap_runtime.core import gaussian
from timbremap_runtime.core.layers.base import Layer, checked
from timbremap_runtime.core.stages import Affine, Stage
from timbremap_runtime.core.types import Scale
from timbremap_runtime.core.warp import Warp
from timbremap_runtime.errors import SettingsError, ShapeError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike

    from timbremap_runtime.core.layers.base import Files
    from timbremap_runtime.core.types import FloatArray

LOWEST_CONTROL = 2.0**-53
"""In the normal scale, c is kept this far from 0 and 1, where Φ⁻¹ is infinite.

It is the distance from 1 to the float64 before it, so 1 is read as its neighbour; the other end
is kept as far away for the sake of symmetry. Both are 8.2 standard deviations out."""

FEW = 300
"""Up to so many numbers, one after the other in C (40 ns each) is quicker than the 10 us and more
that the formulas take in NumPy whatever the size."""

EVEN = "even"
"""The file of the even scale's knots, which other readers of the format do not look at."""

_MINUS_SQRT_HALF = -sqrt(0.5)


class Clip(Stage):
    """Numbers beyond an end become that end; NaN stays NaN.

    Parameters
    ----------
    low, high : float
        The ends.
    both_ways : bool
        Whether `inverse` clips too; else what comes back is known to lie there.
    """

    def __init__(self, low: float, high: float, *, both_ways: bool):
        self.low, self.high, self.both_ways = low, high, both_ways

    def forward(self, x: FloatArray) -> FloatArray:
        # A quarter of the time of np.clip on a small array.
        np.maximum(x, self.low, out=x)
        return np.minimum(x, self.high, out=x)

    def inverse(self, y: FloatArray) -> tuple[FloatArray, None]:
        return (self.forward(y.copy()) if self.both_ways else y), None

    def write_forward(self, x: Sequence[str]) -> list[str]:
        return [
            f"{self.low!r} if {c} < {self.low!r} else {self.high!r} if {c} > {self.high!r} else {c}"
            for c in x
        ]

    def write_inverse(self, y: Sequence[str]) -> list[str]:
        return self.write_forward(y) if self.both_ways else list(y)


class Quantile(Stage):
    """The standard normal quantile Φ⁻¹ of numbers between 0 and 1, and Φ back."""

    functions: ClassVar = {"quantile": gaussian.quantile_of_one, "erfc": erfc}

    def forward(self, x: FloatArray) -> FloatArray:
        if x.size > FEW:
            return gaussian.quantile(x)
        u = map(gaussian.quantile_of_one, x.ravel().tolist(), repeat(0.0), repeat(1.0))
        return np.fromiter(u, np.float64, x.size).reshape(x.shape)

    def inverse(self, y: FloatArray) -> tuple[FloatArray, None]:
        if y.size > FEW:
            return gaussian.cdf(y), None
        c = np.fromiter(map(erfc, (y.ravel() * _MINUS_SQRT_HALF).tolist()), np.float64, y.size)
        c *= 0.5
        return c.reshape(y.shape), None

    def write_forward(self, x: Sequence[str]) -> list[str]:
        return [f"quantile({c}, 0.0, 1.0)" for c in x]

    def write_inverse(self, y: Sequence[str]) -> list[str]:
        return [f"0.5 * erfc({u} * {_MINUS_SQRT_HALF!r})" for u in y]


_UNIT: dict[Scale, tuple[Stage, ...]] = {
    "normal": (Clip(LOWEST_CONTROL, 1.0 - LOWEST_CONTROL, both_ways=False), Quantile()),
    "uniform": (Clip(0.0, 1.0, both_ways=True),),
}
"""From c to u, which the affine part is given: Φ⁻¹(c), or c itself."""


class VecScale(Layer):
    """Point to Z*, the latent space along its principal axes.

        scale     forward C -> Z*              inverse Z* -> C
        normal    z* = mean + std Φ⁻¹(c)       c = Φ((z* - mean) / std)
        uniform   z* = minimum + range c       c = (z* - minimum) / range
        even      z* = mean + std warp(c)      c = warp⁻¹((z* - mean) / std)

    with warp⁻¹ from 0 to 1 over the reach of the even scale, straight between the knots of each
    coordinate (`timbremap_runtime.core.warp`).
    Coordinates outside [0, 1], infinities too, count as the nearer end, which is `LOWEST_CONTROL`
    inside for the normal scale; NaN stays NaN. The inverse stays in [0, 1]. A dimension whose
    std (or range, for the uniform scale) is 0 has the same z* everywhere: its inverse is 0.5.

    Parameters
    ----------
    mean, std, minimum, range : array_like, shape (m,)
        Statistics of the training data in Z*. std and range are not negative.
    scale : {"normal", "uniform", "even"}
        Which of the formulas.
    even : array_like, shape (m, k + 1), optional
        Knots of the even scale: c at k + 1 values of u, strictly increasing from 0 to 1.

    Raises
    ------
    ShapeError
        If the four differ in size.
    SettingsError
        If a number is not finite, a std or range is negative, `scale` is another word, knots do
        not increase, or there are none for the even scale.

    Examples
    --------
    >>> VecScale([0.0], [2.0], [-6.0], [12.0]).forward([0.5])
    array([0.])
    """

    folder = "vec_scale"
    how_many = "one"
    space = "z_star"

    def __init__(
        self,
        mean: ArrayLike,
        std: ArrayLike,
        minimum: ArrayLike,
        range: ArrayLike,
        scale: Scale = "normal",
        even: ArrayLike | None = None,
    ):
        check_scale(scale)
        self.scale: Scale = scale
        self.mean = checked("vec_scale mean", mean, 1)
        self.std = checked("vec_scale std", std, 1)
        self.minimum = checked("vec_scale minimum", minimum, 1)
        self.range = checked("vec_scale range", range, 1)
        self.size_in = self.size_out = size = self.mean.size
        for name in ("std", "minimum", "range"):
            array: FloatArray = getattr(self, name)
            if array.size != size:
                raise ShapeError(
                    f"vec_scale: {name} has {array.size} values, mean has {size}; "
                    "pass one value for each coordinate of the point"
                )
            if name != "minimum" and (array < 0.0).any():
                raise SettingsError(
                    f"vec_scale: {name} has a negative value; pass widths of 0 or more"
                )
        self.even = None if even is None else _checked_knots(even, size)
        self.stages = (*self._unit(), self._affine())

    def _unit(self) -> tuple[Stage, ...]:
        """Make the stages from c to u."""
        if self.scale != "even":
            return _UNIT[self.scale]
        if self.even is None:
            raise SettingsError("vec_scale: this map has no even scale; use 'normal' or 'uniform'")
        return Clip(0.0, 1.0, both_ways=False), Warp(self.even)

    @property
    def affine(self) -> tuple[FloatArray, FloatArray]:
        """(offset, slope), each (m,), of z* = offset + slope u."""
        if self.scale == "uniform":
            return self.minimum, self.range
        return self.mean, self.std

    @property
    def middle(self) -> FloatArray:
        """The u of c = 0.5, (m,): the answer of a dimension without width."""
        if self.scale == "even" and self.even is not None:
            return Warp(self.even).forward(np.full(self.size_in, 0.5))
        return np.full(self.size_in, 0.5 if self.scale == "uniform" else 0.0)

    def _affine(self) -> Affine:
        offset, slope = self.affine
        flat = slope == 0.0
        back = np.where(flat, 0.0, 1.0 / np.where(flat, 1.0, slope))
        return Affine(
            np.diag(slope), offset, np.diag(back), np.where(flat, self.middle, -offset * back)
        )

    def with_scale(self, scale: Scale) -> VecScale:
        """Return the same statistics under another scale."""
        return VecScale(self.mean, self.std, self.minimum, self.range, scale, self.even)

    def with_even(self, even: ArrayLike) -> VecScale:
        """Return the same statistics and scale with other knots of the even scale."""
        return VecScale(self.mean, self.std, self.minimum, self.range, self.scale, even)

    @classmethod
    def read(cls, files: Files, size_in: int | None) -> Self:
        """Make the layer from its files, in the normal scale: the format does not hold it."""
        mean = files.vector("mean", size_in)
        std, minimum, width = (files.vector(name, mean.size) for name in ("std", "min", "range"))
        even = files.vector(EVEN) if files.has(EVEN) else None
        if even is not None and even.size % mean.size == 0:
            even = even.reshape(mean.size, -1)
        return cls(mean, std, minimum, width, even=even)

    def arrays(self) -> Mapping[str, FloatArray]:
        """Return the statistics by the names of their files."""
        arrays = {"mean": self.mean, "std": self.std, "min": self.minimum, "range": self.range}
        return arrays if self.even is None else {**arrays, EVEN: self.even}


def check_scale(scale: str) -> None:
    """Refuse a scale that is none of the three."""
    if scale not in get_args(Scale):
        raise SettingsError(f"unknown scale {scale!r}; pass 'normal', 'uniform' or 'even'")


def _checked_knots(even: ArrayLike, size: int) -> FloatArray:
    knots = checked("vec_scale even", even, 2)
    if knots.shape[0] != size or knots.shape[1] < 2:
        raise ShapeError(
            f"vec_scale even: expected {size} rows of two knots or more, got {knots.shape}"
        )
    whole = (knots[:, 0] == 0.0).all() and (knots[:, -1] == 1.0).all()
    if not whole or not (np.diff(knots, axis=1) > 0.0).all():
        raise SettingsError(
            "vec_scale even: knots do not increase from 0 to 1; measure the scale again"
        )
    return knots

"""`Warp`: each coordinate along straight pieces, the even scale's way from c to u."""

# ruff: noqa: D102 (`Stage` says what each method of a stage does)

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from timbremap_runtime.core.stages import Stage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from timbremap_runtime.core.types import FloatArray

REACH = 3.0
"""The ends of the pad in the even scale, in standard deviations of the training data: 0.13 % of a
normal distribution lies beyond either."""


class Warp(Stage):
    """c_i = knots[i][j] at u_i = -REACH + 2 REACH j / k, for j = 0 to k; straight between them.

    Values beyond an end count as that end; NaN stays NaN.

    Parameters
    ----------
    knots : ndarray, shape (m, k + 1)
        Each row runs from 0 to 1 and increases strictly.
    """

    def __init__(self, knots: FloatArray):
        self.knots = knots
        k = knots.shape[1] - 1
        self.grid = np.linspace(-REACH, REACH, k + 1)
        # c = start + slope u on each piece, and the last piece once more for c = 1.
        slopes = np.diff(knots, axis=1) * (0.5 * k / REACH)
        starts = knots[:, :-1] - slopes * self.grid[:-1]
        pieces = [np.hstack([each, each[:, -1:]]).tolist() for each in (starts, slopes)]
        self._starts, self._slopes = pieces
        # By what `bisect` says, which is one more than the piece: what no c leads to comes first.
        self._widths = [[0.0, *(1.0 / slope for slope in row)] for row in self._slopes]
        self._feet = [[0.0, *row] for row in self._starts]
        self._rows = knots.tolist()
        self._per_unit, self._middle = 0.5 * k / REACH, 0.5 * k

    @property
    def functions(self) -> Mapping[str, Any]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """What the written lines look up: the tables of each coordinate."""
        from bisect import bisect_right  # only here: not every map is even

        tables: dict[str, Any] = {"bisect": bisect_right}
        for i, row in enumerate(self._rows):
            tables |= {f"start{i}": self._starts[i], f"slope{i}": self._slopes[i]}
            tables |= {f"knots{i}": row, f"foot{i}": self._feet[i], f"width{i}": self._widths[i]}
        return tables

    def forward(self, x: FloatArray) -> FloatArray:
        for i, row in enumerate(self.knots):
            x[..., i] = np.interp(x[..., i], row, self.grid)
        return x

    def inverse(self, y: FloatArray) -> tuple[FloatArray, None]:
        x = np.empty_like(y)
        for i, row in enumerate(self.knots):
            x[..., i] = np.interp(y[..., i], self.grid, row)
        return x, None

    def write_forward(self, x: Sequence[str]) -> list[str]:
        # Of NaN, `bisect` makes the piece behind the last, and that makes NaN of it.
        return [
            f"({c} - foot{i}[j := bisect(knots{i}, {c})]) * width{i}[j]" for i, c in enumerate(x)
        ]

    def write_inverse(self, y: Sequence[str]) -> list[str]:
        return [
            f"0.0 if {u} <= {-REACH!r} else 1.0 if {u} >= {REACH!r} else "
            f"start{i}[j := int({u} * {self._per_unit!r} + {self._middle!r})] + slope{i}[j] * {u}"
            for i, u in enumerate(y)
        ]

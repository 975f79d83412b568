"""From what a hand does to the parameters to where the point goes.

The parameters of a performance need not all follow the map: some may be switched off, and a
parameter may be held away from what the map gives. So what is set by hand is solved for the active
parameters only, and from where the point is::

    x' = x + (t(after) - t(before)) . pinv(W_active)

with x the input of the last dense layer (with what is affine before it multiplied in), W its
matrix and t its activation undone; from x' the earlier layers are inverted as usual.

With m active parameters or more (if no two say the same) x' is the least-squares solution, and
for all of them the one of `TimbreMap.inverse`. With fewer, many points give what the hand wants,
and this is the nearest to where the point is: with one dense layer, nearest in standard
deviations. With none the point stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from timbremap_runtime.core import stages
from timbremap_runtime.core.activations import Bounded

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from timbremap_runtime.core.mapping import TimbreMap
    from timbremap_runtime.core.types import FloatArray


class Editor:
    """Solves for the point of one map with one choice of active parameters.

    Parameters
    ----------
    mapping : TimbreMap
        The map.
    active : ndarray of bool, shape (n,), or None
        Which parameters the point is solved for; None for all.
    """

    def __init__(self, mapping: TimbreMap, active: NDArray[np.bool_] | None):
        self._mapping = mapping
        self._active = slice(None) if active is None else active
        self._earlier, self._last, self._end = stages.split_at_last_affine(mapping.stages)
        self._bounds = self._end[-1] if self._end and isinstance(self._end[-1], Bounded) else None
        # Rows of zeros for what is switched off: it has no say.
        self._solution = self._last.inverse_matrix
        if active is not None:
            self._solution = np.zeros_like(self._solution)
            self._solution[active] = np.linalg.pinv(self._last.matrix[:, active])

    def nearest(self, c: FloatArray, p: FloatArray) -> FloatArray:
        """Find the point whose parameters are nearest to `p`, as all of them are set.

        Parameters
        ----------
        c : ndarray, shape (m,)
            Where the point is; it counts when fewer than m parameters are active.
        p : ndarray, shape (n,)
            What is wanted; ends are read as in `TimbreMap.inverse`.

        Returns
        -------
        ndarray, shape (m,)
            The point in [0, 1].
        """
        mapping = self._mapping
        with np.errstate(all="ignore"):
            at_end = False
            wanted = p
            for stage in reversed(self._end):
                wanted, ends = stage.inverse(wanted)
                at_end |= ends is not None and bool(ends[self._active].any())
            x = stages.forward(self._earlier, self._u(c))
            x += (wanted - self._last.forward(x)) @ self._solution
            u, earlier_at_end = stages.inverse(self._earlier, x)
            if at_end or earlier_at_end is not None:
                u = mapping.region.walk(mapping.region.centre, u)
            return stages.inverse(mapping.front, u)[0]

    def drag(self, c: FloatArray, index: int, before: float, after: float) -> FloatArray:
        """Find the point after one parameter was moved by hand.

        The point goes where the parameter leads it, no farther than the border of the region that
        holds the training data. It depends on the two values only, not on those between. The
        last half MIDI step at either end moves nothing: it is infinitely long.

        Parameters
        ----------
        c : ndarray, shape (m,)
            Where the point was at `before`.
        index : int
            The parameter.
        before, after : float
            Its values.

        Returns
        -------
        ndarray, shape (m,)
            The point in [0, 1].
        """
        mapping = self._mapping
        values = np.array([before, after])
        if self._bounds is not None:
            values = np.clip(values, self._bounds.low_end, self._bounds.high_end)
        start = self._u(c)
        with np.errstate(all="ignore"):  # a map without limits takes values without limits
            values, _ = stages.inverse(self._end, values)
            x = (
                stages.forward(self._earlier, start.copy())
                + np.diff(values) * self._solution[index]
            )
            u, _ = stages.inverse(self._earlier, x)
            u = mapping.region.walk(start, u)
            return stages.inverse(mapping.front, u)[0]

    def _u(self, c: FloatArray) -> FloatArray:
        return stages.forward(self._mapping.front, c.copy())

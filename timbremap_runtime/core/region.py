"""Where in control space a point that a parameter asks for is allowed to go.

A parameter at its end can ask for a sound that the map does not have, and least squares then
answers with a point many standard deviations out: a corner of the pad, where every other parameter
runs to an end too. Such a point is stopped on its way there, at the border of the region that holds
the training data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from timbremap_runtime.core.layers.vec_scale import VecScale
    from timbremap_runtime.core.types import FloatArray


class Region:
    """A ball of sqrt(m) + 1 standard deviations around the mean of the training data.

    It holds about 19 of 20 points of a normal distribution, whatever m is, and no corner.

    Points here are u, what the affine part of the chain begins with: Φ⁻¹(c) in the normal
    scale, c itself in the uniform one.

    Parameters
    ----------
    vec_scale : VecScale
        The statistics of the training data.
    """

    def __init__(self, vec_scale: VecScale):
        offset, slope = vec_scale.affine
        std = vec_scale.std
        flat = slope == 0.0
        self.radius = float(np.sqrt(vec_scale.size_in)) + 1.0
        centre = (vec_scale.mean - offset) / np.where(flat, 1.0, slope)
        self.centre = np.where(flat, vec_scale.middle, centre)
        # Standard deviations in one unit of u; none in a dimension where the data has no width.
        self.deviations = np.where(std > 0.0, slope / np.where(std > 0.0, std, 1.0), 0.0)

    def walk(self, start: FloatArray, goal: FloatArray) -> FloatArray:
        """Go straight from `start` to `goal`, but no farther than the border.

        Parameters
        ----------
        start : ndarray, shape (m,)
            If it lies outside the region, the border is a ball through `start`.
        goal : ndarray, shape (..., m)
            NaN stays NaN.

        Returns
        -------
        ndarray, shape (..., m)
            `goal` itself where it is inside.
        """
        with np.errstate(all="ignore"):
            a = (start - self.centre) * self.deviations
            b = (goal - start) * self.deviations
            # In units of its largest number: the square of a far goal would be infinite.
            unit = np.abs(b).max(axis=-1, keepdims=True)
            b = np.where(unit > 0.0, b / unit, b)
            # |a + share b|² = radius², solved for the larger share.
            aa, ab, bb = a @ a, b @ a, (b * b).sum(axis=-1)
            room = np.maximum(self.radius**2 - aa, 0.0)
            share = (np.sqrt(ab * ab + bb * room) - ab) / bb / unit[..., 0]
        outside = share < 1.0
        return np.where(
            outside[..., np.newaxis], start + (goal - start) * share[..., np.newaxis], goal
        )

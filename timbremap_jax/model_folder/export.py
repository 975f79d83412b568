"""From a trained model to the mapping that plays it.

The latent points of the data set give the scale of the control space, and, with PCA, its axes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from timbremap_jax.model.regressor import Regressor
from timbremap_runtime import DenseLayer, PCALayer, TimbreMap, VecScale


class PrincipalAxes(NamedTuple):
    """Principal component analysis of the latent points.

    Attributes
    ----------
    axes : ndarray of float64, shape (m, m)
        Orthonormal axes as columns, the one of largest variance first.
    mean : ndarray of float64, shape (m,)
        Mean of the points.
    """

    axes: NDArray[np.float64]
    mean: NDArray[np.float64]

    def project(self, latent: NDArray[np.floating]) -> NDArray[np.float64]:
        """Turn Z into Z*, both of shape (N, m)."""
        return (latent - self.mean) @ self.axes


def principal_axes(latent: NDArray[np.floating]) -> PrincipalAxes:
    """Find the principal axes of latent points of shape (N, m), by SVD in float64.

    An axis and its opposite serve equally well; the one whose largest component is positive is
    taken, so that two runs agree.
    """
    points = latent.astype(np.float64)
    mean = points.mean(axis=0)
    _, _, rows = np.linalg.svd(points - mean, full_matrices=False)
    largest = np.abs(rows).argmax(axis=1)
    signs = np.sign(rows[np.arange(len(rows)), largest])
    return PrincipalAxes((rows * signs[:, None]).T, mean)


def export_mapping(
    regressor: Regressor, latent: NDArray[np.floating], axes: PrincipalAxes | None
) -> TimbreMap:
    """Make the NumPy mapping of a trained regressor.

    Parameters
    ----------
    regressor : Regressor
        Z to P.
    latent : ndarray, shape (N, m)
        Latent points of the data set, Z; their statistics scale the control space.
    axes : PrincipalAxes or None
        The re-orientation to Z*; None without PCA.
    """
    bias = regressor.dense.bias
    assert bias is not None
    dense = DenseLayer(
        weights=np.asarray(regressor.dense.kernel[...], np.float64),
        biases=np.asarray(bias[...], np.float64),
        activation="sigmoid",
    )
    points = axes.project(latent) if axes else latent.astype(np.float64)
    minimum = points.min(axis=0)
    scale = VecScale(
        mean=points.mean(axis=0),
        std=points.std(axis=0),
        minimum=minimum,
        range=points.max(axis=0) - minimum,
    )
    pca = PCALayer(weights=axes.axes, biases=axes.mean) if axes else None
    return TimbreMap(scale, [dense], pca)

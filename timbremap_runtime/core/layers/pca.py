"""`PCALayer`: out of the principal axes of the latent space."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np

from timbremap_runtime.core.layers.base import Layer, check_shape, checked, sharpened
from timbremap_runtime.core.stages import Affine
from timbremap_runtime.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

    from timbremap_runtime.core.layers.base import Files
    from timbremap_runtime.core.types import FloatArray


class PCALayer(Layer):
    """Z* to the latent space Z: out of the principal axes.

    ::

        forward   z  = z* . weights_inv + biases
        inverse   z* = (z - biases) . weights

    Parameters
    ----------
    weights : array_like, shape (m, m)
        Principal axes as columns.
    biases : array_like, shape (m,)
        Mean of Z.
    weights_inv : array_like, shape (m, m), optional
        Inverse of `weights`, computed when not given.

    Raises
    ------
    ShapeError
        If the sizes do not fit together.
    SettingsError
        If a number is not finite, `weights` has no inverse, or `weights_inv` is not it.
    """

    folder = "pca_layer"
    how_many = "one or none"
    space = "z"

    def __init__(self, weights: ArrayLike, biases: ArrayLike, weights_inv: ArrayLike | None = None):
        self.weights = checked("pca_layer weights", weights, 2)
        self.biases = checked("pca_layer biases", biases, 1)
        self.size_in = self.size_out = size = self.biases.size
        check_shape("pca_layer weights", self.weights, (size, size))
        if weights_inv is None:
            try:
                weights_inv = np.linalg.inv(self.weights)
            except np.linalg.LinAlgError:
                raise SettingsError(
                    "pca_layer: weights has no inverse; pass principal axes as columns"
                ) from None
        self.weights_inv = checked("pca_layer weights_inv", weights_inv, 2)
        check_shape("pca_layer weights_inv", self.weights_inv, (size, size))
        self.exact_inverse = sharpened("pca_layer", self.weights_inv, self.weights)
        back = self.exact_inverse
        self.stages = (Affine(self.weights_inv, self.biases, back, -self.biases @ back),)

    @classmethod
    def read(cls, files: Files, size_in: int | None) -> Self:
        """Make the layer from its files."""
        biases = files.vector("biases", size_in)
        shape = biases.size, biases.size
        return cls(files.matrix("weights", *shape), biases, files.matrix("weights_inv", *shape))

    def arrays(self) -> Mapping[str, FloatArray]:
        """Return the matrices and the mean by the names of their files."""
        return {"weights": self.weights, "biases": self.biases, "weights_inv": self.weights_inv}

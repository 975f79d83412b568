"""`DenseLayer`: from the latent space towards the parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np

from timbremap_runtime.core.activations import ACTIVATIONS
from timbremap_runtime.core.layers.base import Layer, check_shape, checked, sharpened
from timbremap_runtime.core.stages import Affine
from timbremap_runtime.errors import SettingsError, ShapeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

    from timbremap_runtime.core.layers.base import Files
    from timbremap_runtime.core.types import FloatArray


class DenseLayer(Layer):
    """A dense layer of the regressor, from the latent space towards the parameters.

        activation  forward                           inverse
        linear      y = x . weights + b               x = (y - b) . weights_inv
        sigmoid     y = 127 sigmoid(x . weights + b)  x = (logit(y / 127) - b) . weights_inv
        tanh        y = tanh(x . weights + b)         x = (atanh(y) - b) . weights_inv
        leakyrelu   y = v, or 0.01 v where v < 0      x = (u - b) . weights_inv

    with b the biases, v = x . weights + b, and u = y, or 100 y where y < 0.
    `timbremap_runtime.core.activations` tells how the ends of sigmoid and tanh are inverted.

    Parameters
    ----------
    weights : array_like, shape (size_in, size_out)
        size_out is at least size_in: else outputs could not be taken back to one input.
    biases : array_like, shape (size_out,)
        The b of the formulas.
    activation : {"sigmoid", "tanh", "leakyrelu", "linear"}
        What follows the affine part.
    weights_inv : array_like, shape (size_out, size_in), optional
        Moore-Penrose pseudo-inverse of `weights` (the inverse where square), computed when not
        given. It is a right inverse: forward then inverse gives back the input, inverse then
        forward the least-squares projection onto what the layer can reach.

    Raises
    ------
    ShapeError
        If the sizes do not fit together.
    SettingsError
        If a number is not finite, the activation is unknown, or `weights_inv` does not invert
        `weights`.
    """

    folder = "dense_layer"
    how_many = "one or more"
    space = "p"

    def __init__(
        self,
        weights: ArrayLike,
        biases: ArrayLike,
        activation: str = "sigmoid",
        weights_inv: ArrayLike | None = None,
    ):
        if activation not in ACTIVATIONS:
            raise SettingsError(
                f"dense_layer: unknown activation {activation!r}; "
                f"pass one of {', '.join(ACTIVATIONS)}"
            )
        self.activation = activation
        self.weights = checked("dense_layer weights", weights, 2)
        self.biases = checked("dense_layer biases", biases, 1)
        self.size_in, self.size_out = self.weights.shape
        check_shape("dense_layer biases", self.biases, (self.size_out,))
        if self.size_out < self.size_in:
            raise ShapeError(
                f"dense_layer: {self.size_out} outputs for {self.size_in} inputs leave no way back "
                "from P to C; use at least as many outputs as inputs"
            )
        if weights_inv is None:
            weights_inv = np.linalg.pinv(self.weights)
        self.weights_inv = checked("dense_layer weights_inv", weights_inv, 2)
        check_shape("dense_layer weights_inv", self.weights_inv, (self.size_out, self.size_in))
        self.exact_inverse = sharpened("dense_layer", self.weights, self.weights_inv)
        stage, gain = ACTIVATIONS[activation]
        affine = Affine(
            gain * self.weights,
            gain * self.biases,
            self.exact_inverse / gain,
            -self.biases @ self.exact_inverse,
        )
        self.stages = (affine,) if stage is None else (affine, stage)

    @classmethod
    def read(cls, files: Files, size_in: int | None) -> Self:
        """Make the layer from its files."""
        assert size_in is not None  # it is never the first
        biases = files.vector("biases")
        weights = files.matrix("weights", size_in, biases.size)
        weights_inv = files.matrix("weights_inv", biases.size, size_in)
        return cls(weights, biases, files.word("activation", ACTIVATIONS, "linear"), weights_inv)

    def arrays(self) -> Mapping[str, FloatArray]:
        """Return the matrices and the offset by the names of their files."""
        return {"weights": self.weights, "biases": self.biases, "weights_inv": self.weights_inv}

    def words(self) -> Mapping[str, str]:
        """Return the activation; the original wrote none for a linear layer."""
        return {} if self.activation == "linear" else {"activation": self.activation}

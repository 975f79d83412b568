"""The invertible layers of a map: each file of the text format is an argument of one of them.

Row vectors, matrices on the right: a layer takes ``(..., size_in)`` to ``(..., size_out)`` in
`forward` and back in `inverse`. Layers check their sizes and numbers when they are built and do
not change afterwards; their arrays are read-only float64.

The matrices of a file are float32, and so is the inverse beside each: their product is the
identity to seven digits only. `inverse` therefore sharpens the inverse that it is given with
Newton's iteration, X <- X (2 I - W X), which keeps an exact inverse as it is and takes the
rounding away from any other. Saving gives back the numbers as they came.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import numpy as np

from timbremap_runtime.core import gaussian
from timbremap_runtime.core.activations import ACTIVATIONS, activate, deactivate
from timbremap_runtime.core.types import Scale
from timbremap_runtime.errors import SettingsError, ShapeError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from timbremap_runtime.core.types import FloatArray


LOWEST_CONTROL = 2.0**-53
"""In the normal scale, c is kept this far from 0 and 1, where Φ⁻¹ is infinite.

It is the distance from 1 to the float64 before it, so 1 is read as its neighbour; the other end
is kept as far away for the sake of symmetry. Both are 8.2 standard deviations out."""


class VecScale:
    """Controller to Z*, the latent space along its principal axes.

        scale     forward C -> Z*              inverse Z* -> C
        normal    z* = mean + std Φ⁻¹(c)       c = Φ((z* - mean) / std)
        uniform   z* = minimum + range c       c = (z* - minimum) / range

    Controls outside [0, 1], infinities too, count as the nearer end, which is `LOWEST_CONTROL`
    inside for the normal scale; NaN stays NaN. The inverse stays in [0, 1]. A dimension whose
    std (or range, for the uniform scale) is 0 has the same z* everywhere: its inverse is 0.5.

    Parameters
    ----------
    mean, std, minimum, range : array_like, shape (m,)
        Statistics of the training data in Z*. std and range are not negative.
    scale : {"normal", "uniform"}
        Which of the two formulas.

    Raises
    ------
    ShapeError
        If the four differ in size.
    SettingsError
        If a number is not finite, a std or range is negative, or `scale` is another word.

    Examples
    --------
    >>> VecScale([0.0], [2.0], [-6.0], [12.0]).forward([0.5])
    array([0.])
    """

    def __init__(
        self,
        mean: ArrayLike,
        std: ArrayLike,
        minimum: ArrayLike,
        range: ArrayLike,
        scale: Scale = "normal",
    ):
        check_scale(scale)
        self.scale: Scale = scale
        self.mean = _numbers("vec_scale mean", mean, 1)
        self.std = _numbers("vec_scale std", std, 1)
        self.minimum = _numbers("vec_scale minimum", minimum, 1)
        self.range = _numbers("vec_scale range", range, 1)
        self.size = self.mean.size
        for name in ("std", "minimum", "range"):
            array: FloatArray = getattr(self, name)
            if array.size != self.size:
                raise ShapeError(
                    f"vec_scale: {name} has {array.size} values, mean has {self.size}: "
                    "pass one value for each control"
                )
            if name != "minimum" and (array < 0.0).any():
                raise SettingsError(f"vec_scale: {name} has a negative value: it is a width")

    def forward(self, c: ArrayLike) -> FloatArray:
        """Take controls (..., m) in [0, 1] to z* (..., m)."""
        offset, slope = self.affine
        return self.spread(rows("vec_scale", c, self.size)) * slope + offset

    def inverse(self, z_star: ArrayLike) -> FloatArray:
        """Take z* (..., m) to controls (..., m) in [0, 1]."""
        offset, slope = self.affine
        z_star = rows("vec_scale", z_star, self.size)
        u = np.full_like(z_star, self.middle)
        np.divide(z_star - offset, slope, out=u, where=slope > 0.0)
        return self.unspread(u)

    @property
    def affine(self) -> tuple[FloatArray, FloatArray]:
        """(offset, slope), each (m,), of z* = offset + slope * spread(c)."""
        if self.scale == "normal":
            return self.mean, self.std
        return self.minimum, self.range

    @property
    def middle(self) -> float:
        """What `spread` makes of 0.5: the answer of a dimension without width."""
        return 0.0 if self.scale == "normal" else 0.5

    def spread(self, c: FloatArray) -> FloatArray:
        """Do the part of `forward` that is not affine: Φ⁻¹(c), or c itself, in range."""
        if self.scale == "normal":
            return gaussian.quantile(np.clip(c, LOWEST_CONTROL, 1.0 - LOWEST_CONTROL))
        return np.clip(c, 0.0, 1.0)

    def unspread(self, u: FloatArray) -> FloatArray:
        """Undo `spread`."""
        return gaussian.cdf(u) if self.scale == "normal" else np.clip(u, 0.0, 1.0)


class PCALayer:
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

    def __init__(self, weights: ArrayLike, biases: ArrayLike, weights_inv: ArrayLike | None = None):
        self.weights = _numbers("pca_layer weights", weights, 2)
        self.biases = _numbers("pca_layer biases", biases, 1)
        self.size = self.biases.size
        _check_shape("pca_layer weights", self.weights, (self.size, self.size))
        if weights_inv is None:
            try:
                weights_inv = np.linalg.inv(self.weights)
            except np.linalg.LinAlgError:
                raise SettingsError(
                    "pca_layer: weights has no inverse: pass principal axes as columns"
                ) from None
        self.weights_inv = _numbers("pca_layer weights_inv", weights_inv, 2)
        _check_shape("pca_layer weights_inv", self.weights_inv, (self.size, self.size))
        self.exact_inverse = _sharpened("pca_layer", self.weights_inv, self.weights)

    def forward(self, z_star: ArrayLike) -> FloatArray:
        """Take z* (..., m) to z (..., m)."""
        return rows("pca_layer", z_star, self.size) @ self.weights_inv + self.biases

    def inverse(self, z: ArrayLike) -> FloatArray:
        """Z (..., m) to z* (..., m)."""
        return (rows("pca_layer", z, self.size) - self.biases) @ self.exact_inverse


class DenseLayer:
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

    def __init__(
        self,
        weights: ArrayLike,
        biases: ArrayLike,
        activation: str = "sigmoid",
        weights_inv: ArrayLike | None = None,
    ):
        if activation not in ACTIVATIONS:
            raise SettingsError(
                f"activation {activation!r} is unknown: pass one of {', '.join(ACTIVATIONS)}"
            )
        self.activation = activation
        self.weights = _numbers("dense_layer weights", weights, 2)
        self.biases = _numbers("dense_layer biases", biases, 1)
        self.size_in, self.size_out = self.weights.shape
        _check_shape("dense_layer biases", self.biases, (self.size_out,))
        if self.size_out < self.size_in:
            raise ShapeError(
                f"dense_layer: {self.size_out} outputs for {self.size_in} inputs: a layer needs at "
                "least as many outputs as inputs, or there is no way back from P to C"
            )
        if weights_inv is None:
            weights_inv = np.linalg.pinv(self.weights)
        self.weights_inv = _numbers("dense_layer weights_inv", weights_inv, 2)
        _check_shape("dense_layer weights_inv", self.weights_inv, (self.size_out, self.size_in))
        self.exact_inverse = _sharpened("dense_layer", self.weights, self.weights_inv)

    def forward(self, x: ArrayLike) -> FloatArray:
        """Take inputs (..., size_in) to outputs (..., size_out)."""
        v = rows("dense_layer", x, self.size_in) @ self.weights + self.biases
        return activate(self.activation, v)

    def inverse(self, y: ArrayLike) -> FloatArray:
        """Take outputs (..., size_out) to inputs (..., size_in)."""
        x, _ = deactivate(self.activation, rows("dense_layer", y, self.size_out))
        x -= self.biases
        return x @ self.exact_inverse


def check_scale(scale: str) -> None:
    """Refuse a scale that is neither "normal" nor "uniform"."""
    if scale not in get_args(Scale):
        raise SettingsError(f"scale {scale!r} is unknown: pass 'normal' or 'uniform'")


def _numbers(name: str, values: ArrayLike, n_dimensions: int) -> FloatArray:
    """Copy `values` into a read-only float64 array, checked."""
    try:
        array = np.array(values, dtype=np.float64, order="C")
    except (TypeError, ValueError):
        raise SettingsError(f"{name}: not an array of numbers") from None
    if array.ndim != n_dimensions or array.size == 0:
        wanted = "a vector" if n_dimensions == 1 else "a matrix"
        raise ShapeError(f"{name}: expected {wanted} that is not empty, got shape {array.shape}")
    # Beyond float32 the format could not hold it; NaN fails the comparison too.
    if not (np.abs(array) <= np.finfo(np.float32).max).all():
        raise SettingsError(f"{name}: a value is NaN, infinite or too large for float32")
    array.setflags(write=False)
    return array


def _check_shape(name: str, array: FloatArray, expected: tuple[int, ...]) -> None:
    if array.shape != expected:
        raise ShapeError(f"{name}: expected shape {expected}, got {array.shape}")


def rows(name: str, values: ArrayLike, size: int) -> FloatArray:
    """Make an array (..., size) of `values`, or tell what `name` expected."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ShapeError(f"{name}: expected numbers of shape (..., {size})") from None
    if array.ndim == 0 or array.shape[-1] != size:
        raise ShapeError(f"{name}: expected shape (..., {size}), got {array.shape}")
    return array


def _sharpened(name: str, w: FloatArray, x: FloatArray) -> FloatArray:
    """Take the rounding out of `x`, an inverse of `w` (k x n) from the right.

    Measured by w x w - w, which is zero for every generalized inverse: so a matrix without full
    rank, as a collapsed latent dimension leaves it, keeps the inverse that it came with.
    """

    def error(candidate: FloatArray) -> float:
        return float(np.linalg.norm(w @ candidate @ w - w))

    twice = 2.0 * np.eye(w.shape[0])
    best = error(x)
    # A float32 inverse is some 1e-6 off. 1e-2 is no rounding: it is the inverse of another matrix.
    if best > 1e-2 * float(np.linalg.norm(w)) or (not w.any() and x.any()):
        raise SettingsError(f"{name}: weights_inv is not the inverse of weights")
    for _ in range(8):
        candidate = x @ (twice - w @ x)
        remaining = error(candidate)
        if not remaining < best:
            break
        x, best = candidate, remaining
    return x

"""`TimbreMap`: the whole chain, C to P and back.

::

    C  --vec_scale-->  Z*  --pca_layer-->  Z  --dense_layer_0, 1, ...-->  P

c is a position on the controller, (..., m) in [0, 1]; z* and z are the latent space along its
principal axes and as the encoder made it; p are the parameters, (..., n) in [0, 127].

All that is affine between two activations is multiplied together once, when a map is built: with
one dense layer the whole chain is p = 127 sigmoid(Φ⁻¹(c) . A + d).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from timbremap_runtime.activations import activate, deactivate
from timbremap_runtime.errors import SettingsError, ShapeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from timbremap_runtime.layers import DenseLayer, PCALayer, Scale, VecScale

    FloatArray = NDArray[np.float64]


class Trace(NamedTuple):
    """Every stage of a forward pass."""

    c: FloatArray
    """Controls (..., m) as they were given."""
    z_star: FloatArray
    """Latent space along its principal axes, (..., m)."""
    z: FloatArray
    """Latent space, (..., m); the same as `z_star` without a PCA layer."""
    p: FloatArray
    """Parameters (..., n)."""


class Stage(NamedTuple):
    """An affine map and the activation after it: y = activation(x . matrix + offset)."""

    matrix: FloatArray
    offset: FloatArray
    activation: str
    inverse_matrix: FloatArray
    """With `inverse_offset`: x = activation⁻¹(y) . inverse_matrix + inverse_offset."""
    inverse_offset: FloatArray


class TimbreMap:
    """An invertible map from a controller to the parameters of a synthesizer.

    A map does not change after it is built; any number of threads may use one.

    Parameters
    ----------
    vec_scale : VecScale
        C to Z*.
    pca : PCALayer or None
        Z* to Z; None for a map trained without PCA.
    dense : sequence of DenseLayer
        Z to P, one layer or more.

    Attributes
    ----------
    control_size : int
        m, the size of C, Z* and Z.
    parameter_size : int
        n, the size of P; n >= m.

    Raises
    ------
    ShapeError
        If a layer does not fit the one before it; the message names it and both sizes.

    Examples
    --------
    >>> from timbremap_runtime import DenseLayer, TimbreMap, VecScale
    >>> dense = DenseLayer([[1.0, -1.0, 0.5]], [0.0, 0.0, 0.0])
    >>> mapping = TimbreMap(VecScale([0.0], [1.0], [-3.0], [6.0]), None, [dense])
    >>> mapping.forward([0.5])
    array([63.5, 63.5, 63.5])
    >>> mapping.inverse([63.5, 63.5, 63.5])
    array([0.5])
    """

    def __init__(self, vec_scale: VecScale, pca: PCALayer | None, dense: Sequence[DenseLayer]):
        self.vec_scale = vec_scale
        self.pca = pca
        self.dense = tuple(dense)
        _check_sizes(vec_scale, pca, self.dense)
        self.control_size = vec_scale.size
        self.parameter_size = self.dense[-1].size_out
        self._stages = _compose(vec_scale, pca, self.dense)
        self._region = Region(vec_scale)

    @property
    def scale(self) -> Scale:
        """How [0, 1] becomes Z*: "normal" or "uniform"."""
        return self.vec_scale.scale

    def forward(self, c: ArrayLike, out: FloatArray | None = None) -> FloatArray:
        """Parameters at a position of the controller.

        Parameters
        ----------
        c : array_like, shape (m,) or (..., m)
            Controls in [0, 1]. What lies outside counts as the nearer end, infinities too; NaN
            makes its whole frame NaN.
        out : ndarray of float64, shape (n,) or (..., n), optional
            Where to put the result.

        Returns
        -------
        ndarray, shape (n,) or (..., n)
            Parameters, in [0, 127] when the last activation is the sigmoid.

        Raises
        ------
        ShapeError
            If the last axis of `c` is not m.
        """
        c = _rows("forward", "m", c, self.control_size)
        x = self.vec_scale.spread(c)
        for stage in self._stages:
            x = activate(stage.activation, x @ stage.matrix + stage.offset)
        return _result(x, out)

    def inverse(self, p: ArrayLike, out: FloatArray | None = None) -> FloatArray:
        """Position of the controller whose parameters are nearest, as the layers measure it.

        After `forward` it gives back c to 1e-9, as long as no sigmoid is driven past ±15. For
        other parameters it is the least-squares projection of FORMAT: nearest in the values
        before the activation.

        Parameters
        ----------
        p : array_like, shape (n,) or (..., n)
            Parameters. Both ends, and what lies beyond, count as half a MIDI step inside, and a
            position that such a slider leads to is kept inside the region where the training
            data lies (see `Region`); NaN makes its whole frame NaN.
        out : ndarray of float64, shape (m,) or (..., m), optional
            Where to put the result.

        Returns
        -------
        ndarray, shape (m,) or (..., m)
            Controls in [0, 1].

        Raises
        ------
        ShapeError
            If the last axis of `p` is not n.
        """
        y = _rows("inverse", "n", p, self.parameter_size)
        at_end = np.zeros(y.shape[:-1], dtype=np.bool_)
        for stage in reversed(self._stages):
            y, ends = deactivate(stage.activation, y)
            if ends is not None:
                at_end |= ends.any(axis=-1)
            y = y @ stage.inverse_matrix + stage.inverse_offset
        if at_end.any():
            y[at_end] = self._region.pull(self._region.centre, y[at_end])
        return _result(self.vec_scale.unspread(y), out)

    def trace(self, c: ArrayLike) -> Trace:
        """Every stage of `forward` by name, computed layer by layer.

        Parameters
        ----------
        c : array_like, shape (m,) or (..., m)
            Controls in [0, 1].

        Returns
        -------
        Trace
            c, z_star, z and p.
        """
        c = _rows("trace", "m", c, self.control_size)
        z_star = self.vec_scale.forward(c)
        z = z_star if self.pca is None else self.pca.forward(z_star)
        p = z
        for layer in self.dense:
            p = layer.forward(p)
        return Trace(c, z_star, z, p)


class Region:
    """Where the training data lies in control space: a ball of sqrt(m) + 1 standard deviations.

    A slider at its end can ask for a sound that the map does not have, and least squares then
    answers with a point many standard deviations out: a corner of the controller, where every
    other slider is at an end too. Such a point is pulled back, along the line from a position
    that is known to be good, to the border of this ball. The ball holds about 19 of 20 points
    of a normal distribution whatever m is, and of its points none has more than one control near
    its end.
    """

    def __init__(self, vec_scale: VecScale):
        offset, slope = vec_scale.affine
        flat = slope == 0.0
        # Positions here are u of z* = offset + slope u; u is Φ⁻¹(c), or c in the uniform scale.
        self.centre = np.where(flat, 0.0, (vec_scale.mean - offset) / np.where(flat, 1.0, slope))
        std = vec_scale.std
        self._per_std = np.where(std > 0.0, slope / np.where(std > 0.0, std, 1.0), 0.0)
        self.radius = float(np.sqrt(vec_scale.size)) + 1.0

    def distance(self, u: FloatArray) -> FloatArray:
        """Distance (...,) from the mean of the training data, in standard deviations."""
        distance: FloatArray = np.linalg.norm((u - self.centre) * self._per_std, axis=-1)
        return distance

    def pull(self, start: FloatArray, u: FloatArray) -> FloatArray:
        """Go from `start` (inside) towards `u` (rows, m), no farther than the border."""
        reach = np.maximum(self.distance(u), self.radius)
        return start + (u - start) * (self.radius / reach)[..., np.newaxis]


def _check_sizes(vec_scale: VecScale, pca: PCALayer | None, dense: tuple[DenseLayer, ...]) -> None:
    if not dense:
        raise ShapeError("a map needs at least one dense layer to reach the parameters")
    before, size = "vec_scale", vec_scale.size
    if pca is not None:
        if pca.size != size:
            raise ShapeError(f"pca_layer takes {pca.size} values, {before} gives {size}")
        before = "pca_layer"
    for index, layer in enumerate(dense):
        if layer.size_in != size:
            raise ShapeError(
                f"dense_layer_{index} takes {layer.size_in} values, {before} gives {size}"
            )
        before, size = f"dense_layer_{index}", layer.size_out


def _compose(
    vec_scale: VecScale, pca: PCALayer | None, dense: tuple[DenseLayer, ...]
) -> tuple[Stage, ...]:
    """Multiply together what is affine between two activations."""
    offset, slope = vec_scale.affine
    flat = slope == 0.0
    inverse_slope = np.where(flat, 0.0, 1.0 / np.where(flat, 1.0, slope))
    middle = 0.0 if vec_scale.scale == "normal" else 0.5
    matrix, back = np.diag(slope), np.diag(inverse_slope)
    back_offset = np.where(flat, middle, -offset * inverse_slope)
    if pca is not None:
        matrix, offset = matrix @ pca.weights_inv, offset @ pca.weights_inv + pca.biases
        back = pca.exact_inverse @ back
        back_offset = back_offset - pca.biases @ back
    stages: list[Stage] = []
    for index, layer in enumerate(dense):
        matrix, offset = matrix @ layer.weights, offset @ layer.weights + layer.biases
        back = layer.exact_inverse @ back
        back_offset = back_offset - layer.biases @ back
        if layer.activation != "linear" or index == len(dense) - 1:
            stages.append(Stage(matrix, offset, layer.activation, back, back_offset))
            matrix = back = np.eye(layer.size_out)
            offset = back_offset = np.zeros(layer.size_out)
    return tuple(stages)


def _rows(method: str, letter: str, values: ArrayLike, size: int) -> FloatArray:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim == 0 or array.shape[-1] != size:
        raise ShapeError(
            f"{method}: expected shape ({size},) or (..., {size}), {letter} = {size}, "
            f"got {array.shape}"
        )
    return array


def _result(values: FloatArray, out: FloatArray | None) -> FloatArray:
    if out is None:
        return values
    if out.shape != values.shape or out.dtype != np.float64:
        raise SettingsError(
            f"out: expected a float64 array of shape {values.shape}, got {out.dtype} {out.shape}"
        )
    out[...] = values
    return out

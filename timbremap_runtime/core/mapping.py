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
from numpy import ndarray

from timbremap_runtime.core.activations import ACTIVATIONS, activate, deactivate
from timbremap_runtime.core.layers import rows
from timbremap_runtime.core.region import Region
from timbremap_runtime.core.unrolled import LEFT_TO_BATCH, few_rows, forward_frame, inverse_frame
from timbremap_runtime.errors import SettingsError, ShapeError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike

    from timbremap_runtime.core.layers import DenseLayer, PCALayer, VecScale
    from timbremap_runtime.core.types import FloatArray, Scale
    from timbremap_runtime.core.unrolled import Frame


BLOCK_SIZE = 2**16
"""Numbers in a block of a batch: half a MiB an array, so that what a block needs stays in cache."""


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
    parameter_range : (float, float) or None
        What the last activation leaves for P: (0, 127) for the sigmoid, None for no limits.
    stages : tuple of Stage
        The chain after Φ⁻¹, with what is affine multiplied together.
    region : Region
        Where a slider at its end may lead to.

    Raises
    ------
    ShapeError
        If a layer does not fit the one before it; the message names it and both sizes.
    SettingsError
        If the numbers are so large that the layers multiplied together overflow.

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
        bounds = ACTIVATIONS[self.dense[-1].activation]
        self.parameter_range = None if bounds is None else (bounds.low, bounds.high)
        with np.errstate(all="ignore"):
            self.stages = _compose(vec_scale, pca, self.dense)
        for stage in self.stages:
            if not all(
                np.isfinite(array).all() for array in stage if isinstance(array, np.ndarray)
            ):
                raise SettingsError("the layers multiplied together pass the range of float64")
        self.region = Region(vec_scale)
        self._widest = max(layer.size_out for layer in self.dense)
        self._forward_frame = forward_frame(vec_scale.scale, self.stages)
        self._inverse_frame = inverse_frame(vec_scale.scale, self.stages)
        self._few_rows = few_rows(self.stages)

    def __reduce__(self):
        # The written-out frames cannot be pickled; the layers make them anew.
        return TimbreMap, (self.vec_scale, self.pca, self.dense)

    def __repr__(self) -> str:
        return f"<TimbreMap {self.control_size} -> {self.parameter_size}, {self.scale} scale>"

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
        # `inverse` does the same steps: to share them would cost a small frame a tenth of its time.
        # A frame refuses another size than its own by itself, in half the time of a look at shape.
        if type(c) is not ndarray:
            c = rows("forward", c, self.control_size)
        if c.ndim == 1:
            try:
                p = self._forward_frame(c)
            except LEFT_TO_BATCH:
                p = None
            if p is not None:
                if out is None:
                    return p
                _prepared(out, p.shape)[...] = p
                return out
        c = rows("forward", c, self.control_size)
        p = _row_by_row(self._forward_frame, c, self._few_rows)
        if p is None:
            return self._in_blocks(self._forward_rows, c, self.parameter_size, out)
        if out is None:
            return p
        _prepared(out, p.shape)[...] = p
        return out

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
            data lies (see `timbremap_runtime.core.region`); NaN makes its whole frame NaN.
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
        if type(p) is not ndarray:
            p = rows("inverse", p, self.parameter_size)
        if p.ndim == 1:
            try:
                c = self._inverse_frame(p)
            except LEFT_TO_BATCH:
                c = None
            if c is not None:
                if out is None:
                    return c
                _prepared(out, c.shape)[...] = c
                return out
        p = rows("inverse", p, self.parameter_size)
        c = _row_by_row(self._inverse_frame, p, self._few_rows)
        if c is None:
            return self._in_blocks(self._inverse_rows, p, self.control_size, out)
        if out is None:
            return c
        _prepared(out, c.shape)[...] = c
        return out

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
        c = rows("trace", c, self.control_size)
        z_star = self.vec_scale.forward(c)
        z = z_star if self.pca is None else self.pca.forward(z_star)
        p = z
        for layer in self.dense:
            p = layer.forward(p)
        return Trace(c, z_star, z, p)

    def _forward_rows(self, c: FloatArray) -> FloatArray:
        x = self.vec_scale.spread(c)
        for stage in self.stages:
            x = x @ stage.matrix
            x += stage.offset
            x = activate(stage.activation, x)
        return x

    def _inverse_rows(self, y: FloatArray) -> FloatArray:
        at_end = np.zeros(y.shape[:-1], dtype=np.bool_)
        for stage in reversed(self.stages):
            y, ends = deactivate(stage.activation, y)
            if ends is not None:
                at_end |= ends.any(axis=-1)
            y = y @ stage.inverse_matrix
            y += stage.inverse_offset
        if at_end.any():
            y[at_end] = self.region.walk(self.region.centre, y[at_end])
        return self.vec_scale.unspread(y)

    def _in_blocks(
        self,
        function: Callable[[FloatArray], FloatArray],
        values: FloatArray,
        size_out: int,
        out: FloatArray | None,
    ) -> FloatArray:
        """Apply `function` to all rows, so many at a time that a block stays in the cache."""
        result = _prepared(out, (*values.shape[:-1], size_out))
        flat = values.reshape(-1, values.shape[-1])
        # Rows cannot be written through a reshaped view that had to be copied, nor before all
        # that overlaps them has been read.
        direct = result.flags.c_contiguous and not np.may_share_memory(flat, result)
        target = (result if direct else np.empty(result.shape)).reshape(-1, size_out)
        n_rows = max(BLOCK_SIZE // self._widest, 1)
        with np.errstate(all="ignore"):
            for first in range(0, len(flat), n_rows):
                block = slice(first, first + n_rows)
                target[block] = function(flat[block])
        if not direct:
            result[...] = target.reshape(result.shape)
        return result


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
    matrix, back = np.diag(slope), np.diag(inverse_slope)
    back_offset = np.where(flat, vec_scale.middle, -offset * inverse_slope)
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


def _row_by_row(frame: Frame, values: FloatArray, most: int) -> FloatArray | None:
    """Apply `frame` to each row of a small batch; None if there are more, or one needs more care.

    A batch's calls of NumPy cost what they cost for one row: as much as a few dozen frames.
    """
    n_rows = values.size // values.shape[-1]
    if values.ndim == 1 or not 0 < n_rows <= most:
        return None
    results: list[FloatArray] = []
    for row in values.reshape(n_rows, -1):
        try:
            result = frame(row)
        except LEFT_TO_BATCH:
            return None
        if result is None:
            return None
        results.append(result)
    return np.array(results).reshape(*values.shape[:-1], -1)


def _prepared(out: FloatArray | None, shape: tuple[int, ...]) -> FloatArray:
    if out is None:
        return np.empty(shape)
    if out.shape != shape or out.dtype != np.float64:
        raise ShapeError(f"out: expected float64 of shape {shape}, got {out.dtype} {out.shape}")
    return out

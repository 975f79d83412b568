"""`TimbreMap`: the whole chain, C to P and back.

::

    C  --vec_scale-->  Z*  --pca_layer-->  Z  --dense_layer_0, 1, ...-->  P

c is a point on the pad, (..., m) in [0, 1]; z* and z are the latent space along its
principal axes and as the encoder made it; p are the parameters, (..., n) in [0, 127].

All that is affine between two activations is multiplied together once, when a map is built: with
one dense layer the whole chain is p = 127 sigmoid(Φ⁻¹(c) . A + d).
"""

from __future__ import annotations

import linecache
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy import ndarray

from timbremap_runtime.core import layers, stages
from timbremap_runtime.core.activations import Bounded
from timbremap_runtime.core.layers.base import as_frames
from timbremap_runtime.core.layers.dense import DenseLayer
from timbremap_runtime.core.layers.pca import PCALayer
from timbremap_runtime.core.layers.vec_scale import VecScale
from timbremap_runtime.core.region import Region
from timbremap_runtime.core.stages import Affine
from timbremap_runtime.core.unrolled import LEFT_TO_BATCH, few_rows, forward_frame, inverse_frame
from timbremap_runtime.errors import SettingsError, ShapeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import ArrayLike

    from timbremap_runtime.core.layers.base import Layer
    from timbremap_runtime.core.types import FloatArray, Scale
    from timbremap_runtime.core.unrolled import Frame


BLOCK_SIZE = 3 * 2**13
"""Numbers in a block of a batch: 192 KiB an array, so that what a block needs stays in cache.

Blocks are done one after the other. Two threads on two cores were slower than one at every size:
between calls of NumPy a thread waits longer for the interpreter's lock than a call takes."""


class Trace(NamedTuple):
    """Every stage of a forward pass."""

    c: FloatArray
    """Points (..., m) as they were given."""
    z_star: FloatArray
    """Latent space along its principal axes, (..., m)."""
    z: FloatArray
    """Latent space, (..., m); the same as `z_star` without a PCA layer."""
    p: FloatArray
    """Parameters (..., n)."""


class TimbreMap:
    """An invertible map from a point on a pad to the parameters of a synthesizer.

    A map does not change after it is built; any number of threads may use one.

    Parameters
    ----------
    scale : VecScale
        C to Z*.
    dense : sequence of DenseLayer
        Z to P, one layer or more.
    pca : PCALayer, optional
        Z* to Z; None for a map trained without PCA.

    Attributes
    ----------
    layers : tuple of Layer
        All of them, in the order in which the point goes through them.
    control_size : int
        m, the size of C, Z* and Z.
    parameter_size : int
        n, the size of P; n >= m.
    parameter_range : (float, float) or None
        What the last activation leaves for P: (0, 127) for the sigmoid, None for no limits.
    front : tuple of Stage
        From c to u, where one is the width of the data: Φ⁻¹ in the normal scale.
    stages : tuple of Stage
        From u to p, with what is affine multiplied together; the first is affine.
    region : Region
        Where a parameter at its end may lead to, in u.

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
    >>> mapping = TimbreMap(VecScale([0.0], [1.0], [-3.0], [6.0]), [dense])
    >>> mapping.forward([0.5])
    array([63.5, 63.5, 63.5])
    >>> mapping.inverse([63.5, 63.5, 63.5])
    array([0.5])
    """

    def __init__(self, scale: VecScale, dense: Sequence[DenseLayer], pca: PCALayer | None = None):
        self._build([scale, *([] if pca is None else [pca]), *dense])

    @classmethod
    def of(cls, *layers: Layer) -> TimbreMap:
        """Make a map of any layers, in the order of `timbremap_runtime.core.layers.LAYERS`."""
        mapping = cls.__new__(cls)
        mapping._build(layers)
        return mapping

    def _build(self, chain: Iterable[Layer]) -> None:
        self.layers = tuple(chain)
        named_layers(self.layers)  # refuses those that do not fit together
        self.control_size = self.layers[0].size_in
        self.parameter_size = self.layers[-1].size_out
        (self._scale,) = (layer for layer in self.layers if isinstance(layer, VecScale))
        with np.errstate(all="ignore"):
            every = stages.composed(stage for layer in self.layers for stage in layer.stages)
        for stage in every:
            if isinstance(stage, Affine) and not stage.is_finite():
                raise SettingsError(
                    "the layers multiplied together exceed the range of float64; "
                    "pass smaller numbers"
                )
        n_front = next(i for i, stage in enumerate(every) if isinstance(stage, Affine))
        self.front, self.stages = every[:n_front], every[n_front:]
        last = every[-1]
        self.parameter_range = (last.low, last.high) if isinstance(last, Bounded) else None
        self.region = Region(self._scale)
        self._widest = max(layer.size_out for layer in self.layers)
        self._forward_frame = forward_frame(every)
        self._inverse_frame = inverse_frame(every)
        self._few_rows = few_rows(every)

    def __reduce__(self):
        # The written-out frames cannot be pickled; the layers make them anew.
        return TimbreMap.of, self.layers

    def __repr__(self) -> str:
        return f"<TimbreMap {self.control_size} -> {self.parameter_size}, {self.scale} scale>"

    @property
    def vec_scale(self) -> VecScale:
        """The layer from C to Z*."""
        return self._scale

    @property
    def pca(self) -> PCALayer | None:
        """The layer from Z* to Z; None in a map trained without PCA."""
        return next((layer for layer in self.layers if isinstance(layer, PCALayer)), None)

    @property
    def dense(self) -> tuple[DenseLayer, ...]:
        """The layers from Z to P."""
        return tuple(layer for layer in self.layers if isinstance(layer, DenseLayer))

    @property
    def scale(self) -> Scale:
        """How [0, 1] becomes Z*: "normal", "uniform" or "even"."""
        return self._scale.scale

    def frame_source(self, direction: Literal["forward", "inverse"]) -> str:
        """Return the Python source of the function that does a single frame (see `unrolled`)."""
        frame = self._forward_frame if direction == "forward" else self._inverse_frame
        return "".join(linecache.getlines(frame.__code__.co_filename)).rstrip()

    def forward(self, c: ArrayLike, out: FloatArray | None = None) -> FloatArray:
        """Parameters at a point.

        Parameters
        ----------
        c : array_like, shape (m,) or (..., m)
            Points in [0, 1]. What lies outside counts as the nearer end, infinities too; NaN
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
            c = as_frames("forward", c, self.control_size)
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
        c = as_frames("forward", c, self.control_size)
        p = _row_by_row(self._forward_frame, c, self._few_rows)
        if p is None:
            return self._in_blocks(self._forward_rows, c, self.parameter_size, out)
        if out is None:
            return p
        _prepared(out, p.shape)[...] = p
        return out

    def inverse(self, p: ArrayLike, out: FloatArray | None = None) -> FloatArray:
        """Point whose parameters are nearest, as the layers measure it.

        After `forward` it gives back c to 1e-9, as long as no sigmoid is driven past ±15. For
        other parameters it is the least-squares projection of FORMAT: nearest in the values
        before the activation.

        Parameters
        ----------
        p : array_like, shape (n,) or (..., n)
            Parameters. Both ends, and what lies beyond, count as half a MIDI step inside, and a
            point that such a parameter leads to is kept inside the region where the training
            data lies (see `timbremap_runtime.core.region`); NaN makes its whole frame NaN.
        out : ndarray of float64, shape (m,) or (..., m), optional
            Where to put the result.

        Returns
        -------
        ndarray, shape (m,) or (..., m)
            Points in [0, 1].

        Raises
        ------
        ShapeError
            If the last axis of `p` is not n.
        """
        if type(p) is not ndarray:
            p = as_frames("inverse", p, self.parameter_size)
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
        p = as_frames("inverse", p, self.parameter_size)
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
            Points in [0, 1].

        Returns
        -------
        Trace
            c, z_star, z and p.
        """
        c = x = as_frames("trace", c, self.control_size)
        spaces: dict[str, FloatArray] = {}
        for layer in self.layers:
            x = spaces[layer.space] = layer.forward(x)
        z_star, p = spaces["z_star"], spaces["p"]
        return Trace(c, z_star, spaces.get("z", z_star), p)

    def _forward_rows(self, c: FloatArray) -> FloatArray:
        return stages.forward(self.stages, stages.forward(self.front, c.copy()))

    def _inverse_rows(self, p: FloatArray) -> FloatArray:
        u, at_end = stages.inverse(self.stages, p)
        if at_end is not None:
            u[at_end] = self.region.walk(self.region.centre, u[at_end])
        return stages.inverse(self.front, u)[0]

    def _in_blocks(
        self,
        function: Callable[[FloatArray], FloatArray],
        values: FloatArray,
        size_out: int,
        out: FloatArray | None,
    ) -> FloatArray:
        """Apply `function` to all rows, so many at a time that a block stays in the cache."""
        flat = values.reshape(-1, values.shape[-1])
        n_rows = max(BLOCK_SIZE // self._widest, 1)
        if len(flat) <= n_rows:
            with np.errstate(all="ignore"):
                result = function(flat).reshape(*values.shape[:-1], size_out)
            if out is None:
                return result
            _prepared(out, result.shape)[...] = result
            return out
        result = _prepared(out, (*values.shape[:-1], size_out))
        # Rows cannot be written through a reshaped view that had to be copied, nor before all
        # that overlaps them has been read.
        direct = result.flags.c_contiguous and not np.may_share_memory(flat, result)
        target = (result if direct else np.empty(result.shape)).reshape(-1, size_out)
        with np.errstate(all="ignore"):
            for first in range(0, len(flat), n_rows):
                target[first : first + n_rows] = function(flat[first : first + n_rows])
        if not direct:
            result[...] = target.reshape(result.shape)
        return result


def named_layers(chain: Sequence[Layer]) -> list[tuple[str, Layer]]:
    """Name layers as the text format does, and refuse those that do not fit together.

    Raises
    ------
    ShapeError
        If one is missing, is one too many, stands in the wrong place or has the wrong size.
    """
    left = list(chain)
    named: list[tuple[str, Layer]] = []
    for kind in layers.LAYERS:
        index = 0
        while left and isinstance(left[0], kind) and (index == 0 or kind.how_many == "one or more"):
            number = f"_{index}" if kind.how_many == "one or more" else ""
            named.append((f"{kind.folder}{number}", left.pop(0)))
            index += 1
        if index == 0 and kind.how_many != "one or none":
            raise ShapeError(f"{kind.folder}: missing; a map needs {kind.how_many}")
    if left:
        order = ", ".join(f"{kind.folder} ({kind.how_many})" for kind in layers.LAYERS)
        raise ShapeError(f"{left[0].folder}: in the wrong place; the order is {order}")
    for (before, first), (name, second) in pairwise(named):
        if second.size_in != first.size_out:
            raise ShapeError(
                f"{name}: takes {second.size_in} values, but {before} gives {first.size_out}; "
                "pass layers whose sizes match"
            )
    return named


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

"""What the runtime's tests share: random maps of every kind, and the one table of tolerances."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from timbremap_runtime import DenseLayer, PCALayer, TimbreMap, VecScale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from timbremap_runtime.core.types import FloatArray, Scale

TOLERANCE = {
    # Published accuracy of both algorithms is 1e-16; the evaluation adds a few roundings.
    "gaussian_rtol": 1e-14,
    # C -> P -> C loses digits of 1 - p/127: half a rounding of p at a drive of 15 is 1.8e-10 of
    # drive, and these maps turn that into less than five times as much of c.
    "round_trip_c": 1e-9,
    # Two ways to compute the same p: roundings of numbers up to 127.
    "same_p": 1e-10,
    # Two ways to compute the same c.
    "same_c": 1e-12,
}


def random_map(
    rng: np.random.Generator,
    sizes: Sequence[int] = (3, 9),
    *,
    pca: bool = True,
    activations: Sequence[str] = ("sigmoid",),
    scale: Scale = "normal",
    dtype: type[np.floating] = np.float64,
) -> TimbreMap:
    """Make a well-conditioned map: control size, then the size of each dense layer."""
    m = sizes[0]
    mean = rng.normal(0.0, 0.1, m).astype(dtype)
    std = rng.uniform(0.5, 1.5, m).astype(dtype)
    minimum, width = (mean - 3.0 * std).astype(dtype), (6.0 * std).astype(dtype)
    knots = random_knots(m) if scale == "even" else None
    vec_scale = VecScale(mean, std, minimum, width, scale, knots)
    pca_layer = None
    if pca:
        axes = _orthogonal(rng, m).astype(dtype)
        pca_layer = PCALayer(axes, rng.normal(0.0, 0.1, m).astype(dtype), axes.T)
    dense: list[DenseLayer] = []
    for size_in, size_out, activation in zip(sizes, sizes[1:], activations, strict=False):
        # Rows of an orthogonal matrix, stretched by known amounts: the rank is full.
        weights = _orthogonal(rng, size_out)[:size_in] * rng.uniform(0.4, 1.2, (size_in, 1))
        if dense and dense[-1].activation == "sigmoid":
            weights /= 127.0  # what comes in runs to 127
        weights = weights.astype(dtype)
        biases = rng.normal(0.0, 0.2, size_out).astype(dtype)
        dense.append(DenseLayer(weights, biases, activation, np.linalg.pinv(weights)))
    return TimbreMap(vec_scale, dense, pca_layer)


def random_knots(m: int, k: int = 64, seed: int = 3) -> FloatArray:
    """Make rows from 0 to 1, up to 20 times as steep in one piece as in another."""
    steps = np.random.default_rng(seed).uniform(0.1, 2.0, (m, k))
    rows = np.cumsum(steps, axis=1) / steps.sum(axis=1, keepdims=True)
    rows[:, -1] = 1.0
    return np.hstack([np.zeros((m, 1)), rows])


def _orthogonal(rng: np.random.Generator, size: int) -> np.ndarray:
    return np.linalg.qr(rng.normal(size=(size, size)))[0]

"""The even scale, measured: the axes of a map warped so that equal steps change the sound equally.

On the normal scale the middle of an axis, c from `END` to 1 - `END`, is walked in equal steps of u,
along lines that lie at random places of the other axes. How far the sound moves at each step, on
average over the lines, is how much room that step is given. The ends of the middle stay where they
are on the normal scale, and beyond them the even scale runs straight on to its reach.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timbremap_runtime import TimbreMap
from timbremap_runtime.core.gaussian import cdf, quantile
from timbremap_runtime.core.warp import REACH

Hear = Callable[[NDArray[np.float64]], Any]
"""Parameters (N, n), 0..127, to what they sound like: log-mel, an array (N, bands, frames)."""

END = 0.05
"""Of an axis at either side, which is not measured: sounds of the training data are rare there."""

N_STEPS = 24
N_LINES = 48

N_PIECES = 64
"""Straight pieces of an axis, over the whole reach."""

LEAST = 0.05
"""Of the mean step: what a step counts at least, so that no stretch is passed over at once."""


def with_even_scale(mapping: TimbreMap, hear: Hear, seed: int = 0) -> TimbreMap:
    """Measure the even scale of a map, and return the map with it.

    Parameters
    ----------
    mapping : TimbreMap
        The map. Its own scale stays chosen.
    hear : callable
        The synth, or a proxy of it. It is called once for each axis.
    seed : int
        Of the places of the lines.
    """
    knots = measure_even(mapping, hear, seed)
    return TimbreMap(mapping.vec_scale.with_even(knots), mapping.dense, mapping.pca)


def measure_even(mapping: TimbreMap, hear: Hear, seed: int = 0) -> NDArray[np.float64]:
    """Measure the even scale of a map; the parameters are those of `with_even_scale`.

    Returns
    -------
    ndarray, shape (m, N_PIECES + 1)
        Knots, as `timbremap_runtime.VecScale` takes them.
    """
    scale = mapping.vec_scale.with_scale("normal")
    normal = TimbreMap(scale, mapping.dense, mapping.pca)
    generator = np.random.default_rng(seed)
    edge = float(quantile(np.array([1.0 - END]))[0])
    walked = np.linspace(-edge, edge, N_STEPS + 1)
    rows = [
        _row(walked, _step_sizes(normal, axis, cdf(walked), hear, generator))
        for axis in range(mapping.control_size)
    ]
    return np.array(rows)


def _step_sizes(
    mapping: TimbreMap,
    axis: int,
    c: NDArray[np.float64],
    hear: Hear,
    generator: np.random.Generator,
) -> NDArray[np.float64]:
    """How far the sound moves at each step along an axis, mean over the lines, (N_STEPS,)."""
    points = generator.uniform(END, 1.0 - END, (N_LINES, 1, mapping.control_size))
    points = np.repeat(points, len(c), axis=1)
    points[..., axis] = c
    sounds = np.asarray(hear(mapping.forward(points.reshape(-1, mapping.control_size))))
    lines = sounds.reshape(N_LINES, len(c), *sounds.shape[1:])
    # A line at a time: the differences of all take as much memory as the sounds.
    steps = [np.abs(np.diff(line, axis=0)).mean(axis=(1, 2), dtype=np.float64) for line in lines]
    return np.mean(steps, axis=0)


def _row(walked: NDArray[np.float64], sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Knots of an axis, (N_PIECES + 1,): the middle divided by the sizes of its steps."""
    mean = float(sizes.mean())
    sizes = np.maximum(sizes, LEAST * mean) if mean > 0.0 else np.ones_like(sizes)
    shares = np.concatenate([[0.0], np.cumsum(sizes)]) / sizes.sum()
    u = np.concatenate([[-REACH], walked, [REACH]])
    c = np.concatenate([[0.0], END + (1.0 - 2.0 * END) * shares, [1.0]])
    return np.interp(np.linspace(-REACH, REACH, N_PIECES + 1), u, c)

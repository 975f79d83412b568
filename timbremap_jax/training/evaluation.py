"""How good a mapping is: errors for each parameter, and round trips."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from timbremap_runtime import TimbreMap


def parameter_errors(
    predicted: NDArray[np.floating], true: NDArray[np.floating], names: tuple[str, ...]
) -> dict[str, dict[str, float]]:
    """Errors of each parameter over many sounds.

    Parameters
    ----------
    predicted, true : ndarray, shape (N, n)
        Parameters, 0..127.
    names : tuple of str
        Names of the n parameters.

    Returns
    -------
    dict
        For each name the mean squared error ``mse``, the mean absolute error ``mae``, and
        ``spread``: the deviation of the predictions over that of the true values. A spread of 1
        uses the whole range; one near 0 always answers with the mean.
    """
    error = predicted.astype(np.float64) - true
    return {
        name: {
            "mse": float(np.mean(error[:, i] ** 2)),
            "mae": float(np.mean(np.abs(error[:, i]))),
            "spread": float(np.std(predicted[:, i]) / max(np.std(true[:, i]), 1e-12)),
        }
        for i, name in enumerate(names)
    }


def round_trip_error(mapping: TimbreMap, n_points: int = 1000, seed: int = 0) -> float:
    """Largest distance that C -> P -> C moves a coordinate of points in [0.001, 0.999]."""
    generator = np.random.default_rng(seed)
    points = generator.uniform(0.001, 0.999, (n_points, mapping.control_size))
    return float(np.abs(mapping.inverse(mapping.forward(points)) - points).max())


def summarize(errors: dict[str, dict[str, float]]) -> dict[str, Any]:
    """Means over the parameters, with the parameters' own errors under ``parameters``."""
    means = {
        key: float(np.mean([e[key] for e in errors.values()])) for key in ("mse", "mae", "spread")
    }
    return {**means, "parameters": errors}

"""How good a mapping is: errors for each parameter, and round trips."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from timbremap_runtime import TimbreMap

CONSTANT = 1e-3
"""Deviation below which a parameter, 0..127, counts as constant."""


def parameter_errors(
    predicted: NDArray[np.floating], true: NDArray[np.floating], names: tuple[str, ...]
) -> dict[str, dict[str, Any]]:
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
        ``spread``, the `spread_ratio`.
    """
    error = predicted.astype(np.float64) - true
    return {
        name: {
            "mse": float(np.mean(error[:, i] ** 2)),
            "mae": float(np.mean(np.abs(error[:, i]))),
            "spread": spread_ratio(predicted[:, i], true[:, i]),
        }
        for i, name in enumerate(names)
    }


def spread_ratio(predicted: NDArray[np.floating], true: NDArray[np.floating]) -> float | None:
    """Deviation of the predictions of one parameter over that of its true values.

    1 uses the whole range of the parameter, one near 0 always answers with the mean.

    Parameters
    ----------
    predicted, true : ndarray, shape (N,)
        A parameter, 0..127.

    Returns
    -------
    float or None
        None where the true values are all the same, as those of a single sound are.
    """
    deviation = float(np.std(true, dtype=np.float64))
    if deviation < CONSTANT:
        return None
    return float(np.std(predicted, dtype=np.float64)) / deviation


def summarize(errors: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Means over the parameters, with the parameters' own errors under ``parameters``.

    A spread ratio that is None does not take part in its mean.
    """
    means: dict[str, float | None] = {}
    for key in ("mse", "mae", "spread"):
        values = [e[key] for e in errors.values() if e[key] is not None]
        means[key] = float(np.mean(values)) if values else None
    return {**means, "parameters": errors}


def round_trip_error(mapping: TimbreMap, n_points: int = 1000, seed: int = 0) -> float:
    """Largest distance that C -> P -> C moves a coordinate of points in [0.001, 0.999]."""
    generator = np.random.default_rng(seed)
    points = generator.uniform(0.001, 0.999, (n_points, mapping.control_size))
    return float(np.abs(mapping.inverse(mapping.forward(points)) - points).max())

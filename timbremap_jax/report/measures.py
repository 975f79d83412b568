"""How a map is judged by ear: one function a measure, each usable alone on arrays.

Conventions
-----------
- A *sound* is a log-mel spectrogram L in dB, shape (n_mels, n_frames); several are stacked along
  the first axes. L = 10 log10(mel power + floor), see `log_mel`. The floor is `FLOOR_DB` below the
  loudest mel value of the sounds that are judged (`floor_below`), so that what nobody can hear
  beside them does not count. Sounds are compared frame by frame and never averaged over time: two
  vibratos of another rate have the same average.
- A *distance* of two sounds is in dB, the mean of |L_a - L_b| over bands and frames. 0 is the same
  sound.
- A *point* c lies on the pad, m coordinates from 0 to 1. *Parameters* p run from 0 to 127.
- Measures give one number an example wherever an example has one (`distances`, `nearest`); the
  caller averages, or takes `summary`.

A low figure is good in all of them but `proportion` and `audibility`.

Examples
--------
>>> floor = floor_below(power_of_the_test_sounds)
>>> a, b = log_mel(power_of_the_test_sounds, floor), log_mel(power_of_the_answers, floor)
>>> summary(distances(a, b))
{'mean': 2.31, 'median': 2.2, 'p90': 3.6}
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist
from scipy.stats import spearmanr

from timbremap_runtime.errors import SettingsError, ShapeError

FLOOR_DB = 80.0
"""How far below the loudest mel value of the test sounds a sound fades into silence."""

DEAD = 0.1
"""A step below this share of the mean step is dead: the hand moves and nothing is heard."""

BLIND = 0.98
"""A parameter is blind when its squared error is not below this share of the variance, which is
the error of always answering the mean."""

BLOCK = (2, 4)
"""Bands and frames of a block whose mean gives `nearest` its lower bound. With these one in fifty
to a hundred candidates is left to compare; larger blocks leave more, smaller ones take longer."""

N_AT_ONCE = 16
"""Candidates that `nearest` compares between two looks at the bound."""


def validate(*sounds: NDArray[np.floating]) -> None:
    """Check log-mel spectrograms before they are compared.

    Parameters
    ----------
    *sounds : ndarray, shape (..., n_mels, n_frames)
        In dB.

    Raises
    ------
    ShapeError
        They are not spectrograms, or of different bands or frames.
    SettingsError
        A value is not finite: was the logarithm taken without a floor?
    """
    for array in sounds:
        if array.ndim < 2:
            raise ShapeError(
                f"sounds have the shape {array.shape}; give spectrograms (..., n_mels, n_frames),"
                " not samples"
            )
        if array.shape[-2:] != sounds[0].shape[-2:]:
            raise ShapeError(
                f"sounds of {sounds[0].shape[-2:]} and {array.shape[-2:]} bands and frames cannot"
                " be compared; compute both with the same settings and the same length"
            )
        if not np.isfinite(array).all():
            raise SettingsError(
                "sounds have a value that is not finite; was the logarithm taken without a floor?"
            )


def floor_below(power: NDArray[np.floating], below_db: float = FLOOR_DB) -> float:
    """Return the mel power that lies ``below_db`` under the loudest value.

    Parameters
    ----------
    power : ndarray, any shape
        Mel power of the test sounds.
    below_db : float
        How far below.

    Raises
    ------
    SettingsError
        All of it is silence.
    """
    loudest = float(np.max(power, initial=0.0))
    if not (np.isfinite(loudest) and loudest > 0.0):
        raise SettingsError("the test sounds are silent, so they give no floor; render them again")
    return loudest * 10.0 ** (-below_db / 10.0)


def log_mel(power: NDArray[np.floating], floor: float) -> NDArray[np.float32]:
    """Turn mel power into dB: L = 10 log10(power + floor).

    Parameters
    ----------
    power : ndarray, shape (..., n_mels, n_frames)
        Mel power, 0 or more.
    floor : float
        Mel power of silence, above 0.
    """
    if not floor > 0.0:
        raise SettingsError(f"floor is {floor}; give a mel power above 0")
    logarithm = np.log10(np.asarray(power, np.float32) + np.float32(floor))
    logarithm *= np.float32(10.0)
    return logarithm


def distances(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float64]:
    """Distance of each sound of ``a`` from its partner in ``b``, in dB.

    Parameters
    ----------
    a, b : ndarray, shape (..., n_mels, n_frames)
        Log-mel; their leading axes broadcast, so one sound can be held against many.

    Returns
    -------
    ndarray of float64, shape (...)
    """
    validate(a, b)
    return np.abs(a - b).mean(axis=(-2, -1), dtype=np.float64)


def nearest(
    sounds: NDArray[np.floating], candidates: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Distance from each sound to the nearest of many others, and which that is.

    Exact. The difference of the means of a block of bands and frames is never larger than the mean
    of the differences, so most candidates are ruled out by a few numbers each.

    Parameters
    ----------
    sounds : ndarray, shape (n, n_mels, n_frames)
        Log-mel.
    candidates : ndarray, shape (k, n_mels, n_frames)
        Log-mel.

    Returns
    -------
    distance : ndarray of float64, shape (n,)
        In dB.
    index : ndarray of int64, shape (n,)
        Which candidate it is; the first of several.
    """
    validate(sounds, candidates)
    if not len(candidates):
        raise ShapeError("no candidates to search; give at least one sound")
    bounds = cdist(_blocks(sounds), _blocks(candidates), "cityblock")
    index = np.empty(len(sounds), np.int64)
    for row, (sound, bound) in enumerate(zip(sounds, bounds, strict=True)):
        order = np.argsort(bound, kind="stable")
        best, at = np.inf, 0
        for start in range(0, len(order), N_AT_ONCE):
            some = order[start : start + N_AT_ONCE]
            # Roundings of single precision must not rule out the nearest.
            if bound[some[0]] > best * (1.0 + 1e-5):
                break
            apart = np.abs(candidates[some] - sound).reshape(len(some), -1).mean(axis=1)
            # Of equals the first.
            here = int(np.lexsort((some, apart))[0])
            if (apart[here], some[here]) < (best, at):
                best, at = float(apart[here]), int(some[here])
        index[row] = at
    return distances(sounds, candidates[index]), index


def _blocks(sounds: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return weighted means of blocks; their city-block distance is a bound of the sounds'."""
    n_mels, n_frames = sounds.shape[-2:]
    at_mels, at_frames = (
        np.arange(0, n, b) for n, b in zip((n_mels, n_frames), BLOCK, strict=True)
    )
    sums = np.add.reduceat(sounds, at_mels, axis=1, dtype=np.float64)
    sums = np.add.reduceat(sums, at_frames, axis=2)
    return sums.reshape(len(sounds), -1) / (n_mels * n_frames)


def summary(values: NDArray[np.floating]) -> dict[str, float]:
    """Mean, median and 90th percentile of distances."""
    return {
        "mean": float(np.mean(values)),
        "median": float(np.median(values)),
        "p90": float(np.percentile(values, 90)),
    }


def evenness(steps: NDArray[np.floating]) -> float:
    """Variation of step sizes: their standard deviation over their mean.

    0: every step sounds equally large. 1: they differ as much as they are large. Over the steps of
    one axis, or of all axes together.

    Parameters
    ----------
    steps : ndarray, any shape
        Distances in dB between a sound and the one a small step away.
    """
    mean = float(np.mean(steps))
    if mean <= 0.0:
        raise SettingsError("no step changes the sound, so there is no evenness to measure")
    return float(np.std(steps)) / mean


def dead_share(steps: NDArray[np.floating]) -> float:
    """Share of steps that are below `DEAD` of the mean step, 0 to 1."""
    return float(np.mean(steps < DEAD * np.mean(steps)))


def smoothness(lines: NDArray[np.floating]) -> float:
    """Root mean square of the second difference along straight lines, in dB.

    As Le Vaillant and Dutoit judge interpolations of presets (SPINVAE, 2023), here of log-mel.

    Parameters
    ----------
    lines : ndarray, shape (..., n_steps, n_mels, n_frames)
        Log-mel of the sounds on each line, evenly spaced; at least 3.
    """
    _require_steps(lines, 3)
    second = lines[..., 2:, :, :] - 2.0 * lines[..., 1:-1, :, :] + lines[..., :-2, :, :]
    return float(np.sqrt(np.mean(np.square(second), dtype=np.float64)))


def nonlinearity(lines: NDArray[np.floating]) -> float:
    """Root mean square of the deviation from the straight way between both ends, in dB.

    As Le Vaillant and Dutoit (SPINVAE, 2023), here of log-mel.

    Parameters
    ----------
    lines : ndarray, shape (..., n_steps, n_mels, n_frames)
        Log-mel of the sounds on each line, evenly spaced; at least 3.
    """
    _require_steps(lines, 3)
    share = np.linspace(0.0, 1.0, lines.shape[-3], dtype=np.float32)[:, None, None]
    straight = (1.0 - share) * lines[..., :1, :, :] + share * lines[..., -1:, :, :]
    return float(np.sqrt(np.mean(np.square(lines - straight), dtype=np.float64)))


def _require_steps(lines: NDArray[np.floating], n_least: int) -> None:
    validate(lines)
    if lines.ndim < 3 or lines.shape[-3] < n_least:
        raise ShapeError(
            f"lines have the shape {lines.shape}; give (..., n_steps, n_mels, n_frames) with at"
            f" least {n_least} steps"
        )


def proportion(point_distances: ArrayLike, sound_distances: ArrayLike) -> float:
    """Spearman's rank correlation of how far the hand moves and how far the sound does, -1 to 1.

    1: of two moves the longer always sounds larger.

    Parameters
    ----------
    point_distances : array_like, shape (n_pairs,)
        Euclidean distances on the pad.
    sound_distances : array_like, shape (n_pairs,)
        In dB.
    """
    moved, heard = np.asarray(point_distances), np.asarray(sound_distances)
    if moved.shape != heard.shape or moved.ndim != 1 or len(moved) < 2:
        raise ShapeError(
            f"distances of the shapes {moved.shape} and {heard.shape}; give one of each a pair, and"
            " at least two pairs"
        )
    if np.ptp(moved) == 0.0 or np.ptp(heard) == 0.0:
        return 0.0
    ranks: Any = spearmanr(moved, heard)
    return float(ranks.statistic)


def audibility(before: NDArray[np.floating], after: NDArray[np.floating]) -> float:
    """Mean distance in dB when one parameter alone is drawn anew.

    Parameters
    ----------
    before, after : ndarray, shape (n, n_mels, n_frames)
        Log-mel of presets, and of the same with another value of the parameter.
    """
    return float(np.mean(distances(before, after)))


def error_ratio(answered: NDArray[np.floating], true: NDArray[np.floating]) -> NDArray[np.float64]:
    """Squared error of each parameter over that of always answering its mean.

    Parameters
    ----------
    answered, true : ndarray, shape (n_sounds, n_parameters)
        Parameters, 0..127.

    Returns
    -------
    ndarray of float64, shape (n_parameters,)
        0: always right; 1: no better than the mean. 0 for a parameter that never varies and is
        answered so. A parameter is blind where this is not below `BLIND`.
    """
    if answered.shape != true.shape or true.ndim != 2:
        raise ShapeError(
            f"answers of the shape {answered.shape} for parameters of {true.shape}; give both as"
            " (n_sounds, n_parameters)"
        )
    squared = np.mean((answered - true.astype(np.float64)) ** 2, axis=0)
    variance = np.var(true.astype(np.float64), axis=0)
    return np.where(variance > 0.0, squared / np.maximum(variance, 1e-12), np.sign(squared))


def speeds(grid: NDArray[np.floating], spacing: tuple[float, float]) -> NDArray[np.float64]:
    """How fast the sound changes in each cell of a grid of points, in dB a unit of the pad.

    The length of the gradient: root of the squared speeds along both axes, each the mean of the
    cell's two edges.

    Parameters
    ----------
    grid : ndarray, shape (n_x, n_y, n_mels, n_frames)
        Log-mel at the points of the grid.
    spacing : tuple of float
        From one point to the next along x and y, in units of the pad.

    Returns
    -------
    ndarray of float64, shape (n_x - 1, n_y - 1)
        With one point along y, shape (n_x - 1, 1): the speed along x alone.
    """
    along_x = distances(grid[1:], grid[:-1]) / spacing[0]
    if grid.shape[1] == 1:
        return along_x
    along_y = distances(grid[:, 1:], grid[:, :-1]) / spacing[1]
    return np.hypot((along_x[:, 1:] + along_x[:, :-1]) / 2, (along_y[1:] + along_y[:-1]) / 2)

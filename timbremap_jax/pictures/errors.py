"""err_dist.png: where in the parameters' ranges a model is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from timbremap_jax.pictures.figures import (
    PARAMETER_TICKS,
    caption,
    plain_text,
    save_figure,
    shortened,
)
from timbremap_runtime.core.types import PARAMETER_MAX
from timbremap_runtime.errors import SettingsError, ShapeError

MOST_IN_PAIRS = 10
"""With more parameters the panels of pairs would be too small to read."""

MOST_ALONE = 64
BLUE, GREY = "#2166ac", "#7f8c9a"
OFF_MEANS = "Off: the average size of the error. Blind: that of always guessing the mean."


def plot_errors(
    file: Path,
    predicted: NDArray[np.floating],
    true: NDArray[np.floating],
    names: tuple[str, ...],
) -> None:
    """Draw how wrong each parameter is, and where in the ranges of all parameters.

    Parameters
    ----------
    file : Path
        Where the picture goes; its ending says the format.
    predicted, true : ndarray, shape (N, n)
        Parameters of N sounds, 0..127.
    names : tuple of str
        Names of the n parameters.

    Raises
    ------
    ShapeError
        The three do not fit together, or there is no sound.
    SettingsError
        A value is NaN or infinite.

    Examples
    --------
    >>> plot_errors(Path("err_dist.png"), predicted, true, ("rate", "depth"))
    """
    save_figure(errors_figure(predicted, true, names), file)


def errors_figure(
    predicted: NDArray[np.floating], true: NDArray[np.floating], names: tuple[str, ...]
) -> Figure:
    """Make the figure that `plot_errors` saves; the same parameters and errors.

    Up to ten parameters: for each a row of panels, with its error over the true values of every
    parameter, and a histogram at the end. More: for each one panel, with its error over its own
    true values, the worst first.
    """
    n_sounds, n = true.shape
    if predicted.shape != true.shape or n != len(names) or not n_sounds:
        raise ShapeError(
            f"predicted {predicted.shape}, true {true.shape} and {len(names)} names do not fit;"
            " give both one row for each sound, at least one, and one column for each name"
        )
    error = predicted.astype(np.float64) - true
    if not np.isfinite(error).all():
        raise SettingsError("parameters: NaN or infinite values; leave these sounds out")
    with plain_text():
        return (
            _draw_pairs(error, true, names) if n <= MOST_IN_PAIRS else _draw_own(error, true, names)
        )


def _draw_pairs(
    error: NDArray[np.float64], true: NDArray[np.floating], names: tuple[str, ...]
) -> Figure:
    n = len(names)
    figure = Figure(figsize=(max(1.5 * n + 2.4, 8), max(1.25 * n + 2.2, 4)), layout="constrained")
    caption(
        figure,
        "How far off is each parameter, and for which values?",
        "A row: the error of one parameter, guess minus truth. Above 0 the guess is too high, below"
        " 0 too low. Line: the median error. Band: 8 of 10 sounds. The closer both are to 0 the"
        " better.",
        "Blue, over its own true value: where in its range it is wrong. Grey, over the true value"
        " of another parameter: a band that bends or widens shows which values of that one make it"
        " hard to hear.",
        f"Right: how often each error occurs in {len(error)} sounds. {OFF_MEANS}",
    )
    grid = figure.subplots(n, n + 1, squeeze=False, sharey=True, width_ratios=[1.0] * n + [0.9])
    bands = [[_Band.over(true[:, j], error[:, i]) for j in range(n)] for i in range(n)]
    limit = _limit([band for row in bands for band in row])
    for i, name in enumerate(names):
        for j, other in enumerate(names):
            panel: Axes = grid[i, j]
            _draw_band(panel, bands[i][j], BLUE if i == j else GREY)
            panel.set_ylim(-limit, limit)
            panel.tick_params(labelbottom=i == n - 1)
            if i == n - 1:
                panel.set_xlabel(f"true {shortened(other)}", fontsize=9)
        grid[i, 0].set_ylabel(f"{shortened(name)}\nerror", fontsize=9)
        margin: Axes = grid[i, n]
        margin.hist(
            error[:, i],
            bins=np.linspace(-limit, limit, 32).tolist(),
            orientation="horizontal",
            color=BLUE,
        )
        margin.axhline(0, color="black", lw=0.8)
        margin.set_xticks([])
        margin.spines[["top", "right", "bottom"]].set_visible(False)
        margin.set_title(_off(error[:, i], true[:, i]), fontsize=8, loc="left")
    return figure


def _draw_own(
    error: NDArray[np.float64], true: NDArray[np.floating], names: tuple[str, ...]
) -> Figure:
    worst = np.argsort(-np.abs(error).mean(axis=0), kind="stable")[:MOST_ALONE]
    columns = int(np.ceil(np.sqrt(len(worst))))
    rows = -(-len(worst) // columns)
    figure = Figure(figsize=(1.7 * columns + 0.8, 1.5 * rows + 2.0), layout="constrained")
    which = f"{len(worst)} of {len(names)} parameters" if len(worst) < len(names) else "parameters"
    caption(
        figure,
        "How far off is each parameter, and where in its range?",
        f"The {which}, the worst first, over {len(error)} sounds. Up: the error, guess minus truth;"
        " above 0 the guess is too high, below 0 too low. Left to right: the true value of the same"
        " parameter. Line: the median error. Band: 8 of 10 sounds. The closer both are to 0 the"
        f" better. {OFF_MEANS}",
    )
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    bands = [_Band.over(true[:, i], error[:, i]) for i in worst]
    limit = _limit(bands)
    for panel, i, band in zip(grid.flat, worst, bands, strict=False):
        _draw_band(panel, band, BLUE)
        panel.set_ylim(-limit, limit)
        panel.set_title(f"{shortened(names[i])}\n{_off(error[:, i], true[:, i])}", fontsize=8)
    for panel in grid.flat[len(worst) :]:
        panel.remove()
    figure.supylabel("error", fontsize=9)
    return figure


@dataclass(frozen=True)
class _Band:
    """The 10th, 50th and 90th percentile of errors in K bins of true values.

    ``edges`` has shape (K + 1,), ``low``, ``middle`` and ``high`` (K,).
    """

    edges: NDArray[np.float64]
    low: NDArray[np.float64]
    middle: NDArray[np.float64]
    high: NDArray[np.float64]

    @classmethod
    def over(cls, true: NDArray[np.floating], error: NDArray[np.float64]) -> _Band:
        """Sort errors of shape (N,) into bins of true values of shape (N,)."""
        # A tenth of a bin's sounds lie beyond each edge of the band: of fewer than 25 sounds that
        # would be one or two, and the band would show chance.
        n_bins = int(np.clip(len(true) // 25, 1, 12))
        # About as many sounds in each bin, around values that occur: so no bin is empty, and a
        # switch has one for each of its positions.
        shares = (np.arange(n_bins) + 0.5) / n_bins
        centres = np.unique(np.quantile(true, shares, method="nearest")).astype(np.float64)
        borders = (centres[1:] + centres[:-1]) / 2
        bins = np.searchsorted(borders, true)
        parts = [np.quantile(error[bins == k], (0.1, 0.5, 0.9)) for k in range(len(centres))]
        low, middle, high = np.array(parts).T
        ends = float(true.min()), float(true.max())
        if ends[0] == ends[1]:  # a constant parameter still shows as a strip
            ends = ends[0] - 1, ends[1] + 1
        edges = np.concatenate([ends[:1], borders, ends[1:]])
        return cls(edges, low, middle, high)


def _draw_band(panel: Axes, band: _Band, colour: str) -> None:
    panel.stairs(band.high, band.edges, baseline=band.low, fill=True, color=colour, alpha=0.35)
    panel.stairs(band.middle, band.edges, baseline=None, color=colour, lw=1.8)
    panel.axhline(0, color="black", lw=0.8)
    panel.set_xlim(0, PARAMETER_MAX)
    panel.set_xticks(PARAMETER_TICKS)
    panel.tick_params(labelsize=7)


def _limit(bands: list[_Band]) -> float:
    """Return the height of all panels, up and down: that of the largest band, to the next ten."""
    furthest = max(np.abs([band.low, band.high]).max() for band in bands)
    return max(10.0, 10.0 * np.ceil(furthest * 1.05 / 10.0))


def _off(error: NDArray[np.float64], true: NDArray[np.floating]) -> str:
    """Say how far off a parameter is, and how far always guessing the mean would be."""
    blind = np.abs(true - true.mean()).mean()
    return f"{np.abs(error).mean():.1f} off (blind {blind:.1f})"

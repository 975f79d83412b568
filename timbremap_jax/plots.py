"""Pictures of a trained model: where it is wrong, and how its latent space lies."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d import Axes3D
from numpy.typing import NDArray

from timbremap_jax.data.files import replacing
from timbremap_runtime.errors import SettingsError, ShapeError

DPI = 120
PARAMETER_TICKS = (0, 64, 127)

# plot_errors: with more parameters than this, pairs would be too small to read.
MOST_IN_PAIRS = 10
MOST_ALONE = 64
BLUE, GREY = "#2166ac", "#7f8c9a"
OFF_MEANS = "Off: by how much on average. Blind: the same for always guessing the mean."

# plot_latent: with more parameters than this the picture would pass a page.
MOST_PANELS = 12
PANELS_A_ROW = 5


def plot_errors(
    file: Path,
    predicted: NDArray[np.floating],
    true: NDArray[np.floating],
    names: tuple[str, ...],
) -> None:
    """Draw where in which parameter's range each parameter is wrong.

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
        If the three do not fit together, or there is no sound.
    SettingsError
        If a number is infinite or not a number.

    Examples
    --------
    >>> plot_errors(Path("err_dist.png"), predicted, true, ("rate", "depth"))
    """
    _save(errors_figure(predicted, true, names), file)


def errors_figure(
    predicted: NDArray[np.floating], true: NDArray[np.floating], names: tuple[str, ...]
) -> Figure:
    """Make the figure that `plot_errors` saves; the same parameters and errors.

    Up to ten parameters: a row of panels a parameter, its error over the true values of each
    parameter, and at the end of the row a histogram. More: a panel a parameter, its error over its
    own true values, the worst first.
    """
    n_sounds, n = true.shape
    if predicted.shape != true.shape or n != len(names) or not n_sounds:
        raise ShapeError(
            f"predicted {predicted.shape}, true {true.shape} and {len(names)} names do not fit:"
            " both need a row a sound, one or more, and a column a name"
        )
    error = predicted.astype(np.float64) - true
    if not np.isfinite(error).all():
        raise SettingsError("parameters to draw hold infinities or what is not a number")
    with _plain_text():
        return (
            _draw_pairs(error, true, names) if n <= MOST_IN_PAIRS else _draw_own(error, true, names)
        )


def _draw_pairs(
    error: NDArray[np.float64], true: NDArray[np.floating], names: tuple[str, ...]
) -> Figure:
    n = len(names)
    figure = Figure(figsize=(max(1.5 * n + 2.4, 8), max(1.25 * n + 2.2, 4)), layout="constrained")
    _say(
        figure,
        "How far off is each parameter, and for which settings?",
        "A row: the error of one parameter, guess minus truth. Above 0 it guesses too high, below"
        " too low. Line: the middle error. Band: 8 of 10 sounds. The nearer both lie to 0 the"
        " better.",
        "Blue, over its own true value: where in its range it is wrong. Grey, over the true value"
        " of another: a band that bends or widens shows which settings of that one make it hard.",
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
                panel.set_xlabel(f"true {_short(other)}", fontsize=9)
        grid[i, 0].set_ylabel(f"{_short(name)}\nerror", fontsize=9)
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
    _say(
        figure,
        "How far off is each parameter, and where in its range?",
        f"The {which}, the worst first, over {len(error)} sounds. Up: the error, guess minus truth;"
        " above 0 it guesses too high, below too low. Left to right: the true value of the same"
        " parameter. Line: the middle error. Band: 8 of 10 sounds. The nearer both lie to 0 the"
        f" better. {OFF_MEANS}",
    )
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    bands = [_Band.over(true[:, i], error[:, i]) for i in worst]
    limit = _limit(bands)
    for panel, i, band in zip(grid.flat, worst, bands, strict=False):
        _draw_band(panel, band, BLUE)
        panel.set_ylim(-limit, limit)
        panel.set_title(f"{_short(names[i])}\n{_off(error[:, i], true[:, i])}", fontsize=8)
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
        # A tenth of a bin's sounds lies beyond each edge of the band: below some 25 sounds that
        # would be one or two sounds, and the band would show chance.
        n_bins = int(np.clip(len(true) // 25, 1, 12))
        # About as many sounds in each bin, around values that occur: so none is empty, and a
        # switch has a bin for each of its positions.
        shares = (np.arange(n_bins) + 0.5) / n_bins
        centres = np.unique(np.quantile(true, shares, method="nearest")).astype(np.float64)
        borders = (centres[1:] + centres[:-1]) / 2
        bins = np.searchsorted(borders, true)
        parts = [np.quantile(error[bins == k], (0.1, 0.5, 0.9)) for k in range(len(centres))]
        low, middle, high = np.array(parts).T
        ends = float(true.min()), float(true.max())
        if ends[0] == ends[1]:  # a parameter that never moved still shows as a strip
            ends = ends[0] - 1, ends[1] + 1
        edges = np.concatenate([ends[:1], borders, ends[1:]])
        return cls(edges, low, middle, high)


def _draw_band(panel: Axes, band: _Band, colour: str) -> None:
    panel.stairs(band.high, band.edges, baseline=band.low, fill=True, color=colour, alpha=0.35)
    panel.stairs(band.middle, band.edges, baseline=None, color=colour, lw=1.8)
    panel.axhline(0, color="black", lw=0.8)
    panel.set_xlim(0, 127)
    panel.set_xticks(PARAMETER_TICKS)
    panel.tick_params(labelsize=7)


def _limit(bands: list[_Band]) -> float:
    """Return how far all panels reach up and down: all bands, to the next ten."""
    furthest = max(np.abs([band.low, band.high]).max() for band in bands)
    return max(10.0, 10.0 * np.ceil(furthest * 1.05 / 10.0))


def _off(error: NDArray[np.float64], true: NDArray[np.floating]) -> str:
    """Say how far off a parameter is, and how far always guessing the mean would be."""
    blind = np.abs(true - true.mean()).mean()
    return f"{np.abs(error).mean():.1f} off (blind {blind:.1f})"


@dataclass(frozen=True)
class LatentPoints:
    """Sounds as points of one latent space or more.

    Attributes
    ----------
    spaces : dict of str to ndarray, shape (N, m)
        The points by the name of their space, such as Z and Z*. The first three axes are drawn.
    parameters : ndarray, shape (N, n)
        Parameters of the sounds, 0..127.
    names : tuple of str
        Names of the n parameters.
    rows : ndarray of int, shape (N,)
        Which row of the data set each sound is.

    Raises
    ------
    ShapeError
        If they do not fit together.
    """

    spaces: dict[str, NDArray[np.floating]]
    parameters: NDArray[np.floating]
    names: tuple[str, ...]
    rows: NDArray[np.integer]

    def __post_init__(self):
        n_points = len(self.rows)
        shapes = {name: points.shape for name, points in self.spaces.items()}
        shapes["parameters"] = self.parameters.shape
        for name, shape in shapes.items():
            if len(shape) != 2 or shape[0] != n_points or not n_points:
                raise ShapeError(f"{name} has the shape {shape}, for {n_points} rows of a data set")
        if self.parameters.shape[1] != len(self.names):
            raise ShapeError(
                f"parameters of shape {self.parameters.shape} for {len(self.names)} names"
            )

    def thinned(self, n_points: int) -> LatentPoints:
        """Return at most so many of the points, evenly taken, the same at each call."""
        n_all = len(self.rows)
        if n_all <= n_points:
            return self
        chosen = np.linspace(0, n_all - 1, n_points).astype(int)
        spaces = {name: points[chosen] for name, points in self.spaces.items()}
        return LatentPoints(spaces, self.parameters[chosen], self.names, self.rows[chosen])

    def index_of(self, parameter: str) -> int:
        """Return which parameter has this name, or say which names there are.

        Raises
        ------
        SettingsError
            If none has.
        """
        if parameter not in self.names:
            raise SettingsError(
                f"no parameter is named '{parameter}'; there are {', '.join(self.names)}"
            )
        return self.names.index(parameter)


def plot_latent(
    file: Path, points: LatentPoints, parameter: str | None = None, n_points: int = 2000
) -> None:
    """Draw latent points, a panel a space and parameter, coloured by that parameter.

    Parameters
    ----------
    file : Path
        Where the picture goes; its ending says the format.
    points : LatentPoints
        What to draw.
    parameter : str, optional
        The one parameter to draw; by default all, or the first twelve.
    n_points : int
        At most so many points are drawn, evenly taken.

    Raises
    ------
    SettingsError
        If there is no such parameter.

    Examples
    --------
    >>> plot_latent(Path("latent.png"), points, "rate")
    """
    _save(latent_figure(points, parameter, n_points), file)


def latent_figure(
    points: LatentPoints, parameter: str | None = None, n_points: int = 2000
) -> Figure:
    """Make the figure that `plot_latent` saves; the same parameters and errors."""
    if parameter is None:
        chosen = list(range(len(points.names)))[:MOST_PANELS]
    else:
        chosen = [points.index_of(parameter)]
    points = points.thinned(n_points)
    with _plain_text():
        return _draw_latent(points, chosen)


def _draw_latent(points: LatentPoints, chosen: list[int]) -> Figure:
    n_spaces = len(points.spaces)
    if len(chosen) == 1:
        rows, columns = 1, n_spaces
        places = [(0, k, space, chosen[0]) for k, space in enumerate(points.spaces)]
    else:
        # A block of rows, one a space, for every few parameters.
        n_blocks = -(-len(chosen) // PANELS_A_ROW)
        columns = -(-len(chosen) // n_blocks)
        rows = n_spaces * n_blocks
        places = [
            (n_spaces * (k // columns) + s, k % columns, space, i)
            for k, i in enumerate(chosen)
            for s, space in enumerate(points.spaces)
        ]
    side = 4.2 if len(chosen) == 1 else 2.9
    figure = Figure(figsize=(side * columns + 1.2, side * rows + 1.1), layout="constrained")
    some = len(chosen) < len(points.names) and len(chosen) > 1
    _say(
        figure,
        "Where in the latent space is each parameter low or high?",
        "Every dot is a sound; dots that lie near each other sound alike to the model. The colour"
        " is the true value of the parameter named above. Colours in order: moving that way turns"
        " this parameter. Colours mixed: the place does not tell its value."
        + (f" The first {len(chosen)} of {len(points.names)} parameters." if some else ""),
    )
    colours = ScalarMappable(Normalize(0, 127), "viridis")
    panels: list[Axes] = []
    for row, column, space, i in places:
        latent, values = points.spaces[space], points.parameters[:, i]
        size = min(latent.shape[1], 3)
        panel: Axes = figure.add_subplot(
            rows, columns, row * columns + column + 1, projection="3d" if size == 3 else None
        )
        # One axis alone leaves room to show the value by height too.
        x, y = latent[:, 0], latent[:, 1] if size > 1 else values
        style: dict[str, Any] = {"c": values, "cmap": colours.cmap, "norm": colours.norm, "lw": 0}
        panel.set_xlabel(f"{space} 1", fontsize=8)
        panel.set_ylabel(f"{space} 2" if size > 1 else _short(points.names[i]), fontsize=8)
        panel.tick_params(labelsize=6)
        panel.locator_params(nbins=4)
        if size == 3:
            solid = cast(Axes3D, panel)
            solid.scatter(x, y, latent[:, 2], s=6, depthshade=False, **style)  # pyright: ignore[reportArgumentType]
            solid.set_zlabel(f"{space} 3", fontsize=8)
            # Nothing keeps axis names out of the next panel, or that panel from covering them.
            solid.patch.set_visible(False)
            solid.tick_params(pad=-2)
            for axis in (solid.xaxis, solid.yaxis, solid.zaxis):
                axis.labelpad = -7
        else:
            panel.scatter(x, y, s=6, **style)
            if size == 1:
                panel.set_yticks(PARAMETER_TICKS)
        panel.set_title(f"{_short(points.names[i])}, in {space}", fontsize=9)
        panels.append(panel)
    figure.colorbar(
        colours, ax=panels, label="true value", shrink=0.6, aspect=30, ticks=PARAMETER_TICKS
    )
    return figure


def _say(figure: Figure, question: str, *paragraphs: str) -> None:
    """Write the question a figure answers above it, and how to read it below."""
    figure.suptitle(question, fontsize=13)
    n_letters = int(figure.get_size_inches()[0] * 72 / 4.7)  # one of 9 points is about half as wide
    caption = "\n".join(textwrap.fill(paragraph, n_letters) for paragraph in paragraphs)
    figure.supxlabel(caption, x=0.01, ha="left", fontsize=9)


def _short(name: str) -> str:
    """Keep both ends of a name too long for a panel."""
    return name if len(name) <= 18 else f"{name[:8]}…{name[-9:]}"


def _plain_text() -> Any:
    """Draw names as they are spelt: a dollar sign begins no formula."""
    return rc_context({"text.parse_math": False})


def _save(figure: Figure, file: Path) -> None:
    with replacing(file) as temporary:
        figure.savefig(temporary, dpi=DPI)

"""Pictures of a trained model: where its latent space puts the sounds, and where it errs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from timbremap_jax.data.files import replacing

Points = NDArray[np.floating] | NDArray[np.integer]

COLOURS = "viridis"
N_POINTS = 4000
"""At most so many points are drawn, evenly taken: enough for the shape, light enough to turn."""
MOST_COLUMNS = 9
"""Parameters side by side; more are too small to read."""
MOST_PANELS = 64
BINS = 10


def plot_errors(
    file: Path, predicted: Points, true: Points, names: tuple[str, ...], n_columns: int = 8
) -> None:
    """Draw where a model errs: the error of each parameter against the true value of each.

    A panel shows the median of the error and the band that holds eight of ten sounds, in ten
    steps of the true value. Up to nine parameters make a square of all pairs; of more, each
    parameter's error is drawn against its own true value, for at most 64, the worst ones.

    Parameters
    ----------
    file : Path
        Where the picture goes; its ending says the format.
    predicted, true : ndarray, shape (N, n)
        Parameters, 0..127.
    names : tuple of str
        Names of the n parameters.
    n_columns : int
        Panels side by side where there is no square.
    """
    error = predicted.astype(np.float64) - true
    mae = np.abs(error).mean(axis=0)
    n = len(names)
    if n <= MOST_COLUMNS:
        pairs = [(i, j) for i in range(n) for j in range(n)]
        shape = (n, n)
    else:
        shown = np.sort(np.argsort(-mae, kind="stable")[:MOST_PANELS])
        pairs = [(int(i), int(i)) for i in shown]
        shape = (-(-len(pairs) // n_columns), n_columns)
    size = (max(1.55 * shape[1] + 0.9, 7.0), 1.4 * shape[0] + 1.6)
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(*shape, squeeze=False, sharex=True, sharey=True)
    limit = min(127.0, 1.1 * float(np.quantile(np.abs(error), 0.97)) + 5.0)
    for panel, (i, j) in zip(panels.flat, pairs, strict=False):
        _draw_error(panel, error[:, i], true[:, j])
        panel.set(xlim=(0, 127), ylim=(-limit, limit), xticks=(0, 64, 127))
        own = i == j
        if own:
            panel.set_facecolor("#fdf3dc")
        if n > MOST_COLUMNS:
            panel.set_title(f"{names[i]}\n{mae[i]:.0f} off", fontsize=8)
        elif i == n - 1:
            panel.set_xlabel(f"true {names[j]}", fontsize=9)
        if n <= MOST_COLUMNS and j == 0:
            panel.set_ylabel(f"{names[i]}\n{mae[i]:.0f} off", fontsize=9)
    for panel in list(panels.flat)[len(pairs) :]:
        panel.set_axis_off()
    figure.suptitle("How far off is each parameter, and for which sounds?", fontsize=12)
    if n <= MOST_COLUMNS:
        note = (
            "A row is one parameter's error (answer minus truth, of 127);"
            " across is the true value of the parameter named below.\n"
        )
        falls = "a band that falls on the shaded diagonal"
    else:
        worst = ", those that are most off" if len(pairs) < n else ""
        note = (
            "Error (answer minus truth, of 127) against the parameter's own true value;"
            f" {len(pairs)} of {n} parameters{worst}.\n"
        )
        falls = "a band that falls"
    note += (
        "Line: the middle sound. Band: eight of ten sounds."
        f" Best is a thin band on zero; {falls} means answers too near the middle."
    )
    figure.supxlabel(note, fontsize=8)
    with replacing(file) as temporary:
        figure.savefig(temporary, dpi=130)


def _draw_error(panel: Axes, error: NDArray[np.float64], true: Points) -> None:
    edges = np.linspace(0.0, 128.0, BINS + 1)
    bins = np.clip(np.digitize(true, edges) - 1, 0, BINS - 1)
    filled = [b for b in range(BINS) if np.any(bins == b)]
    low, middle, high = np.array([np.quantile(error[bins == b], (0.1, 0.5, 0.9)) for b in filled]).T
    centres = (edges[:-1] + edges[1:])[filled] / 2
    panel.axhline(0.0, color="0.6", lw=0.8)
    panel.fill_between(centres, low, high, color="#3b6fb6", alpha=0.3, lw=0)
    panel.plot(centres, middle, color="#1d4580", lw=1.5)
    panel.tick_params(labelsize=7)


def plot_latent(
    file: Path, spaces: Mapping[str, Points], parameters: Points, names: tuple[str, ...]
) -> None:
    """Draw latent points, a row of panels a space and a column a parameter that colours them.

    Parameters
    ----------
    file : Path
        Where the picture goes; its ending says the format.
    spaces : dict of str to ndarray, shape (N, m)
        The points by the name of their space. The first three axes are drawn.
    parameters : ndarray, shape (N, n)
        Parameters of the points, 0..127.
    names : tuple of str
        Names of the n parameters; of more than nine the first nine are drawn.
    """
    columns = names[:MOST_COLUMNS]
    figure = Figure(figsize=(3.0 * len(columns) + 1.2, 3.1 * len(spaces)), layout="constrained")
    colours = ScalarMappable(Normalize(0, 127), COLOURS)
    n_axes = min(3, next(iter(spaces.values())).shape[1])
    panels = figure.subplots(
        len(spaces),
        len(columns),
        squeeze=False,
        subplot_kw={"projection": "3d"} if n_axes == 3 else {},
    )
    for row, (space, points) in zip(panels, spaces.items(), strict=True):
        chosen = _evenly(len(points))
        axes = _three_axes(points[chosen], n_axes)
        for panel, name, values in zip(row, columns, parameters[chosen].T, strict=False):
            panel.scatter(*axes, c=values, s=4, cmap=colours.cmap, norm=colours.norm, lw=0)
            panel.set_title(f"{space}, coloured by {name}", fontsize=9)
            panel.set_xlabel(f"{space} 1", fontsize=8)
            panel.set_ylabel(f"{space} 2", fontsize=8)
            if n_axes == 3:
                panel.set_zlabel(f"{space} 3", fontsize=8)
                panel.set_box_aspect(None, zoom=0.85)  # room for that label
            panel.tick_params(labelsize=6)
    figure.colorbar(colours, ax=panels, label="parameter, 0 to 127", shrink=0.7, pad=0.04)
    with replacing(file) as temporary:
        figure.savefig(temporary, dpi=130)


def write_latent_page(
    file: Path,
    spaces: Mapping[str, Points],
    parameters: Points,
    names: tuple[str, ...],
    rows: Points,
    first: str | None = None,
) -> None:
    """Write a page on which latent points can be turned, coloured by any parameter.

    The page holds all that it needs and opens without a network.

    Parameters
    ----------
    file : Path
        An HTML file.
    spaces, parameters, names
        As for `plot_latent`.
    rows : ndarray of int, shape (N,)
        Row of the data set that each point is of.
    first : str, optional
        The parameter that colours the points at first; otherwise the first one.
    """
    from plotly import graph_objects  # takes a second to import
    from plotly.subplots import make_subplots

    n_axes = min(3, next(iter(spaces.values())).shape[1])
    kind = "scene" if n_axes == 3 else "xy"
    figure = make_subplots(
        1, len(spaces), specs=[[{"type": kind}] * len(spaces)], subplot_titles=list(spaces)
    )
    start = names.index(first) if first else 0
    chosen = _evenly(len(rows))
    colours = parameters[chosen].astype(np.float64)
    hover = "sound %{customdata[0]:.0f}<br>" + "<br>".join(
        f"{name} %{{customdata[{i}]:.0f}}" for i, name in enumerate(names[:24], start=1)
    )
    custom = np.column_stack([rows[chosen], colours])
    for column, (space, points) in enumerate(spaces.items(), start=1):
        axes = dict(zip("xyz", _three_axes(points[chosen], n_axes), strict=False))
        scatter = graph_objects.Scatter3d if n_axes == 3 else graph_objects.Scatter
        trace = scatter(
            **axes,
            mode="markers",
            customdata=custom,
            hovertemplate=hover + "<extra></extra>",
            marker={
                "size": 3 if n_axes == 3 else 5,
                "color": colours[:, start],
                "cmin": 0,
                "cmax": 127,
                "colorscale": "Viridis",
                "showscale": column == len(spaces),
                "colorbar": {"title": {"text": "0 to 127"}},
            },
        )
        figure.add_trace(trace, row=1, col=column)
        titles = {
            f"{axis}axis": {"title": {"text": f"{space} {i}"}}
            for i, axis in enumerate("xyz"[: max(n_axes, 2)], start=1)
        }
        if n_axes == 3:
            figure.update_scenes(titles, row=1, col=column)
        else:
            figure.update_xaxes(titles["xaxis"], row=1, col=column)
            figure.update_yaxes(titles["yaxis"], row=1, col=column)
    buttons = [
        {
            "label": name,
            "method": "restyle",
            "args": [{"marker.color": [values.tolist()] * len(spaces)}],
        }
        for name, values in zip(names, colours.T, strict=True)
    ]
    figure.update_layout(
        title={"text": "Latent space: every dot is a sound, its colour one parameter"},
        showlegend=False,
        updatemenus=[{"buttons": buttons, "active": start, "x": 0.0, "y": 1.12, "xanchor": "left"}],
    )
    page = figure.to_html(include_plotlyjs=True, full_html=True, config={"displaylogo": False})
    page = page.replace("<head>", "<head><title>TimbreMap: latent space</title>", 1)
    with replacing(file) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _evenly(n: int) -> NDArray[np.int64]:
    """Rows that are drawn."""
    return np.linspace(0, n - 1, min(N_POINTS, n)).astype(np.int64)


def _three_axes(points: Points, n_axes: int) -> list[NDArray[np.float64]]:
    """Coordinates to draw, two at least."""
    axes = [points[:, i].astype(np.float64) for i in range(n_axes)]
    return axes if n_axes > 1 else [axes[0], np.zeros(len(points))]

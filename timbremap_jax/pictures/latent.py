"""latent.png: how the sounds lie in the latent space, and what each parameter is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, cast

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d import Axes3D

from timbremap_jax.pictures.figures import (
    PARAMETER_TICKS,
    caption,
    plain_text,
    save_figure,
    shortened,
)
from timbremap_jax.pictures.points import LatentPoints
from timbremap_runtime.core.types import PARAMETER_MAX

MOST_PANELS = 12
"""With more parameters the picture would be larger than a page."""

PANELS_A_ROW = 5

COLOURS = ScalarMappable(Normalize(0, PARAMETER_MAX), "viridis")


def plot_latent(
    file: Path, points: LatentPoints, parameter: str | None = None, n_points: int = 2000
) -> None:
    """Draw latent points: one panel for each space and parameter, coloured by that parameter.

    Parameters
    ----------
    file : Path
        Where the picture goes; its ending says the format.
    points : LatentPoints
        What to draw.
    parameter : str, optional
        The one parameter to draw; by default all, or the first twelve.
    n_points : int
        The most points that are drawn, evenly spaced in row order.

    Raises
    ------
    SettingsError
        There is no such parameter.

    Examples
    --------
    >>> plot_latent(Path("latent.png"), points, "rate")
    """
    save_figure(latent_figure(points, parameter, n_points), file)


def latent_figure(
    points: LatentPoints, parameter: str | None = None, n_points: int = 2000
) -> Figure:
    """Make the figure that `plot_latent` saves; the same parameters and errors."""
    if parameter is None:
        chosen = list(range(len(points.names)))[:MOST_PANELS]
    else:
        chosen = [points.index_of(parameter)]
    points = points.thinned(n_points)
    with plain_text():
        return _draw_latent(points, chosen)


def _draw_latent(points: LatentPoints, chosen: list[int]) -> Figure:
    rows, columns, places = _arrange(list(points.spaces), chosen)
    side = 4.2 if len(chosen) == 1 else 2.9
    figure = Figure(figsize=(side * columns + 1.2, side * rows + 1.1), layout="constrained")
    some = 1 < len(chosen) < len(points.names)
    caption(
        figure,
        "Where in the latent space is each parameter low or high?",
        "Each dot is a sound; dots near each other sound alike to the model. The colour is the true"
        " value of the parameter named above. Colours in order: moving that way changes this"
        " parameter. Colours mixed: the place does not tell its value."
        + (f" The first {len(chosen)} of {len(points.names)} parameters." if some else ""),
    )
    panels: list[Axes] = []
    for place in places:
        solid = points.spaces[place.space].shape[1] >= 3
        number = place.row * columns + place.column + 1
        panel = figure.add_subplot(rows, columns, number, projection="3d" if solid else None)
        _draw_panel(panel, points, place)
        panels.append(panel)
    bar = {"label": "true value", "shrink": 0.6, "aspect": 30, "ticks": PARAMETER_TICKS}
    figure.colorbar(COLOURS, ax=panels, **bar)
    return figure


class _Place(NamedTuple):
    """Where in the grid which space is shown, and the index of the parameter that colours it."""

    row: int
    column: int
    space: str
    parameter: int


def _arrange(spaces: list[str], chosen: list[int]) -> tuple[int, int, list[_Place]]:
    """Return rows and columns of a grid for all panels, and where each panel goes."""
    n_spaces = len(spaces)
    if len(chosen) == 1:
        return 1, n_spaces, [_Place(0, k, space, chosen[0]) for k, space in enumerate(spaces)]
    # A block of rows, one a space, for every few parameters.
    n_blocks = -(-len(chosen) // PANELS_A_ROW)
    columns = -(-len(chosen) // n_blocks)
    places = [
        _Place(n_spaces * (k // columns) + s, k % columns, space, i)
        for k, i in enumerate(chosen)
        for s, space in enumerate(spaces)
    ]
    return n_spaces * n_blocks, columns, places


def _draw_panel(panel: Axes, points: LatentPoints, place: _Place) -> None:
    space, name = place.space, shortened(points.names[place.parameter])
    latent, values = points.spaces[space], points.parameters[:, place.parameter]
    size = min(latent.shape[1], 3)
    # One axis alone leaves room to show the value by height too.
    x, y = latent[:, 0], latent[:, 1] if size > 1 else values
    style: dict[str, Any] = {"c": values, "cmap": COLOURS.cmap, "norm": COLOURS.norm, "lw": 0}
    panel.set_title(f"{name}, in {space}", fontsize=9)
    panel.set_xlabel(f"{space} 1", fontsize=8)
    panel.set_ylabel(f"{space} 2" if size > 1 else name, fontsize=8)
    panel.tick_params(labelsize=6)
    panel.locator_params(nbins=4)
    if size < 3:
        panel.scatter(x, y, s=6, **style)
        if size == 1:
            panel.set_yticks(PARAMETER_TICKS)
        return
    solid = cast(Axes3D, panel)
    solid.scatter(x, y, latent[:, 2], s=6, depthshade=False, **style)  # pyright: ignore[reportArgumentType]
    solid.set_zlabel(f"{space} 3", fontsize=8)
    # Nothing keeps axis names out of the next panel, or that panel from covering them.
    solid.patch.set_visible(False)
    solid.tick_params(pad=-2)
    for axis in (solid.xaxis, solid.yaxis, solid.zaxis):
        axis.labelpad = -7

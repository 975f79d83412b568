"""latent.png: how the sounds lie in the latent space, and what each parameter is there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d import Axes3D
from numpy.typing import NDArray

from timbremap_jax.pictures.figures import (
    PARAMETER_TICKS,
    caption,
    plain_text,
    save_figure,
    shortened,
)
from timbremap_runtime.errors import SettingsError, ShapeError

MOST_PANELS = 12
"""With more parameters the picture would pass a page."""

PANELS_A_ROW = 5


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
    caption(
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
        panel.set_ylabel(f"{space} 2" if size > 1 else shortened(points.names[i]), fontsize=8)
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
        panel.set_title(f"{shortened(points.names[i])}, in {space}", fontsize=9)
        panels.append(panel)
    figure.colorbar(
        colours, ax=panels, label="true value", shrink=0.6, aspect=30, ticks=PARAMETER_TICKS
    )
    return figure

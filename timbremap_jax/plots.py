"""Pictures of a trained model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from timbremap_jax.data.files import replacing


def plot_latent(
    file: Path,
    spaces: dict[str, NDArray[np.floating]],
    parameters: NDArray[np.floating],
    names: tuple[str, ...],
    n_points: int = 4000,
) -> None:
    """Draw latent points, a row of panels a space and a column a parameter that colours them.

    Parameters
    ----------
    file : Path
        Where the picture goes; its ending says the format.
    spaces : dict of str to ndarray, shape (N, m)
        The points by the name of their space. The first two axes are drawn.
    parameters : ndarray, shape (N, n)
        Parameters of the points, 0..127.
    names : tuple of str
        Names of the n parameters.
    n_points : int
        At most so many points are drawn, evenly taken.
    """
    figure = Figure(figsize=(2.6 * len(names) + 1.2, 2.8 * len(spaces)), layout="constrained")
    colours = ScalarMappable(Normalize(0, 127), "viridis")
    panels = figure.subplots(len(spaces), len(names), squeeze=False, sharex="row", sharey="row")
    for row, (space, points) in zip(panels, spaces.items(), strict=True):
        chosen = np.linspace(0, len(points) - 1, min(n_points, len(points))).astype(int)
        x = points[chosen, 0]
        y = points[chosen, 1] if points.shape[1] > 1 else np.zeros_like(x)
        row[0].set_ylabel(f"{space}, axis 2")
        for panel, name, values in zip(row, names, parameters[chosen].T, strict=True):
            panel.scatter(x, y, c=values, s=5, cmap=colours.cmap, norm=colours.norm, lw=0)
            panel.set_title(name)
            panel.set_xlabel(f"{space}, axis 1")
        figure.colorbar(colours, ax=row, label="parameter, 0 to 127", shrink=0.9)
    with replacing(file) as temporary:
        figure.savefig(temporary, dpi=130)

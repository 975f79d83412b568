"""Sounds as points of the latent space, as all its pictures take them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from timbremap_runtime.errors import SettingsError, ShapeError


@dataclass(frozen=True)
class LatentPoints:
    """Sounds as points of one or more latent spaces.

    Attributes
    ----------
    spaces : dict of str to ndarray, shape (N, m)
        The points by the name of their space, such as Z and Z*. The first three axes are drawn.
    parameters : ndarray, shape (N, n)
        Parameters of the sounds, 0..127.
    names : tuple of str
        Names of the n parameters.
    rows : ndarray of int, shape (N,)
        The row of the data set in which each sound stands.

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
                raise ShapeError(
                    f"{name}: shape {shape} does not fit {n_points} rows of a data set; give one"
                    " row for each"
                )
        if self.parameters.shape[1] != len(self.names):
            raise ShapeError(
                f"parameters: shape {self.parameters.shape} does not fit {len(self.names)} names;"
                " give one column for each"
            )

    def thinned(self, n_points: int) -> LatentPoints:
        """Return at most so many of the points, evenly spaced, always the same."""
        n_all = len(self.rows)
        if n_all <= n_points:
            return self
        chosen = np.linspace(0, n_all - 1, n_points).astype(int)
        spaces = {name: points[chosen] for name, points in self.spaces.items()}
        return LatentPoints(spaces, self.parameters[chosen], self.names, self.rows[chosen])

    def index_of(self, parameter: str) -> int:
        """Return the index of the parameter of this name.

        Raises
        ------
        SettingsError
            There is none; the message lists the names.
        """
        if parameter not in self.names:
            raise SettingsError(
                f"parameter '{parameter}': unknown; choose one of {', '.join(self.names)}"
            )
        return self.names.index(parameter)

"""What an engine is: parameter values in, samples out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from timbremap_jax.data.patch import Note
from timbremap_runtime.errors import TimbreMapError


class NoSound(TimbreMapError):
    """Nothing that could be used came out for these values; another try may bring it."""


class Engine(Protocol):
    """Parameter values in, samples out. What comes out depends on what goes in alone.

    Attributes
    ----------
    sample_rate : int
        Samples per second of what comes out.
    """

    sample_rate: int

    def render(self, values: Sequence[float], note: Note) -> NDArray[np.float32]:
        """Play one note.

        Parameters
        ----------
        values : sequence of float
            The learned parameters 0..127, in the patch's order.
        note : Note
            What to play and how long.

        Returns
        -------
        ndarray of float32, shape (n_samples,)
            Mono samples, full scale at 1.0.

        Raises
        ------
        NoSound
            Nothing came out.
        """
        ...


@runtime_checkable
class LiveEngine(Engine, Protocol):
    """An engine that plays in real time, one sound after the other, and never twice the same.

    It holds connections, so whoever opens it closes it.
    """

    def close(self) -> None:
        """Let go of what it holds."""
        ...

    def conduct(
        self, rows: Sequence[int], n_rows: int, render: Callable[[int], str | None]
    ) -> Iterator[tuple[int, str | None]]:
        """Render rows; yield each and what is wrong with it.

        Parameters
        ----------
        rows : sequence of int
            What is to be rendered.
        n_rows : int
            Of the whole data set.
        render : callable
            Renders a row and says what is wrong with it.
        """
        ...

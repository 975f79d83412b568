"""Engines: whatever turns parameter settings into samples, one file each.

A new engine is a new file with a class that has `Engine`'s attribute and method, and a line in
`open_engine`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from timbremap_jax.data.patch import Note, Patch
from timbremap_runtime.errors import SettingsError

SAMPLE_RATE = 44_100
"""Samples per second of every sound that is rendered here."""


class Engine(Protocol):
    """Settings in, samples out. What comes out depends on what goes in alone."""

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
        """
        ...


def open_engine(patch: Patch) -> Engine:
    """Return the engine that ``patch`` asks for, with the patch loaded.

    Raises
    ------
    SettingsError
        There is no such engine.
    FormatError
        The engine cannot read the patch's source.
    MissingExtra
        The package that the engine needs is not installed.
    """
    if patch.engine == "faust":
        from timbremap_jax.data.engines.faust import FaustEngine

        return FaustEngine(patch)
    raise SettingsError(
        f"{patch.folder / 'patch.toml'}: no engine '{patch.engine}'; there is faust"
    )

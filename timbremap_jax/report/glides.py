"""What is heard when the hand moves along one axis from end to end, the others at rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from timbremap_jax.data.engines import FOREIGN, open_engine
from timbremap_jax.data.engines.base import NoSound
from timbremap_jax.data.patch import Note, Patch
from timbremap_jax.data.workers import WorkerDied, map_rows
from timbremap_runtime import TimbreMap

GLIDE_MS = 4000.0
"""Length of a glide in one note."""

N_GLIDE_POINTS = 200

N_NOTES = 9
"""Notes in a row instead, of an instrument whose parameters do not move during a note."""

ENDS = (0.02, 0.98)


@dataclass(frozen=True, eq=False)
class Glide:
    """The sound of one axis.

    Attributes
    ----------
    sound : ndarray of float32, shape (n_samples,)
        From one end to the other.
    in_one_note : bool
        Whether the parameters move during one note; else it is a row of notes.
    """

    sound: NDArray[np.float32]
    in_one_note: bool


def render_glides(patch: Patch, mapping: TimbreMap, note: Note) -> list[Glide]:
    """Render a glide along each axis; none for an axis that could not be rendered."""
    m = mapping.control_size
    paths: list[NDArray[np.float64]] = []
    for axis in range(m):
        points = np.full((N_GLIDE_POINTS, m), 0.5)
        points[:, axis] = np.linspace(*ENDS, N_GLIDE_POINTS)
        paths.append(mapping.forward(points))
    if patch.engine in FOREIGN:
        outcomes = dict(map_rows(partial(_open, patch, paths, note), range(m), 1))
    else:
        play = _open(patch, paths, note)
        outcomes = {axis: play(axis) for axis in range(m)}
    return [
        glide
        for axis in range(m)
        if (glide := outcomes[axis]) is not None and not isinstance(glide, WorkerDied)
    ]


def _open(
    patch: Patch, paths: list[NDArray[np.float64]], note: Note
) -> Callable[[int], Glide | None]:
    engine = open_engine(patch)
    glide = getattr(engine, "glide", None)

    def play(axis: int) -> Glide | None:
        path = paths[axis]
        try:
            if glide is not None:
                return Glide(glide(path, note.with_changes(sustain_ms=GLIDE_MS)), True)
            chosen = path[np.linspace(0, len(path) - 1, N_NOTES).astype(int)]
            notes = [engine.render(values.tolist(), note) for values in chosen]
        except NoSound:
            return None
        return Glide(np.concatenate(notes), False)

    return play

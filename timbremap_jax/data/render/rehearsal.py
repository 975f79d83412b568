"""Whether an instrument can be played at all, and sounds the same twice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import partial

from timbremap_jax.data.engines import open_engine
from timbremap_jax.data.engines.base import NoSound
from timbremap_jax.data.render.renderer import Renderer
from timbremap_jax.data.workers import map_rows
from timbremap_runtime.errors import FormatError, TimbreMapError

N_REHEARSED = 8
"""Sounds that are rendered twice, to see whether they come out the same."""


def rehearse(renderer: Renderer) -> bool:
    """Render the first rows twice: in two processes, in two orders.

    Returns
    -------
    bool
        Whether both times every sample was the same.

    Raises
    ------
    FormatError
        Not one of the rows could be rendered.
    """
    rows = range(min(N_REHEARSED, len(renderer.values)))
    first = _outcomes(renderer, rows)
    if all(isinstance(outcome, TimbreMapError) for outcome in first.values()):
        raise FormatError(f"{renderer.patch.source}: cannot be played: {first[0]}")
    second = _outcomes(renderer, rows[::-1])
    return all(str(first[row]) == str(second[row]) for row in rows)


def _outcomes(renderer: Renderer, order: Sequence[int]) -> dict[int, str | TimbreMapError]:
    """Return a hash of each row's samples, or why there are none."""
    task = partial(_open_rehearsal, renderer)
    return dict(map_rows(task, order, 1, patience_s=renderer.patience_s))


def _open_rehearsal(renderer: Renderer) -> Callable[[int], str | NoSound]:
    engine = open_engine(renderer.patch)

    def render(row: int) -> str | NoSound:
        try:
            samples = engine.render(renderer.values[row].tolist(), renderer.note)
        except NoSound as error:
            return error
        return hashlib.sha256(samples.tobytes()).hexdigest()

    return render

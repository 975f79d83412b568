"""Whether an instrument can be played at all, and sounds the same twice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from timbremap_jax.data.engines import HOLDING
from timbremap_jax.data.engines.base import NoSound
from timbremap_jax.data.engines.forked import can_fork
from timbremap_jax.data.render.renderer import Renderer
from timbremap_jax.data.workers import map_rows
from timbremap_runtime.errors import FormatError, TimbreMapError

N_REHEARSED = 8
"""Sounds that are rendered twice, to see whether they come out the same."""


FORK_PATIENCE_S = 10.0
"""Seconds that a fork may take for a rehearsed sound, before forks are done without."""


@dataclass(frozen=True)
class Rehearsal:
    """What came of it.

    Attributes
    ----------
    repeatable : bool
        Whether the same values sounded the same, to the bit.
    forked : bool
        Whether they did so in forks of a process that never played.
    """

    repeatable: bool
    forked: bool = False


def rehearse(renderer: Renderer) -> Rehearsal:
    """Render the first rows twice: in two processes, in two orders.

    The second time is in forks where the engine can be held open, and once more without if that
    comes out different.

    Raises
    ------
    FormatError
        Not one of the rows could be rendered.
    """
    rows = range(min(N_REHEARSED, len(renderer.values)))
    first = dict(_outcomes(renderer, rows))
    if all(isinstance(outcome, TimbreMapError) for outcome in first.values()):
        raise FormatError(f"{renderer.patch.source}: cannot be played: {first[0]}")

    def again(renderer: Renderer) -> bool:
        # Given up at the first difference: a fork that hangs takes long.
        return all(
            isinstance(first[row], TimbreMapError)
            if isinstance(outcome, TimbreMapError)
            else outcome == first[row]
            for row, outcome in _outcomes(renderer, rows[::-1])
        )

    if renderer.patch.engine in HOLDING and can_fork():
        patience_s = min(renderer.patience_s, FORK_PATIENCE_S + 0.02 * renderer.note.duration_ms)
        if again(replace(renderer, forked=True, patience_s=patience_s)):
            return Rehearsal(repeatable=True, forked=True)
    return Rehearsal(repeatable=again(renderer))


def _outcomes(
    renderer: Renderer, order: Sequence[int]
) -> Iterator[tuple[int, str | TimbreMapError]]:
    """Yield a hash of each row's samples, or why there are none."""
    task = partial(_open_rehearsal, renderer)
    return map_rows(task, order, 1, patience_s=renderer.worker_patience_s)


def _open_rehearsal(renderer: Renderer) -> Callable[[int], str | NoSound]:
    engine = renderer.open_engine()

    def render(row: int) -> str | NoSound:
        try:
            samples = engine.render(renderer.values[row].tolist(), renderer.note_of(row))
        except NoSound as error:
            return error
        return hashlib.sha256(samples.tobytes()).hexdigest()

    return render

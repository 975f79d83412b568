"""Render the sounds of many rows of random parameter values.

A data folder holds ``labels.csv`` (one row of integers a sound, no header) and
``wavs/ex_0.wav``, ``wavs/ex_1.wav`` and so on: row i of the labels made sound i.
``generate.json`` says how they were made (`timbremap_jax.data.manifest`). What row i is
depends on the patch, the options and i alone, not on what is rendered beside it, in which order,
or by how many processes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from timbremap_jax.data.engines import FOREIGN, is_live, open_engine
from timbremap_jax.data.engines.base import LiveEngine
from timbremap_jax.data.files import save_bytes
from timbremap_jax.data.folder import DataFolder
from timbremap_jax.data.lock import at_work_in
from timbremap_jax.data.manifest import manifest_path, read_manifest, write_manifest
from timbremap_jax.data.notes import as_csv
from timbremap_jax.data.patch import Note, Patch
from timbremap_jax.data.render.rehearsal import Rehearsal, rehearse
from timbremap_jax.data.render.renderer import Renderer, open_renderer, patience_for
from timbremap_jax.data.render.resume import make_manifest, require_own, require_same
from timbremap_jax.data.render.sampling import (
    GenerateSettings,
    on_steps,
    sample_notes,
    sample_parameters,
)
from timbremap_jax.data.workers import WorkerDied, map_rows
from timbremap_runtime.errors import PathError, SettingsError

T = TypeVar("T")
Progress = Callable[[Iterable[T], int], Iterable[T]]
"""Wraps an iterable of so many items, as a progress bar does."""

LIVE_TRIES = 4
"""How often a sound that is recorded live is tried before its fault is believed."""


def generate(
    patch: Patch,
    data_dir: str | Path,
    settings: GenerateSettings,
    note: Note | None = None,
    *,
    resume: bool = False,
    first_row: int | None = None,
    only: Sequence[int] | None = None,
    n_workers: int | None = None,
    command: Sequence[str] = (),
    progress: Progress[tuple[int, str | None]] = lambda items, _: items,
) -> dict[int, str]:
    """Render ``settings.n_examples`` sounds of ``patch`` into ``data_dir``.

    Sounds are rendered by processes of their own, so a script that calls this needs the usual
    ``if __name__ == "__main__":``.

    Parameters
    ----------
    patch : Patch
        The instrument.
    data_dir : path
        Made when it is not there.
    settings : GenerateSettings
        How many, and from which seed.
    note : Note, optional
        Instead of the patch's own.
    resume : bool
        Go on in a folder that was begun with the same settings: render what is missing.
    first_row : int, optional
        With ``resume``, render this row and all that follow, even when they are there.
    only : sequence of int, optional
        Render these rows of such a folder, even when they are there, and no others.
    n_workers : int, optional
        Number of processes; one a processor when not given.
    command : sequence of str
        The command line that asked for this, word by word and without ``--resume`` or ``--only``.
        It is kept in the manifest, to be printed where something is left to do.
    progress : callable
        Wraps the results as they come.

    Returns
    -------
    dict of int to str
        The rows that came out broken, twice, and what is wrong with each. Nothing is written for
        them.

    Raises
    ------
    PathError
        The folder holds something else, or a file cannot be written.
    SettingsError
        The folder was made from another patch or with other settings.
    FormatError, MissingExtra
        The engine cannot be opened.
    """
    data_dir = Path(data_dir)
    rows = _wanted_rows(settings.n_examples, first_row, only)
    note = settings.home(note or patch.note)
    notes = sample_notes(settings, note)
    values = on_steps(sample_parameters(settings, len(patch.parameters)), patch.parameters)
    renderer = Renderer(
        patch, note, values, data_dir, settings.sample_format, patience_for(note), notes
    )
    with at_work_in(data_dir, command), ExitStack() as stack:
        require_own(data_dir, again=resume or only is not None)
        live = is_live(patch)
        rehearsal = (
            rehearse(renderer) if patch.engine in FOREIGN else Rehearsal(repeatable=not live)
        )
        renderer = replace(renderer, forked=rehearsal.forked)
        manifest = {**make_manifest(patch, note, settings), **asdict(rehearsal)}
        require_same(data_dir, manifest, may_grow=resume)
        manifest |= _as_typed(data_dir, settings, command)
        if only is None:
            rows = _missing(renderer, settings.n_examples if first_row is None else first_row)

        def begin() -> None:
            stack.enter_context(_begun(data_dir, manifest, values, notes))

        # Whatever is wrong with the patch is said before anything is written.
        if live:
            engine = cast(LiveEngine, open_engine(patch))
            stack.callback(engine.close)
            begin()
            render = renderer.renders_with(engine, LIVE_TRIES)
            outcomes = engine.conduct(rows, settings.n_examples, render)
        else:
            task, patience_s = partial(open_renderer, renderer), renderer.worker_patience_s
            outcomes = map_rows(task, rows, n_workers, patience_s=patience_s, opened=begin)
            if not rows:
                begin()
        first = list(islice(outcomes, 1))  # what fails at once shows no progress
        faults = {}
        for row, fault in progress(chain(first, outcomes), len(rows)):
            if fault:
                died = isinstance(fault, WorkerDied)
                faults[row] = f"could not be made: {fault}" if died else fault
    return dict(sorted(faults.items()))


def _missing(renderer: Renderer, again_from: int) -> list[int]:
    """Return the rows without a whole sound, and all from ``again_from`` on."""
    folder = DataFolder(renderer.data_dir)
    there = {path.name for path in folder.wavs.iterdir()} if folder.wavs.is_dir() else set()
    return [
        row
        for row in range(len(renderer.values))
        if row >= again_from or folder.wav(row).name not in there or not renderer.is_done(row)
    ]


def _wanted_rows(n_rows: int, first_row: int | None, only: Sequence[int] | None) -> Sequence[int]:
    asked = [*({*only} if only is not None else ()), *([] if first_row is None else [first_row])]
    outside = [row for row in sorted(asked) if not 0 <= row < n_rows]
    if outside or (only is not None and not asked):
        problem = f"there is no row {outside[0]}" if outside else "none is given"
        raise SettingsError(f"rows are numbered 0 to {n_rows - 1}: {problem}")
    return range(n_rows) if only is None else sorted(asked)


def _as_typed(data_dir: Path, settings: GenerateSettings, command: Sequence[str]) -> dict[str, Any]:
    """Return the command that began the folder, or made it grow, and the folder's name in it."""
    earlier = read_manifest(data_dir) or {}
    if earlier.get("n_examples") == settings.n_examples and earlier.get("command"):
        return {key: earlier.get(key) for key in ("command", "data_dir")}
    return {"command": list(command), "data_dir": str(data_dir)} if command else {}


@contextmanager
def _begun(
    data_dir: Path,
    manifest: dict[str, Any],
    values: NDArray[np.int64],
    notes: NDArray[np.int64] | None,
) -> Iterator[None]:
    """Write manifest, labels and notes; take them back if not a single sound comes of it.

    Whatever was wrong (nobody listens, no room) can then be mended and the folder begun once more.
    """
    folder = DataFolder(data_dir)
    wavs = folder.wavs
    is_new = read_manifest(data_dir) is None
    labels = "".join(",".join(map(str, row)) + "\n" for row in values.tolist()).encode()
    tables = {folder.labels_csv: labels}
    if notes is not None:
        tables[folder.notes_csv] = as_csv(notes)
    for table, content in tables.items():
        # Of fewer rows, if the data set is to grow.
        if table.exists() and not content.startswith(table.read_bytes()):
            raise PathError(
                f"{table}: was changed, but its rows are drawn from the seed and what is rendered;"
                " delete it to have it written anew, or choose another folder"
            )
    try:
        wavs.mkdir(exist_ok=True)
        for left_over in wavs.glob(".ex_*.wav"):
            left_over.unlink()  # of a run that was killed
        write_manifest(data_dir, manifest)
        for table, content in tables.items():
            save_bytes(table, content)
        yield
    finally:
        if is_new and wavs.is_dir() and not any(wavs.iterdir()):
            wavs.rmdir()
            for file in (manifest_path(data_dir), *tables):
                file.unlink(missing_ok=True)

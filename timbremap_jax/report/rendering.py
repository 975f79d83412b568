"""Render the groups of a plan, in several processes, and go on where a run was stopped.

Spectrograms (and of some groups the samples) go to a hidden folder beside the report, which is
removed when the report is written.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from timbremap_jax.data.audio.sounds import SILENCE
from timbremap_jax.data.engines import FOREIGN, open_engine
from timbremap_jax.data.engines.base import Engine, LiveEngine, NoSound
from timbremap_jax.data.features.mel import FeatureSettings, MelSpectrogram
from timbremap_jax.data.files import save_json
from timbremap_jax.data.patch import Note, Patch
from timbremap_jax.data.render.rehearsal import rehearse
from timbremap_jax.data.render.renderer import Renderer, patience_for
from timbremap_jax.data.workers import WorkerDied, map_rows
from timbremap_jax.report.plan import PAIRED, Group
from timbremap_jax.report.subject import digest_of
from timbremap_runtime.errors import FormatError, PathError, SettingsError

Progress = Callable[[Iterable[Any], int], Iterable[Any]]

GOOD, SILENT, BROKEN = 1, 2, 3
"""What became of a row; 0 is not rendered yet."""

CACHE = ".report"
"""Folder for what is rendered, until the report is written."""

MOST_BROKEN = 0.05
"""Share of sounds that may be broken; they count as silence."""

LIVE_OVERHEAD_MS = 200.0
"""Of each sound that is recorded live, beside its length, as it was measured with Pure Data."""


@dataclass(frozen=True, eq=False)
class Renders:
    """The sounds of a plan.

    Attributes
    ----------
    rows : dict of str to range
        Rows of each group.
    mel : ndarray, shape (n_rows, n_mels, n_frames)
        Mel power, on disk.
    samples : ndarray, shape (n_paired_rows, n_samples)
        Samples of the groups of `PAIRED`, which come first; on disk.
    outcome : ndarray of uint8, shape (n_rows,)
        `GOOD`, `SILENT` or `BROKEN`.
    fault : str or None
        What is wrong with one of the broken sounds.
    """

    rows: dict[str, range]
    mel: NDArray[np.float32]
    samples: NDArray[np.float32]
    outcome: NDArray[np.uint8]
    fault: str | None

    def power(self, group: str, first: int | None = None) -> NDArray[np.float32]:
        """Return mel power of a group, or of its first sounds, (k, n_mels, n_frames)."""
        rows = self.rows[group][:first]
        return np.asarray(self.mel[rows.start : rows.stop])

    def sounds(self, group: str) -> NDArray[np.float32]:
        """Return samples of a group of `PAIRED`, (k, n_samples)."""
        rows = self.rows[group]
        return np.asarray(self.samples[rows.start : rows.stop])

    def silent_share(self, group: str) -> float:
        """Share of a group's sounds that are silent or broken."""
        rows = self.rows[group]
        return float(np.mean(self.outcome[rows.start : rows.stop] != GOOD))


@dataclass(frozen=True, eq=False)
class _Job:
    """What a worker needs to render any row."""

    renderer: Renderer
    notes: list[Note]
    note_of: NDArray[np.int64]
    values: NDArray[np.float64]
    folder: Path

    def renders_with(
        self, engine: Engine, transform: MelSpectrogram
    ) -> Callable[[int], tuple[int, str | None]]:
        """Return what renders a row and says what became of it."""
        mel = open_memmap(self.folder / "mel.npy", "r+")
        samples = open_memmap(self.folder / "samples.npy", "r+")
        n_samples = self.renderer.n_samples

        def render(row: int) -> tuple[int, str | None]:
            try:
                sound = engine.render(self.values[row].tolist(), self.notes[self.note_of[row]])
            except NoSound as error:
                return BROKEN, str(error)
            if len(sound) != n_samples:
                return BROKEN, f"has {len(sound)} samples instead of {n_samples}"
            if not np.isfinite(sound).all():
                return BROKEN, "is not finite"
            mel[row] = transform(sound)
            if row < len(samples):
                samples[row] = sound
            return (GOOD if np.abs(sound).max() >= SILENCE else SILENT), None

        return render


def _open(job: _Job, transform: MelSpectrogram) -> Callable[[int], tuple[int, str | None]]:
    return job.renders_with(job.renderer.open_engine(), transform)


def render_plan(
    patch: Patch,
    groups: dict[str, Group],
    features: FeatureSettings,
    folder: Path,
    *,
    live: bool = False,
    announce: Callable[[str], None] = lambda _: None,
    n_workers: int | None = None,
    progress: Progress = lambda items, _: items,
) -> Renders:
    """Render every sound of a plan that is not in the cache of ``folder`` yet.

    Sounds are rendered by processes of their own, so a script that calls this needs the usual
    ``if __name__ == "__main__":``.

    Parameters
    ----------
    patch : Patch
        The instrument.
    groups : dict of str to Group
        The plan.
    features : FeatureSettings
        How mel spectrograms are computed.
    folder : Path
        Where the report goes.
    live : bool
        Whether an instrument that plays in real time may be recorded.
    announce : callable
        Told, in a sentence, how long such a recording will take before it begins.
    n_workers : int, optional
        Number of processes; one a processor when not given.
    progress : callable
        Wraps the results as they come.

    Raises
    ------
    SettingsError
        The instrument plays in real time, and ``live`` is false.
    PathError
        There is no room on the disk.
    FormatError
        The engine cannot play the instrument, or too many sounds are broken.
    """
    rows: dict[str, range] = {}
    start = 0
    ordered = sorted(groups, key=lambda name: name not in PAIRED)
    for name in ordered:
        rows[name] = range(start, start + len(groups[name]))
        start += len(groups[name])
    n_paired = max(rows[name].stop for name in PAIRED if name in rows)
    values = np.concatenate([groups[name].values for name in ordered])
    notes = list(dict.fromkeys(groups[name].note for name in ordered))
    each = [notes.index(groups[name].note) for name in ordered]
    note_of = np.repeat(each, [len(groups[name]) for name in ordered])
    if patch.engine == "osc":
        how_long = _how_long(patch, len(values), notes[0])
        if not live:
            raise SettingsError(
                f"{how_long}; start the synth and add --live (and --quick for a tenth)"
            )
        announce(how_long)

    cache = folder / CACHE
    transform = MelSpectrogram(features)
    # Integers, as a rehearsal wants them; nothing else is done with these.
    renderer = Renderer(
        patch, notes[0], values.astype(np.int64), cache, "float", patience_for(notes[0])
    )
    shape = (len(values), features.n_mels, features.n_frames(renderer.n_samples))
    job = _Job(renderer, notes, note_of, values, cache)
    done = _open_cache(job, features, shape, n_paired)
    mel, samples = (np.load(cache / f"{name}.npy", mmap_mode="r") for name in ("mel", "samples"))
    waiting = np.flatnonzero(done == 0).tolist()
    fault = None
    for row, outcome in progress(_outcomes(job, transform, waiting, n_workers), len(waiting)):
        if isinstance(outcome, WorkerDied):
            outcome = BROKEN, str(outcome)
        done[row] = outcome[0]
        fault = outcome[1] or fault
    n_broken = int(np.sum(done == BROKEN))
    if n_broken > MOST_BROKEN * len(done):
        forget(folder)
        raise FormatError(
            f"{patch.file}: {n_broken} of {len(done)} sounds could not be rendered ({fault});"
            " mend the instrument"
        )
    return Renders(rows, mel, samples, np.array(done), fault)


def forget(folder: Path) -> None:
    """Remove what was rendered for a report."""
    shutil.rmtree(folder / CACHE, ignore_errors=True)


def _how_long(patch: Patch, n_sounds: int, note: Note) -> str:
    minutes = round(n_sounds * (note.duration_ms + LIVE_OVERHEAD_MS) / 60_000)
    time = f"about {minutes} minutes" if minutes > 1 else "a minute or two"
    return f"{patch.file}: is recorded in real time, and {n_sounds} sounds take {time}"


def _outcomes(
    job: _Job, transform: MelSpectrogram, rows: list[int], n_workers: int | None
) -> Iterator[tuple[int, Any]]:
    """Render rows as suits the engine; yield each and what became of it."""
    patch = job.renderer.patch
    if not rows:
        return
    if patch.engine == "osc":
        yield from _live_outcomes(job, transform, rows)
        return
    if patch.engine in FOREIGN:
        job = replace(job, renderer=replace(job.renderer, forked=rehearse(job.renderer).forked))
    task, patience_s = partial(_open, job, transform), job.renderer.worker_patience_s
    yield from map_rows(task, rows, n_workers, patience_s=patience_s)


def _live_outcomes(
    job: _Job, transform: MelSpectrogram, rows: list[int]
) -> Iterator[tuple[int, tuple[int, str | None]]]:
    engine = open_engine(job.renderer.patch)
    assert isinstance(engine, LiveEngine)
    with closing(engine):
        play = job.renders_with(engine, transform)
        became: dict[int, tuple[int, str | None]] = {}

        def conducted(row: int) -> str | None:
            became[row] = play(row)
            return became[row][1]

        for row, _ in engine.conduct(rows, len(job.values), conducted):
            yield row, became[row]


def _open_cache(
    job: _Job, features: FeatureSettings, shape: tuple[int, int, int], n_paired: int
) -> NDArray[np.uint8]:
    """Make the cache, unless it is there and of the same sounds; return what is done, on disk."""
    digest = hashlib.sha256(job.values.tobytes() + job.note_of.tobytes())
    digest.update(repr((job.notes, features, shape, n_paired)).encode())
    patch = job.renderer.patch
    digest.update(repr((patch.variant, digest_of(patch))).encode())
    key = {"sounds": digest.hexdigest()}
    folder, n_samples = job.folder, job.renderer.n_samples
    try:
        if (folder / "plan.json").read_text(encoding="utf-8") == _text(key):
            return open_memmap(folder / "done.npy", "r+")
    except (OSError, ValueError):
        pass
    shutil.rmtree(folder, ignore_errors=True)
    n_bytes = 4 * (np.prod(shape, dtype=np.int64) + n_paired * n_samples)
    free = shutil.disk_usage(folder.parent).free
    if free < n_bytes:
        raise PathError(
            f"{folder}: {n_bytes / 2**30:.1f} GiB are needed for a while and {free / 2**30:.1f} are"
            " free; make room, or listen to fewer sounds with --quick"
        )
    folder.mkdir()
    open_memmap(folder / "mel.npy", "w+", np.float32, shape)
    open_memmap(folder / "samples.npy", "w+", np.float32, (n_paired, n_samples))
    done = open_memmap(folder / "done.npy", "w+", np.uint8, (shape[0],))
    save_json(folder / "plan.json", key)
    return done


def _text(content: dict[str, str]) -> str:
    import json

    return json.dumps(content, indent=2) + "\n"

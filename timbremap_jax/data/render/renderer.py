"""One row of a data set: its sound, checked and written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from timbremap_jax.data.audio.sounds import find_fault, is_whole, write_wav
from timbremap_jax.data.engines import open_engine
from timbremap_jax.data.engines.base import Engine, NoSound
from timbremap_jax.data.engines.forked import ForkedEngine
from timbremap_jax.data.folder import DataFolder
from timbremap_jax.data.patch import SAMPLE_RATE, Note, Patch

N_TRIES = 2
"""How often a sound is rendered before its fault is believed."""

PATIENCE_S = 60.0
"""Seconds that an engine may take for a sound, beside twenty times its length."""


def patience_for(note: Note) -> float:
    """Return how many seconds an engine may take for a sound."""
    return PATIENCE_S + 0.02 * note.duration_ms


@dataclass(frozen=True, eq=False)
class Renderer:
    """What a worker needs to render any row.

    Attributes
    ----------
    patch : Patch
        The instrument.
    note : Note
        What it plays, unless `notes` says otherwise.
    values : ndarray of int64, shape (n_rows, n_parameters)
        Its parameters 0..127, row by row.
    data_dir : Path
        The data folder.
    sample_format : str
        Of the WAV files.
    patience_s : float
        Seconds that an engine may take for a sound before it is taken to hang.
    notes : ndarray of int64, shape (n_rows, 2), or None
        Pitch and velocity of each row; None if all play `note`.
    forked : bool
        Whether the engine is opened once and each sound played in a fork of its process.
    """

    patch: Patch
    note: Note
    values: NDArray[np.int64]
    data_dir: Path
    sample_format: str
    patience_s: float
    notes: NDArray[np.int64] | None = None
    forked: bool = False

    def note_of(self, row: int) -> Note:
        """Return what a row plays."""
        if self.notes is None:
            return self.note
        pitch, velocity = self.notes[row].tolist()
        return self.note.with_changes(pitch=pitch, velocity=velocity)

    @property
    def n_samples(self) -> int:
        """Length of every sound."""
        return self.note.n_samples(SAMPLE_RATE)

    @property
    def worker_patience_s(self) -> float:
        """Seconds that a worker may be silent: it waits itself for what it forked."""
        return self.patience_s * (N_TRIES + 1 if self.forked else 1)

    def open_engine(self) -> Engine:
        """Open the engine in this process."""
        engine = open_engine(self.patch)
        return ForkedEngine(engine, self.patience_s) if self.forked else engine  # pyright: ignore[reportArgumentType]

    def renders_with(self, engine: Engine, n_tries: int = N_TRIES) -> Callable[[int], str | None]:
        """Return what renders a row with ``engine`` and says what is wrong with its sound."""

        def render(row: int) -> str | None:
            fault = None
            for _ in range(n_tries):
                try:
                    samples = engine.render(self.values[row].tolist(), self.note_of(row))
                except NoSound as error:
                    fault = str(error)
                    continue
                fault = find_fault(samples, self.n_samples)
                if fault is None:
                    path = DataFolder(self.data_dir).wav(row)
                    write_wav(path, samples, engine.sample_rate, self.sample_format)
                    break
            return fault

        return render

    def is_done(self, row: int) -> bool:
        """Whether the sound of a row is there and whole."""
        return is_whole(DataFolder(self.data_dir).wav(row), self.n_samples)


def open_renderer(renderer: Renderer) -> Callable[[int], str | None]:
    """Open an engine in this process; return what renders a row with it."""
    return renderer.renders_with(renderer.open_engine())

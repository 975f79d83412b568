"""Sounds to mel power spectrograms, one array for the whole data set.

``tm-features`` leaves in a data folder:

- ``features.npy``, N x F x T float32: sounds, mel bands, frames;
- ``labels.npy``, N x n float32: the parameters, row by row with the features;
- ``features.json``: the settings;
- ``features_index.npy``, N x 4 int64: of each row the number of its sound, the size and time of its
  file, and its own width, so that a second run computes only what changed.

Rows follow the names of the files: ``ex_17.wav`` has the 18th row of ``labels.csv``, whatever other
files are missing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timbremap_jax.data.audio.sounds import (
    find_fault,
    find_rows,
    inspect_wav,
    read_wav,
    wav_path,
)
from timbremap_jax.data.features.mel import FeatureSettings, MelSpectrogram
from timbremap_jax.data.files import replacing, save_array, save_json
from timbremap_jax.data.manifest import next_command, ranges
from timbremap_jax.data.workers import map_rows
from timbremap_runtime.errors import FormatError, PathError

Progress = Callable[[Iterable[Any], int], Iterable[Any]]

Stamp = tuple[int, int, int]
"""Row, size and time of a sound's file: the same stamp, the same sound."""

ROWS_A_MAP = 256
"""Rows that are written through one memory map before it is opened anew, so that the pages it
has touched are given back to the system."""


LARGEST_KEPT_BYTES = 31 << 20
"""Just under the largest block of memory that glibc will keep for use again."""


@dataclass(frozen=True)
class FeatureReport:
    """What a run of `compute_features` did.

    Attributes
    ----------
    shape : tuple of int
        Shape of the features: sounds, mel bands, frames.
    n_computed : int
        Sounds that were computed; the others were there already.
    without_sound : tuple of int
        Rows of the labels that have no sound, and are left out.
    broken : dict of int to str
        Rows that are left out because their sound is broken, and how.
    """

    shape: tuple[int, int, int]
    n_computed: int
    without_sound: tuple[int, ...]
    broken: dict[int, str]


class BrokenSounds(FormatError):
    """Sounds that cannot be used; ``broken`` tells of each row what is wrong with it."""

    def __init__(self, data_dir: Path, broken: dict[int, str]):
        again = (
            next_command(data_dir, "--only", ranges(list(broken))) or "your patch, or remove them"
        )
        super().__init__(
            f"{data_dir}: {len(broken)} sounds are broken, nothing was written; leave them out with"
            f" --skip-broken, or render them again with  {again}"
        )
        self.broken = broken
        self._arguments = (data_dir, broken)

    def __reduce__(self):
        # Errors travel between processes, and are made again from what made them.
        return type(self), self._arguments


def compute_features(
    data_dir: str | Path,
    settings: FeatureSettings | None = None,
    *,
    skip_broken: bool = False,
    n_workers: int | None = None,
    progress: Progress = lambda items, _: items,
) -> FeatureReport:
    """Compute the features of every sound under ``data_dir/wavs``.

    Widths are padded with zeros, or cut, to the median of the data set.

    Parameters
    ----------
    data_dir : path
        A folder with ``labels.csv`` and ``wavs/ex_0.wav`` and so on.
    settings : FeatureSettings, optional
        The default when not given.
    skip_broken : bool
        Leave broken sounds out of features and labels, instead of refusing the folder.
    n_workers : int, optional
        Number of processes; one a processor when not given.
    progress : callable
        Wraps the results as they come.

    Raises
    ------
    PathError
        There are no sounds or no labels.
    BrokenSounds
        Some sounds cannot be used, and ``skip_broken`` is false.
    FormatError
        The labels cannot be read, or there are more sounds than labels.
    """
    settings = settings or FeatureSettings()
    data_dir = Path(data_dir)
    labels = read_labels(data_dir / "labels.csv")
    rows = find_rows(data_dir)
    if rows[-1] >= len(labels):
        raise FormatError(
            f"{wav_path(data_dir, rows[-1])} has no row in {data_dir / 'labels.csv'},"
            f" which has {len(labels)}: remove the sound or restore the labels"
        )
    without_sound = tuple(sorted(set(range(len(labels))) - set(rows)))

    stamps = {row: _stamp(data_dir, row) for row in rows}
    broken, n_frames = _guess_frames(data_dir, stamps, settings)
    good = [stamps[row] for row in n_frames]
    if not good:
        raise BrokenSounds(data_dir, broken)
    width = _median(n_frames.values())
    while True:
        report, n_frames = _compute(
            data_dir, settings, labels, good, width, dict(broken), skip_broken, n_workers, progress
        )
        if _median(n_frames.values()) == width:
            return replace(report, without_sound=without_sound)
        width = _median(n_frames.values())


def _guess_frames(
    data_dir: Path, stamps: dict[int, Stamp], settings: FeatureSettings
) -> tuple[dict[int, str], dict[int, int]]:
    """Faults, and widths of the other rows, reading one header for all files of a size.

    Opening every file would take longer than half of the work that follows, in which each is read
    and its width becomes known for certain.
    """
    broken: dict[int, str] = {}
    n_frames: dict[int, int] = {}
    of_size: dict[int, int] = {}
    for row, (_, size, _) in stamps.items():
        if size not in of_size:
            path = wav_path(data_dir, row)
            try:
                of_size[size] = settings.n_frames(inspect_wav(path, settings.sample_rate))
            except FormatError as error:
                broken[row] = str(error)
                continue
        n_frames[row] = of_size[size]
    return broken, n_frames


def _median(values: Iterable[int]) -> int:
    return int(np.median(list(values)))


def _compute(
    data_dir: Path,
    settings: FeatureSettings,
    labels: NDArray[np.float32],
    stamps: list[Stamp],
    width: int,
    broken: dict[int, str],
    skip_broken: bool,
    n_workers: int | None,
    progress: Progress,
) -> tuple[FeatureReport, dict[int, int]]:
    """Compute sounds at one width; return also the widths that they really have."""
    good = [row for row, _, _ in stamps]
    earlier = _Earlier.load(data_dir, settings, width)
    n_frames = {r: earlier.n_frames[s] for r, s in zip(good, stamps, strict=True) if s in earlier}
    changed = [at for at, row in enumerate(good) if row not in n_frames]
    if not changed and not broken and len(earlier) == len(good):
        save_array(data_dir / "labels.npy", labels[good])  # they may have changed alone
        shape = (len(good), settings.n_mels, width)
        return FeatureReport(shape, 0, (), broken), n_frames

    for left_over in data_dir.glob(".features.*.npy"):
        left_over.unlink()  # of a run that was killed
    with replacing(data_dir / "features.npy") as temporary:
        np.lib.format.open_memmap(temporary, "w+", np.float32, (len(good), settings.n_mels, width))
        _copy_unchanged(earlier, stamps, temporary)
        job = _Job(data_dir, settings, good, temporary)
        outcomes = map_rows(partial(_open_job, job, MelSpectrogram(settings)), changed, n_workers)
        for at, outcome in progress(outcomes, len(changed)):
            if isinstance(outcome, int):
                n_frames[good[at]] = outcome
            else:
                broken[good[at]] = str(outcome)
        broken = dict(sorted(broken.items()))
        kept = [at for at, row in enumerate(good) if row not in broken]
        if (broken and not skip_broken) or not kept:
            raise BrokenSounds(data_dir, broken)
        if len(kept) < len(good):
            _keep_rows(temporary, kept)
        # Settings without an index tell that this was interrupted: see `load_feature_settings`.
        (data_dir / "features_index.npy").unlink(missing_ok=True)
        save_json(data_dir / "features.json", asdict(settings))
    save_array(data_dir / "labels.npy", labels[[good[at] for at in kept]])
    index = np.array([(*stamps[at], n_frames[good[at]]) for at in kept], np.int64)
    save_array(data_dir / "features_index.npy", index)
    shape = (len(kept), settings.n_mels, width)
    return FeatureReport(shape, len(changed), (), broken), n_frames


def load_feature_settings(data_dir: Path) -> FeatureSettings | None:
    """Read the settings that the features of a folder were computed with, if it says.

    Raises
    ------
    FormatError
        The settings do not read, or computing the features was interrupted.
    """
    file = data_dir / "features.json"
    if file.exists() and not (data_dir / "features_index.npy").exists():
        raise FormatError(f"{data_dir}: its features are half made; run  tm-features {data_dir}")
    try:
        return FeatureSettings(**json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        raise FormatError(
            f"{file}: not the settings of features; run  tm-features {data_dir}"
        ) from None


def read_labels(file: Path) -> NDArray[np.float32]:
    """Read parameter settings, one row a sound.

    Returns
    -------
    ndarray of float32, shape (n_sounds, n_parameters)
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
        labels = np.loadtxt(lines, np.float32, delimiter=",", ndmin=2) if any(lines) else None
    except (FileNotFoundError, NotADirectoryError):
        raise PathError(f"{file}: no such file; tm-generate writes it") from None
    except ValueError as error:
        raise FormatError(f"{file}: not rows of numbers with commas: {error}") from None
    if labels is None or not np.isfinite(labels).all():
        raise FormatError(f"{file}: is empty, or has a value that is no number")
    return labels


@dataclass(frozen=True)
class _Job:
    """What a worker needs: row ``at`` of the array is the sound of ``rows[at]``."""

    data_dir: Path
    settings: FeatureSettings
    rows: list[int]
    array: Path


def _open_job(job: _Job, transform: MelSpectrogram) -> Callable[[int], int | str]:
    """Return what writes one row of the array and gives its width, or says what is wrong."""
    # glibc hands every freed array back to the system, a page fault for each 4 KB of the next one,
    # until it has seen a large one freed: half of the time otherwise.
    np.empty(LARGEST_KEPT_BYTES, np.uint8)
    features = np.lib.format.open_memmap(job.array, "r+")
    width = features.shape[2]
    n_written = 0

    def compute(at: int) -> int | str:
        nonlocal features, n_written
        path = wav_path(job.data_dir, job.rows[at])
        try:
            samples = read_wav(path, job.settings.sample_rate)
        except FormatError as error:
            return str(error)
        fault = find_fault(samples, clipping=False)
        if fault:
            return f"{path}: {fault}"
        spectrogram = transform(samples)
        n_frames = spectrogram.shape[1]
        features[at, :, :n_frames] = spectrogram[:, :width]
        n_written += 1
        if n_written % ROWS_A_MAP == 0:
            features = np.lib.format.open_memmap(job.array, "r+")
        return n_frames

    return compute


def _stamp(data_dir: Path, row: int) -> Stamp:
    stat = os.stat(wav_path(data_dir, row))
    return row, stat.st_size, stat.st_mtime_ns


NOTHING = np.empty((0, 4), np.int64)


class _Earlier:
    """Features of an earlier run with the same settings, by the stamps of their sounds."""

    def __init__(self, file: Path, index: NDArray[np.int64]):
        self.file = file
        self.position: dict[Stamp, int] = {}
        self.n_frames: dict[Stamp, int] = {}
        for at, (row, size, time_ns, n_frames) in enumerate(index.tolist()):
            self.position[row, size, time_ns] = at
            self.n_frames[row, size, time_ns] = n_frames

    def __len__(self) -> int:
        return len(self.position)

    def __contains__(self, stamp: Stamp) -> bool:
        return stamp in self.position

    @classmethod
    def load(cls, data_dir: Path, settings: FeatureSettings, width: int) -> _Earlier:
        """Read what an earlier run left; nothing, if it cannot be used."""
        file = data_dir / "features.npy"
        try:
            index = np.load(data_dir / "features_index.npy")
            shape = np.load(file, mmap_mode="r").shape
            usable = (
                load_feature_settings(data_dir) == settings
                and index.shape == (shape[0], 4)
                and shape[1:] == (settings.n_mels, width)
                and (data_dir / "labels.npy").exists()
            )
        except (OSError, ValueError, EOFError):
            return cls(file, NOTHING)
        return cls(file, index if usable else NOTHING)


def _copy_unchanged(earlier: _Earlier, stamps: list[Stamp], array: Path) -> None:
    if not any(stamp in earlier for stamp in stamps):
        return
    for start in range(0, len(stamps), ROWS_A_MAP):
        source = np.load(earlier.file, mmap_mode="r")
        target = np.lib.format.open_memmap(array, "r+")
        for at, stamp in enumerate(stamps[start : start + ROWS_A_MAP], start):
            if stamp in earlier:
                target[at] = source[earlier.position[stamp]]


def _keep_rows(array: Path, kept: list[int]) -> None:
    """Rewrite an array with some of its rows."""
    with replacing(array) as temporary:
        n_mels, width = np.load(array, mmap_mode="r").shape[1:]
        np.lib.format.open_memmap(temporary, "w+", np.float32, (len(kept), n_mels, width))
        for start in range(0, len(kept), ROWS_A_MAP):
            chosen = kept[start : start + ROWS_A_MAP]
            target = np.lib.format.open_memmap(temporary, "r+")
            target[start : start + len(chosen)] = np.load(array, mmap_mode="r")[chosen]

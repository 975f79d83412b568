"""Sounds to mel power spectrograms, one array for the whole data set.

``tm-features`` leaves ``features.npy``, ``labels.npy``, ``features.json`` and
``features_index.npy`` in a data folder: see `timbremap_jax.data.folder`. A second run computes only
the sounds whose files are no longer what they were.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timbremap_jax.data.audio.sounds import count_samples, find_fault, read_wav
from timbremap_jax.data.features.index import Computed, FeatureIndex, digest_of
from timbremap_jax.data.features.mel import MelSpectrogram
from timbremap_jax.data.features.settings import FeatureSettings
from timbremap_jax.data.files import replacing, save_array, save_json
from timbremap_jax.data.folder import DataFolder
from timbremap_jax.data.labels import read_labels
from timbremap_jax.data.lock import at_work_in
from timbremap_jax.data.manifest import next_command, ranges
from timbremap_jax.data.workers import map_rows
from timbremap_runtime.errors import FormatError

Progress = Callable[[Iterable[Any], int], Iterable[Any]]

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
        again = next_command(data_dir, "--only", ranges(list(broken)))
        one = len(broken) == 1
        how_many, them = ("1 sound is", "it") if one else (f"{len(broken)} sounds are", "them")
        way_out = f"render {them} again with  {again}" if again else f"replace or remove {them}"
        super().__init__(
            f"{data_dir}: {how_many} broken, nothing was written; leave {them} out with"
            f" --skip-broken, or {way_out}"
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
    command: Sequence[str] = (),
) -> FeatureReport:
    """Compute the features of every sound of a data folder.

    Widths are padded with zeros, or cut, to the median of the data set.

    Parameters
    ----------
    data_dir : path
        A folder with ``labels.csv`` and ``wavs/ex_0.wav`` and so on.
    settings : FeatureSettings, optional
        The default if not given.
    skip_broken : bool
        Leave broken sounds out of features and labels, instead of refusing the folder.
    n_workers : int, optional
        Number of processes; one a processor if not given.
    progress : callable
        Wraps the results as they come.
    command : sequence of str
        What was typed, to tell whoever wants to work in the folder meanwhile.

    Raises
    ------
    PathError
        There are no sounds or no labels, a file cannot be written, or another run is at work in the
        folder.
    BrokenSounds
        Some sounds cannot be used, and ``skip_broken`` is false.
    FormatError
        The labels cannot be read, or there are more sounds than labels.
    """
    folder = DataFolder(Path(data_dir))
    labels = read_labels(folder.labels_csv)
    rows = folder.rows()
    if rows[-1] >= len(labels):
        raise FormatError(
            f"{folder.wav(rows[-1])} has no row in {folder.labels_csv}, which has {len(labels)};"
            " remove the sound or restore the labels"
        )
    run = _Run(folder, settings or FeatureSettings(), labels, skip_broken, n_workers, progress)
    with at_work_in(folder.path, command):
        n_frames, broken = run.guess_widths(rows)
        if not n_frames:
            raise BrokenSounds(folder.path, broken)
        width = _median(n_frames)
        while True:
            try:
                return run.compute(list(n_frames), dict(broken), width)
            except _OtherWidth as real:
                width = real.width


@dataclass(frozen=True, eq=False)
class _Run:
    """One call of `compute_features`."""

    folder: DataFolder
    settings: FeatureSettings
    labels: NDArray[np.float32]
    skip_broken: bool
    n_workers: int | None
    progress: Progress

    def guess_widths(self, rows: list[int]) -> tuple[dict[int, int], dict[int, str]]:
        """Widths of rows, and faults of the others, reading one header for all files of a size.

        Each file is read in the work that follows, and its width becomes known for certain.
        """
        n_frames: dict[int, int] = {}
        broken: dict[int, str] = {}
        of_size: dict[int, int] = {}
        for row in rows:
            path = self.folder.wav(row)
            try:
                size = path.stat().st_size
                if size not in of_size:
                    n_samples = count_samples(path, self.settings.sample_rate)
                    of_size[size] = self.settings.n_frames(n_samples)
                n_frames[row] = of_size[size]
            except (FormatError, OSError) as error:
                broken[row] = str(error)
        return n_frames, broken

    def compute(self, rows: list[int], broken: dict[int, str], width: int) -> FeatureReport:
        """Compute what changed of ``rows`` and write the folder's files.

        Raises `_OtherWidth`, with nothing written, if ``width`` is not the sounds' median.
        """
        folder = self.folder
        earlier = FeatureIndex.load(folder, self.settings, width)
        sounds = earlier.unchanged(folder, rows)
        changed = [row for row in rows if row not in sounds]
        if not changed and not broken and list(earlier.sounds) == rows:
            save_array(folder.labels, self.labels[rows])  # they may have changed alone
            earlier.save(folder)  # which may have been of version 0.1
            return self._report(rows, 0, broken, width)

        for left_over in folder.path.glob(".features.*.npy"):
            left_over.unlink()  # of a run that was killed
        with replacing(folder.features) as array:
            _make_array(array, (len(rows), self.settings.n_mels, width))
            _copy_rows(
                folder.features,
                [earlier.position.get(r) if r in sounds else None for r in rows],
                array,
            )
            job = _Job(folder, rows, array, MelSpectrogram(self.settings))
            todo = [at for at, row in enumerate(rows) if row not in sounds]
            outcomes = map_rows(partial(_open_job, job), todo, self.n_workers)
            for at, outcome in self.progress(outcomes, len(todo)):
                if isinstance(outcome, Computed):
                    sounds[rows[at]] = outcome
                else:
                    broken[rows[at]] = str(outcome)
            broken = dict(sorted(broken.items()))
            if (broken and not self.skip_broken) or not sounds:
                raise BrokenSounds(folder.path, broken)
            median = _median({row: sound.n_frames for row, sound in sounds.items()})
            if median != width:
                raise _OtherWidth(median)
            kept = [row for row in rows if row in sounds]
            if len(kept) < len(rows):
                _keep_rows(array, [at for at, row in enumerate(rows) if row in sounds])
            # Settings without an index tell that this was interrupted: see `load_feature_settings`.
            folder.feature_index.unlink(missing_ok=True)
            save_json(folder.feature_settings, asdict(self.settings))
        save_array(folder.labels, self.labels[kept])
        FeatureIndex({row: sounds[row] for row in kept}).save(folder)
        return self._report(kept, len(changed), broken, width)

    def _report(
        self, kept: list[int], n_computed: int, broken: dict[int, str], width: int
    ) -> FeatureReport:
        without_sound = sorted(set(range(len(self.labels))) - set(kept) - set(broken))
        shape = (len(kept), self.settings.n_mels, width)
        return FeatureReport(shape, n_computed, tuple(without_sound), broken)


class _OtherWidth(Exception):
    """The sounds' real widths have another median than was guessed."""

    def __init__(self, width: int):
        self.width = width


def _median(n_frames: dict[int, int]) -> int:
    return int(np.median(list(n_frames.values())))


@dataclass(frozen=True, eq=False)
class _Job:
    """What a worker needs: row ``at`` of the array is the sound of ``rows[at]``."""

    folder: DataFolder
    rows: list[int]
    array: Path
    transform: MelSpectrogram


def _open_job(job: _Job) -> Callable[[int], Computed | str]:
    """Return what writes one row of the array, or says what is wrong with its sound."""
    # glibc hands every freed array back to the system, a page fault for each 4 KB of the next one,
    # until it has seen a large one freed: half of the time otherwise.
    np.empty(LARGEST_KEPT_BYTES, np.uint8)
    features = np.lib.format.open_memmap(job.array, "r+")
    width = features.shape[2]
    n_written = 0

    def compute(at: int) -> Computed | str:
        nonlocal features, n_written
        path = job.folder.wav(job.rows[at])
        try:
            content = path.read_bytes()
            samples = read_wav(path, job.transform.settings.sample_rate, content)
        except FormatError as error:
            return str(error)
        except OSError as error:
            return f"{path}: cannot be read ({error.strerror})"
        fault = find_fault(samples, clipping=False)
        if fault:
            return f"{path}: {fault}"
        spectrogram = job.transform(samples)
        n_frames = spectrogram.shape[1]
        features[at, :, :n_frames] = spectrogram[:, :width]
        n_written += 1
        if n_written % ROWS_A_MAP == 0:
            features = np.lib.format.open_memmap(job.array, "r+")
        return Computed(n_frames, digest_of(content))

    return compute


def _make_array(file: Path, shape: tuple[int, int, int]) -> None:
    """Make an array of zeros on the disk."""
    np.lib.format.open_memmap(file, "w+", np.float32, shape)


def _copy_rows(file: Path, positions: list[int | None], array: Path) -> None:
    """Copy rows of an earlier array into a new one; row i comes from ``positions[i]``, if any."""
    wanted = [(at, position) for at, position in enumerate(positions) if position is not None]
    for start in range(0, len(wanted), ROWS_A_MAP):
        source = np.load(file, mmap_mode="r")
        target = np.lib.format.open_memmap(array, "r+")
        for at, position in wanted[start : start + ROWS_A_MAP]:
            target[at] = source[position]


def _keep_rows(array: Path, kept: list[int]) -> None:
    """Rewrite an array with some of its rows."""
    with replacing(array) as temporary:
        _make_array(temporary, (len(kept), *np.load(array, mmap_mode="r").shape[1:]))
        _copy_rows(array, list(kept), temporary)

"""A data set ready for training: features and labels, their partition, their standardization.

A data set is one folder, or all those found under a folder, joined row-wise. Features stay on
disk and are read a batch at a time, so a data set may be larger than memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from timbremap_jax.data.features.index import load_feature_settings, rows_of_features
from timbremap_jax.data.features.settings import FeatureSettings
from timbremap_jax.data.files import save_array
from timbremap_jax.data.folder import DataFolder, find_data_folders
from timbremap_jax.data.labels import read_labels, require_parameters
from timbremap_jax.data.manifest import read_manifest
from timbremap_jax.data.notes import N_NOTE_BANDS, as_bands, read_notes
from timbremap_jax.data.patch import Note
from timbremap_runtime.errors import FormatError

TEST_SHARE = 0.1
LOG_FLOOR = 1e-6
"""Added to mel power before its logarithm: -60 dB under full scale."""
LOG_STD_FLOOR = 1.0
"""Least deviation of log-mel to divide by (4 dB): where the training sounds hardly differ, a trace
of noise in a recording would count for many deviations."""
POWER_STD_FLOOR = 0.1
"""Least deviation of mel power to divide by, as a share of the mean deviation of all bands."""

LOUDEST_POWER = 1e15
"""More than any sound has whose samples are within 60 dB over full scale."""

ROWS_A_MAP = 256
"""Rows that are looked at through one memory map: see `Source`."""

Input = Literal["log", "power"]
"""What the encoder reads: log-mel or mel power, standardized."""


@dataclass(frozen=True)
class Standardization:
    """Brings every mel band to zero mean and unit deviation.

    Attributes
    ----------
    kind : str
        ``log``: of ``log(power + LOG_FLOOR)``. ``power``: of mel power itself.
    mean, std : ndarray of float32, shape (n_mels, 1)
        Statistics of the training rows.
    """

    kind: Input
    mean: NDArray[np.float32]
    std: NDArray[np.float32]

    def __call__(
        self, power: NDArray[np.float32], notes: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Standardize mel power of shape (..., n_mels, n_frames).

        Where the encoder is told the notes, of shape (N, 2), they follow as two more bands.
        """
        bands = (_scaled(power, self.kind) - self.mean) / self.std
        if notes is None:
            return bands
        return np.concatenate([bands, as_bands(notes, power.shape[-1])], axis=-2)


@dataclass(frozen=True)
class Source:
    """One folder's arrays. The features are opened anew for every reading.

    A memory map that stays open keeps every page it has touched in the process's memory, until
    that is the size of the data set.

    Attributes
    ----------
    folder : Path
        Where the arrays lie.
    shape : tuple of int
        Shape of the features, (N, n_mels, n_frames).
    labels : ndarray of float32, shape (N, n)
        Parameters, 0..127.
    training : ndarray of bool, shape (N,)
        Which rows are for training; the others are for test.
    settings : FeatureSettings or None
        How the features were computed; None if unknown.
    parameter_names : tuple of str or None
        Names of the parameters; None if unknown.
    note : Note or None
        What all sounds play, or the first of several; None if unknown.
    notes : ndarray of float32, shape (N, 2), or None
        Pitch and velocity of each sound, if there are several.
    """

    folder: Path
    shape: tuple[int, int, int]
    labels: NDArray[np.float32]
    training: NDArray[np.bool_]
    settings: FeatureSettings | None
    parameter_names: tuple[str, ...] | None
    note: Note | None
    notes: NDArray[np.float32] | None

    def read(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Read features of some rows, (len(rows), n_mels, n_frames)."""
        features = np.load(DataFolder(self.folder).features, mmap_mode="r")
        return features[rows].astype(np.float32, copy=False)


@dataclass(frozen=True)
class Dataset:
    """One or more sources, joined row-wise.

    Attributes
    ----------
    sources : tuple of Source
        The folders, in the order of their rows.
    labels : ndarray of float32, shape (N, n)
        Parameters, 0..127.
    training_rows, test_rows : ndarray of int
        The partition.
    input_shape : tuple of int
        Mel bands and frames; narrower sources are padded with zeros.
    settings : FeatureSettings or None
        How the features were computed; None if unknown.
    parameter_names : tuple of str
        Names of the n parameters; p0, p1 and so on if unknown.
    notices : tuple of str
        What the user should know of it, a line each.
    notes : ndarray of float32, shape (N, 2), or None
        Pitch and velocity of each sound, if there are several: the encoder is then told.
    home : Note or None
        The note that stands for all; None if unknown.
    """

    sources: tuple[Source, ...]
    labels: NDArray[np.float32]
    training_rows: NDArray[np.int64]
    test_rows: NDArray[np.int64]
    input_shape: tuple[int, int]
    settings: FeatureSettings | None
    parameter_names: tuple[str, ...]
    notices: tuple[str, ...]
    notes: NDArray[np.float32] | None = None
    home: Note | None = None

    @property
    def encoder_shape(self) -> tuple[int, int]:
        """Bands and frames that an encoder reads: those of the sounds, and the note if told."""
        n_mels, n_frames = self.input_shape
        return (n_mels if self.notes is None else n_mels + N_NOTE_BANDS), n_frames

    @property
    def played(self) -> NDArray[np.float32]:
        """All that decides each sound: the parameters, and the note where there are several."""
        return self.labels if self.notes is None else np.hstack([self.labels, self.notes])

    def notes_of(self, rows: NDArray[np.int64]) -> NDArray[np.float32] | None:
        """Return the notes of some rows, if there are several."""
        return None if self.notes is None else self.notes[rows]

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.labels)

    def read(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Read mel power of some rows in their order, (len(rows), n_mels, n_frames)."""
        power = np.zeros((len(rows), *self.input_shape), np.float32)
        start = 0
        for source in self.sources:
            mine = np.flatnonzero((rows >= start) & (rows < start + source.shape[0]))
            if len(mine):
                power[mine, :, : source.shape[2]] = source.read(rows[mine] - start)
            start += source.shape[0]
        return power

    def standardization(self, kind: Input = "log") -> Standardization:
        """Take the statistics of the training rows, in one pass over them.

        Parameters
        ----------
        kind : str
            What the encoder reads: ``log`` or ``power``.
        """
        total = np.zeros(self.input_shape[0])
        squares = np.zeros_like(total)
        for rows in np.array_split(self.training_rows, -(-len(self.training_rows) // 256)):
            values = _scaled(self.read(rows), kind).astype(np.float64)
            total += values.sum(axis=(0, 2))
            squares += np.einsum("nft,nft->f", values, values)
        count = len(self.training_rows) * self.input_shape[1]
        mean = total / count
        std = np.sqrt(np.maximum(squares / count - mean**2, 0.0))
        floor = LOG_STD_FLOOR if kind == "log" else POWER_STD_FLOOR * max(std.mean(), 1e-12)
        std = np.maximum(std, floor)
        return Standardization(
            kind, mean.astype(np.float32)[:, None], std.astype(np.float32)[:, None]
        )


def load_dataset(data_dir: str | Path, seed: int = 0) -> Dataset:
    """Open a data set: one folder with ``features.npy``, or all such folders under it.

    ``partition.npy`` of each folder, 90 % training and 10 % test, is made from ``seed`` when it is
    not there. Folders that the original system made work too: ``labels.csv`` where there is no
    ``labels.npy``, float64 features, no settings beside them.

    Parameters
    ----------
    data_dir : path
        The folder.
    seed : int
        Of partitions that have to be made.

    Raises
    ------
    PathError
        There are no features or no labels.
    FormatError
        Features, labels and partition do not fit together, or two folders do not.
    """
    data_dir = Path(data_dir)
    folders = find_data_folders(data_dir)
    notices: list[str] = []
    sources = tuple(_open_source(folder, seed, notices) for folder in folders)
    first = sources[0]
    for source in sources[1:]:
        _require_alike(first, source)
    training = np.concatenate([source.training for source in sources])
    training_rows, test_rows = np.flatnonzero(training), np.flatnonzero(~training)
    if not len(training_rows) or not len(test_rows):
        raise FormatError(
            f"{data_dir}: {len(training_rows)} rows for training and {len(test_rows)} for test:"
            " a data set needs both; render at least 10 sounds"
        )
    n_parameters = first.labels.shape[1]
    names = {source.parameter_names for source in sources}
    known = names.pop() if len(names) == 1 else None
    return Dataset(
        sources,
        labels=np.concatenate([source.labels for source in sources]),
        training_rows=training_rows,
        test_rows=test_rows,
        input_shape=(first.shape[1], max(source.shape[2] for source in sources)),
        settings=first.settings,
        parameter_names=known or tuple(f"p{i}" for i in range(n_parameters)),
        notices=tuple(notices),
        notes=_notes_of(sources),
        home=first.note,
    )


def batches(
    rows: NDArray[np.int64], batch_size: int, generator: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """Shuffle ``rows`` and cut them into full batches; the few left over sit this epoch out."""
    shuffled = generator.permutation(rows)
    for start in range(0, len(rows) - batch_size + 1, batch_size):
        yield np.sort(shuffled[start : start + batch_size])


def _scaled(power: NDArray[np.float32], kind: Input) -> NDArray[np.float32]:
    return np.log(power + LOG_FLOOR) if kind == "log" else power


def _open_source(folder: DataFolder, seed: int, notices: list[str]) -> Source:
    file = folder.features
    settings = load_feature_settings(folder)
    features = _load(file, f"run  tm-features {folder.path}", mapped=True)
    if features.ndim != 3 or features.dtype not in (np.float32, np.float64):
        raise FormatError(
            f"{file}: is a {features.dtype} array of {features.ndim} dimensions, not floats"
            f" N x F x T; run  tm-features {folder.path}"
        )
    if settings is None:
        notices.append(f"{file} is used as it is; no features.json records how it was computed")
    elif settings.n_mels != features.shape[1]:
        raise FormatError(
            f"{file}: has {features.shape[1]} mel bands, features.json says {settings.n_mels};"
            f" run  tm-features {folder.path}"
        )
    _require_power(file, len(features))
    if settings:
        n_new = len(list(folder.wavs.glob("ex_*.wav"))) - len(features)
        if n_new > 0:
            notices.append(
                f"{n_new} sounds of {folder.path} are not in its features.npy, because they are"
                f" broken or new; run  tm-features {folder.path}"
            )
    if len(features) > 1 and all(np.array_equal(features[0], row) for row in features[::-1]):
        notices.append(
            f"{folder.path}: all its sounds are the same; nothing can be learned of them"
        )
    labels = _load_labels(folder, len(features), notices)
    manifest = read_manifest(folder.path)
    names = tuple(map(str, manifest["parameters"])) if manifest else None
    if names is not None and len(names) != labels.shape[1]:
        raise FormatError(
            f"{folder.path}: generate.json names {len(names)} parameters for {labels.shape[1]}"
            " columns of labels; restore the one that was changed"
        )
    for column in np.flatnonzero(np.ptp(labels, axis=0) == 0.0):
        name = names[column] if names else f"parameter {column}"
        notices.append(
            f"{folder.path}: {name} is {labels[0, column]:g} for every sound; nothing can be"
            " learned of it"
        )
    training = _load_partition(folder.partition, len(features), seed)
    shape = (features.shape[0], features.shape[1], features.shape[2])
    note = Note(**manifest["note"]) if manifest else None
    notes = _load_notes(folder, len(features))
    return Source(folder.path, shape, labels, training, settings, names, note, notes)


def _load_notes(folder: DataFolder, n_rows: int) -> NDArray[np.float32] | None:
    notes = read_notes(folder.notes_csv)
    if notes is None:
        return None
    rows = rows_of_features(folder, n_rows)
    if rows is None or rows.max(initial=-1) >= len(notes):
        raise FormatError(
            f"{folder.notes_csv}: has {len(notes)} rows and does not fit the features; restore it,"
            f" or run  tm-features {folder.path}"
        )
    return notes[rows]


def _notes_of(sources: tuple[Source, ...]) -> NDArray[np.float32] | None:
    """Join the notes of sources, if one of them has several."""
    if all(source.notes is None for source in sources):
        return None
    parts: list[NDArray[np.float32]] = []
    for source in sources:
        if source.notes is None and source.note is None:
            raise FormatError(
                f"{source.folder}: no generate.json says which note its sounds play; leave it out"
                " of a data set of several notes"
            )
        if source.notes is not None:
            parts.append(source.notes)
        elif source.note:
            one = [source.note.pitch, source.note.velocity]
            parts.append(np.tile(np.array(one, np.float32), (source.shape[0], 1)))
    return np.concatenate(parts)


def _load(file: Path, way_out: str, *, mapped: bool = False) -> NDArray[Any]:
    try:
        return np.load(file, mmap_mode="r" if mapped else None)
    except (ValueError, EOFError):
        raise FormatError(f"{file}: not an array; {way_out}") from None


def _require_power(file: Path, n_rows: int) -> None:
    """Check that features are what the power of a sound can be, a part at a time."""
    for start in range(0, n_rows, ROWS_A_MAP):
        power = np.load(file, mmap_mode="r")[start : start + ROWS_A_MAP]
        if power.size and not (power.min() >= 0.0 and power.max() <= LOUDEST_POWER):
            flat = power.reshape(len(power), -1)
            usable = (flat.min(axis=1) >= 0.0) & (flat.max(axis=1) <= LOUDEST_POWER)
            row = start + int(np.argmin(usable))
            raise FormatError(
                f"{file}: row {row} holds NaN, or numbers that no sound has; leave it out, or"
                " compute it again from a sound that is not damaged"
            )


def _load_labels(folder: DataFolder, n_rows: int, notices: list[str]) -> NDArray[np.float32]:
    again = f"run  tm-features {folder.path}"
    if folder.labels.exists():
        file = folder.labels
        labels = _load(file, again)
        if labels.dtype.kind not in "iuf":
            raise FormatError(f"{file}: holds no numbers; {again}")
        labels = labels.astype(np.float32)
    else:
        file = folder.labels_csv
        labels = read_labels(file)
        if len(labels) > n_rows:
            notices.append(
                f"{file} has {len(labels)} rows for {n_rows} sounds; only the first {n_rows} are"
                " used"
            )
            labels = labels[:n_rows]
    if labels.ndim != 2 or len(labels) != n_rows:
        raise FormatError(
            f"{folder.path}: features.npy has {n_rows} rows and {file.name} {len(labels)}; {again}"
        )
    require_parameters(labels, file)
    rows = rows_of_features(folder, n_rows)
    if file == folder.labels and rows is not None and folder.labels_csv.exists():
        written = read_labels(folder.labels_csv)
        if n_rows and rows.max() < len(written) and not np.array_equal(labels, written[rows]):
            raise FormatError(
                f"{folder.labels_csv}: was changed after the features were computed; {again}"
            )
    return labels


def _load_partition(file: Path, n_rows: int, seed: int) -> NDArray[np.bool_]:
    """Which rows are for training, (n_rows,).

    The file is the original's: the rows in a random order, the first tenth of them for test.
    """
    if file.exists():
        order = _load(file, "delete it to have it made anew")
    else:
        order = np.random.default_rng(seed).permutation(n_rows)
        save_array(file, order)
    if order.dtype.kind not in "iu" or not np.array_equal(
        np.sort(order, axis=None), np.arange(n_rows)
    ):
        raise FormatError(
            f"{file}: does not fit this data set of {n_rows} rows (it has {order.size});"
            " delete it to have it made anew"
        )
    training = np.ones(n_rows, np.bool_)
    training[order[: round(TEST_SHARE * n_rows)]] = False
    return training


def _require_alike(first: Source, other: Source) -> None:
    n_parameters = (first.labels.shape[1], other.labels.shape[1])
    if n_parameters[0] != n_parameters[1]:
        raise FormatError(
            f"{first.folder} has {n_parameters[0]} parameters and {other.folder} has"
            f" {n_parameters[1]}: only data sets with the same parameters can be joined"
        )
    names = (first.parameter_names, other.parameter_names)
    if None not in names and names[0] != names[1]:
        raise FormatError(
            f"{first.folder} has the parameters {', '.join(names[0] or ())} and {other.folder} has"
            f" {', '.join(names[1] or ())}: only data sets with the same parameters can be joined"
        )
    if first.settings != other.settings or first.shape[1] != other.shape[1]:
        raise FormatError(
            f"{first.folder} and {other.folder} have features with different"
            " settings; run tm-features on both with the same options"
        )

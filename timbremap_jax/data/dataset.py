"""A data set ready for training: features and labels, their partition, their standardization."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from timbremap_jax.data.features import FeatureSettings, load_feature_settings
from timbremap_jax.data.files import save_array
from timbremap_jax.data.generate import load_parameter_names
from timbremap_runtime.errors import FolderError, FormatError

TRAINING_SHARE = 0.9
STD_FLOOR = 0.1
"""Least deviation to divide by (0.4 dB), so that a band that is always silent stays near zero."""
LOG_FLOOR = 1e-6
"""Added to mel power before its logarithm: -60 dB under full scale."""


@dataclass(frozen=True)
class Standardization:
    """Log-mel, brought to zero mean and unit deviation for each mel band.

    Attributes
    ----------
    mean, std : ndarray of float32, shape (n_mels, 1)
        Statistics of ``log(power + LOG_FLOOR)`` over the training rows.
    """

    mean: NDArray[np.float32]
    std: NDArray[np.float32]

    def __call__(self, power: NDArray[np.float32]) -> NDArray[np.float32]:
        """Standardize mel power of shape (..., n_mels, n_frames)."""
        return (np.log(power + LOG_FLOOR) - self.mean) / self.std


@dataclass(frozen=True)
class Dataset:
    """Features on disk with their labels and partition.

    Attributes
    ----------
    features : ndarray of float32, shape (N, n_mels, n_frames)
        Mel power, a memory map.
    labels : ndarray of float32, shape (N, n)
        Parameters, 0..127.
    training_rows, test_rows : ndarray of int
        The partition.
    settings : FeatureSettings
        How the features were computed.
    parameter_names : tuple of str
        Names of the n parameters; p0, p1 and so on where nothing says better.
    """

    features: NDArray[np.float32]
    labels: NDArray[np.float32]
    training_rows: NDArray[np.int64]
    test_rows: NDArray[np.int64]
    settings: FeatureSettings
    parameter_names: tuple[str, ...]

    def standardization(self) -> Standardization:
        """Statistics of the training rows, in one pass."""
        total = np.zeros(self.features.shape[1])
        squares = np.zeros_like(total)
        for rows in np.array_split(self.training_rows, max(1, len(self.training_rows) // 256)):
            logs = np.log(self.features[rows] + LOG_FLOOR).astype(np.float64)
            total += logs.sum(axis=(0, 2))
            squares += (logs**2).sum(axis=(0, 2))
        count = len(self.training_rows) * self.features.shape[2]
        mean = total / count
        std = np.sqrt(np.maximum(squares / count - mean**2, STD_FLOOR**2))
        return Standardization(mean.astype(np.float32)[:, None], std.astype(np.float32)[:, None])


def load_dataset(data_dir: str | Path, seed: int = 0) -> Dataset:
    """Open the features and labels of one folder, memory-mapped.

    ``partition.npy``, 90 % training and 10 % test, is made from ``seed`` when it is not there.

    Raises
    ------
    FolderError
        There are no features.
    FormatError
        Features, labels and partition do not fit together.
    """
    data_dir = Path(data_dir)
    features_file = data_dir / "features.npy"
    if not features_file.is_file():
        raise FolderError(f"{features_file}: no such file; run  tm-features {data_dir}")
    features = np.load(features_file, mmap_mode="r")
    labels = np.load(data_dir / "labels.npy")
    if len(features) != len(labels):
        raise FormatError(
            f"{data_dir}: features.npy has {len(features)} rows and labels.npy {len(labels)}:"
            f" run  tm-features {data_dir}"
        )
    training_rows, test_rows = _partition(data_dir / "partition.npy", len(features), seed)
    names = load_parameter_names(data_dir) or tuple(f"p{i}" for i in range(labels.shape[1]))
    settings = load_feature_settings(data_dir)
    return Dataset(features, labels, training_rows, test_rows, settings, names)


def batches(
    rows: NDArray[np.int64], batch_size: int, generator: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """Shuffle ``rows`` and cut them into full batches; the few left over sit this epoch out."""
    shuffled = generator.permutation(rows)
    for start in range(0, len(rows) - batch_size + 1, batch_size):
        yield np.sort(shuffled[start : start + batch_size])


def _partition(file: Path, n_rows: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    # The file marks every row: 1 for training, 0 for test.
    if file.exists():
        marks = np.load(file)
    else:
        marks = np.zeros(n_rows, np.int64)
        n_training = round(TRAINING_SHARE * n_rows)
        marks[np.random.default_rng(seed).permutation(n_rows)[:n_training]] = 1
        save_array(file, marks)
    if marks.shape != (n_rows,):
        raise FormatError(
            f"{file}: is for {len(marks)} rows, the data set has {n_rows}:"
            " delete it to make it anew"
        )
    training_rows, test_rows = np.flatnonzero(marks == 1), np.flatnonzero(marks == 0)
    if not len(training_rows) or not len(test_rows):
        raise FormatError(
            f"{file}: leaves {len(training_rows)} rows for training and {len(test_rows)} for test:"
            " render more sounds (10 at least), or delete it to make it anew"
        )
    return training_rows, test_rows

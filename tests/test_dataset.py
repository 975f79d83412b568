from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import N_SOUNDS

from timbremap_jax.data.dataset import LOG_FLOOR, STD_FLOOR, batches, load_dataset
from timbremap_runtime.errors import FolderError, FormatError


@pytest.fixture
def copy(data_dir: Path, tmp_path: Path) -> Path:
    shutil.copytree(data_dir, tmp_path / "copy", ignore=shutil.ignore_patterns("wavs"))
    return tmp_path / "copy"


def test_the_partition_is_ninety_to_ten_without_overlap_and_is_reused(copy: Path):
    (copy / "partition.npy").unlink(missing_ok=True)
    first = load_dataset(copy, seed=1)
    assert (len(first.training_rows), len(first.test_rows)) == (54, 6)
    assert sorted([*first.training_rows, *first.test_rows]) == list(range(N_SOUNDS))
    again = load_dataset(copy, seed=2)
    assert np.array_equal(first.test_rows, again.test_rows)


def test_a_partition_of_another_size_is_refused(copy: Path):
    np.save(copy / "partition.npy", np.ones(7))
    with pytest.raises(FormatError, match=r"is for 7 rows, the data set has 60"):
        load_dataset(copy)


def test_a_partition_without_test_rows_is_refused(copy: Path):
    np.save(copy / "partition.npy", np.ones(N_SOUNDS))
    with pytest.raises(FormatError, match=r"60 rows for training and 0 for test"):
        load_dataset(copy)


def test_labels_that_do_not_fit_are_refused(copy: Path):
    np.save(copy / "labels.npy", np.zeros((3, 4)))
    with pytest.raises(FormatError, match=r"60 rows and labels\.npy 3"):
        load_dataset(copy)


def test_a_folder_without_features_says_what_to_run(tmp_path: Path):
    with pytest.raises(FolderError, match=r"no such file; run  tm-features"):
        load_dataset(tmp_path)


def test_standardization_is_that_of_the_training_rows(copy: Path):
    dataset = load_dataset(copy)
    logs = np.log(dataset.features[dataset.training_rows] + LOG_FLOOR).astype(np.float64)
    standardized = dataset.standardization()(dataset.features[dataset.training_rows])
    expected = logs - logs.mean(axis=(0, 2), keepdims=True)
    expected /= np.maximum(logs.std(axis=(0, 2), keepdims=True), STD_FLOOR)
    # Sums of squares in float64, the transform in float32 on values of a few units.
    assert np.abs(standardized - expected).max() < 1e-4


def test_batches_are_full_and_take_each_row_at_most_once():
    rows = np.arange(100, 150)
    taken = list(batches(rows, 16, np.random.default_rng(0)))
    assert [len(batch) for batch in taken] == [16, 16, 16]
    assert len(set(np.concatenate(taken)) & set(rows)) == 48

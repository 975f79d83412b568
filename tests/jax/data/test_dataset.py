from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from timbremap_cli import train as tm_train

from tests.support.paths import N_SOUNDS
from timbremap_jax.data.dataset import (
    LOG_FLOOR,
    LOG_STD_FLOOR,
    POWER_STD_FLOOR,
    Input,
    batches,
    load_dataset,
)
from timbremap_runtime.errors import FormatError, PathError


@pytest.fixture
def copy(data_dir: Path, tmp_path: Path) -> Path:
    return copy_of(data_dir, tmp_path / "copy")


def copy_of(data_dir: Path, folder: Path) -> Path:
    shutil.copytree(data_dir, folder, ignore=shutil.ignore_patterns("wavs", "partition.npy"))
    return folder


def as_the_original(folder: Path, n_rows: int = N_SOUNDS) -> Path:
    """Leave what the original system leaves: labels.csv and float64 features."""
    features = np.load(folder / "features.npy")[:n_rows].astype(np.float64)
    for file in folder.iterdir():
        if file.name != "labels.csv":
            file.unlink()
    np.save(folder / "features.npy", features)
    return folder


def test_the_partition_is_ninety_to_ten_without_overlap_and_is_reused(copy: Path):
    first = load_dataset(copy, seed=1)
    assert (len(first.training_rows), len(first.test_rows)) == (54, 6)
    assert sorted([*first.training_rows, *first.test_rows]) == list(range(N_SOUNDS))
    assert np.array_equal(first.test_rows, load_dataset(copy, seed=2).test_rows)
    (copy / "partition.npy").unlink()
    assert not np.array_equal(first.test_rows, load_dataset(copy, seed=2).test_rows)


def test_a_partition_is_an_order_of_rows_whose_first_tenth_is_for_test(copy: Path):
    order = np.random.default_rng(3).permutation(N_SOUNDS)
    np.save(copy / "partition.npy", order)
    assert set(load_dataset(copy).test_rows) == set(order[:6])


@pytest.mark.parametrize("order", [np.arange(7), np.zeros(N_SOUNDS), np.arange(1, N_SOUNDS + 1)])
def test_a_partition_that_does_not_fit_is_refused(copy: Path, order: np.ndarray):
    np.save(copy / "partition.npy", order)
    with pytest.raises(FormatError, match=r"partition\.npy: does not fit this data set of 60 rows"):
        load_dataset(copy)


def test_labels_that_do_not_fit_are_refused(copy: Path):
    np.save(copy / "labels.npy", np.zeros((3, 4)))
    with pytest.raises(FormatError, match=r"60 rows and labels\.npy 3"):
        load_dataset(copy)


def test_features_that_were_interrupted_are_refused(copy: Path):
    (copy / "features_index.npy").unlink()
    with pytest.raises(FormatError, match="feature extraction was interrupted; run  tm-features"):
        load_dataset(copy)


@pytest.mark.parametrize("name", ["features.npy", "labels.npy", "partition.npy"])
def test_a_file_that_is_no_array_is_refused(copy: Path, name: str):
    (copy / name).write_text("not an array")
    with pytest.raises(FormatError, match=f"{name}: not an array"):
        load_dataset(copy)


def test_settings_that_do_not_read_are_refused(copy: Path):
    (copy / "features.json").write_text("{}}")
    with pytest.raises(FormatError, match=r"features\.json: not the settings of features"):
        load_dataset(copy)


def test_a_folder_without_features_says_what_to_run(tmp_path: Path):
    with pytest.raises(PathError, match=r"no features\.npy in it or under it; run  tm-features"):
        load_dataset(tmp_path)


@pytest.mark.slow
def test_a_folder_of_the_original_is_taken_as_it_is(
    data_dir: Path, copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    as_the_original(copy, n_rows=50)
    dataset = load_dataset(copy)
    assert len(dataset) == 50
    assert dataset.parameter_names == ("p0", "p1", "p2", "p3")
    rows = np.array([0, 7, 49])
    power = dataset.read(rows)
    assert power.dtype == np.float32
    assert np.array_equal(power, np.load(data_dir / "features.npy")[rows])
    assert np.array_equal(dataset.labels, np.load(data_dir / "labels.npy")[:50])
    arguments = ["--cnn", "--epochs", "1", "--batch", "16", str(copy), str(tmp_path / "model")]
    assert tm_train.main(arguments) == 0
    notes = capsys.readouterr().err.splitlines()
    assert len(notes) == 4
    assert "only 50 sounds" in notes.pop(0)
    assert "only 5 test sounds" in notes.pop()
    assert "is used as it is" in notes[0]
    assert "has 60 rows for 50 sounds; only the first 50 are used" in notes[1]


def test_sounds_without_features_are_noticed(data_dir: Path, tmp_path: Path):
    shutil.copytree(data_dir, tmp_path / "fm")
    assert load_dataset(tmp_path / "fm").notices == ()
    shutil.copy(data_dir / "wavs" / "ex_0.wav", tmp_path / "fm" / "wavs" / "ex_60.wav")
    (notice,) = load_dataset(tmp_path / "fm").notices
    assert notice.startswith(f"1 sounds of {tmp_path / 'fm'} are not in its features.npy")


def test_a_tree_is_joined_in_natural_order_and_padded_to_the_widest(data_dir: Path, tmp_path: Path):
    for name in ("fm10", "fm2", "deeper/fm1"):
        copy_of(data_dir, tmp_path / "tree" / name)
    narrow = np.load(data_dir / "features.npy")[:, :, :80]
    np.save(tmp_path / "tree" / "fm2" / "features.npy", narrow)
    dataset = load_dataset(tmp_path / "tree")
    assert [source.folder.name for source in dataset.sources] == ["fm1", "fm2", "fm10"]
    assert len(dataset) == 3 * N_SOUNDS
    assert dataset.input_shape == (128, 104)
    assert dataset.parameter_names == ("rate", "duty", "shape", "depth")
    wide = np.load(data_dir / "features.npy")
    # Any rows, in any order, over all folders.
    power = dataset.read(np.array([130, 65, 3, 179]))
    assert np.array_equal(power[0], wide[10])
    assert np.array_equal(power[1, :, :80], narrow[5])
    assert not power[1, :, 80:].any()
    assert np.array_equal(power[2], wide[3])
    assert np.array_equal(power[3], wide[59])
    assert np.array_equal(dataset.labels[[130, 65]], np.load(data_dir / "labels.npy")[[10, 5]])
    # A partition for each folder: a tenth of each is for test.
    assert np.bincount(dataset.test_rows // N_SOUNDS).tolist() == [6, 6, 6]


def test_folders_of_other_parameters_are_not_joined(data_dir: Path, tmp_path: Path):
    copy_of(data_dir, tmp_path / "a")
    other = as_the_original(copy_of(data_dir, tmp_path / "b"))
    (other / "labels.csv").write_text("1,2,3\n" * N_SOUNDS)
    with pytest.raises(FormatError, match=r"a has 4 parameters and .*b has 3"):
        load_dataset(tmp_path)


def test_folders_of_other_feature_settings_are_not_joined(data_dir: Path, tmp_path: Path):
    copy_of(data_dir, tmp_path / "a")
    other = copy_of(data_dir, tmp_path / "b") / "features.json"
    other.write_text(other.read_text().replace('"hop_length": 128', '"hop_length": 256'))
    with pytest.raises(FormatError, match=r"a and .*b have features with different settings"):
        load_dataset(tmp_path)


@pytest.mark.parametrize("kind", ["log", "power"])
def test_standardization_is_that_of_the_training_rows(copy: Path, kind: Input):
    dataset = load_dataset(copy)
    power = dataset.read(dataset.training_rows)
    values = (np.log(power + LOG_FLOOR) if kind == "log" else power).astype(np.float64)
    std = values.std(axis=(0, 2), keepdims=True)
    floor = LOG_STD_FLOOR if kind == "log" else POWER_STD_FLOOR * std.mean()
    std = np.maximum(std, floor)
    expected = (values - values.mean(axis=(0, 2), keepdims=True)) / std
    standardized = dataset.standardization(kind)(power)
    # float32 on values of a few units (log) and a few hundred deviations (power).
    assert np.abs(standardized - expected).max() < 1e-5 * np.abs(expected).max()


def test_batches_are_full_and_take_each_row_at_most_once():
    rows = np.arange(100, 150)
    taken = list(batches(rows, 16, np.random.default_rng(0)))
    assert [len(batch) for batch in taken] == [16, 16, 16]
    assert len(set(np.concatenate(taken)) & set(rows)) == 48


def test_sounds_of_other_parameters_are_not_joined(data_dir: Path, tmp_path: Path):
    copy_of(data_dir, tmp_path / "a1²2b")  # a superscript is a digit, but no number
    other = copy_of(data_dir, tmp_path / "b")
    file = other / "generate.json"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('"rate"', '"cutoff"'), encoding="utf-8")
    with pytest.raises(FormatError, match="only data sets with the same parameters can be joined"):
        load_dataset(tmp_path)
    file.write_text(text.replace('"rate",', ""), encoding="utf-8")
    with pytest.raises(FormatError, match="names 3 parameters for 4 columns"):
        load_dataset(other)
    file.write_text("[]", encoding="utf-8")
    with pytest.raises(FormatError, match="not what tm-generate writes"):
        load_dataset(other)


def test_linked_data_sets_are_joined_too(data_dir: Path, tmp_path: Path):
    elsewhere = copy_of(data_dir, tmp_path / "elsewhere")
    copy_of(data_dir, tmp_path / "tree" / "fm")
    (tmp_path / "tree" / "am").symlink_to(elsewhere)
    dataset = load_dataset(tmp_path / "tree")
    assert len(dataset) == 2 * N_SOUNDS
    assert [source.folder.name for source in dataset.sources] == ["am", "fm"]


def test_labels_that_were_edited_after_the_features_are_refused(copy: Path):
    lines = (copy / "labels.csv").read_text().splitlines()
    (copy / "labels.csv").write_text("\n".join(["1,2,3,4", *lines[1:]]) + "\n")
    with pytest.raises(
        FormatError,
        match=r"labels\.csv: was changed after the features were computed; run  tm-feat",
    ):
        load_dataset(copy)


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0, 1e30])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_features_that_no_sound_has_are_named_with_their_row(
    copy: Path, value: float, dtype: type[np.floating]
):
    features = np.load(copy / "features.npy").astype(dtype)
    features[17, 3, 5] = value
    np.save(copy / "features.npy", features)
    with pytest.raises(FormatError, match=r"features\.npy: row 17 holds NaN, or numbers that no"):
        load_dataset(copy)


def test_labels_of_another_range_are_refused(copy: Path):
    labels = np.load(copy / "labels.npy")
    np.save(copy / "labels.npy", labels / 127)
    with pytest.raises(FormatError, match=r"labels\.npy: no parameter is above 1; .*multiply them"):
        load_dataset(copy)
    labels[5, 2] = 200
    np.save(copy / "labels.npy", labels)
    with pytest.raises(FormatError, match=r"parameter 2 of row 5 is 200; parameters run from 0 to"):
        load_dataset(copy)
    np.save(copy / "labels.npy", np.array([["a"]] * N_SOUNDS))
    with pytest.raises(FormatError, match=r"labels\.npy: holds no numbers"):
        load_dataset(copy)


def test_what_cannot_be_learned_is_noticed(copy: Path):
    (copy / "labels.csv").unlink()
    labels = np.load(copy / "labels.npy")
    labels[:, 1] = 64
    np.save(copy / "labels.npy", labels)
    features = np.load(copy / "features.npy")
    features[:] = features[0]
    np.save(copy / "features.npy", features)
    same, constant = load_dataset(copy).notices
    assert same == f"{copy}: all its sounds are the same; nothing can be learned of them"
    assert constant == f"{copy}: duty is 64 for every sound; nothing can be learned of it"

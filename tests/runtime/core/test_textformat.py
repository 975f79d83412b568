from __future__ import annotations

import io
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

import timbremap_runtime as tm
from tests.support.maps import TOLERANCE, random_map

CENTRE = np.full(3, 0.3)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def remove_arrays(folder: Path, suffix: str) -> None:
    for path in folder.rglob("*"):
        if path.is_file() and path.name != "activation" and path.suffix == suffix:
            path.unlink()


@pytest.fixture
def mapping() -> tm.TimbreMap:
    rng = np.random.default_rng(0)
    return random_map(rng, (3, 5, 9), activations=("tanh", "sigmoid"), dtype=np.float32)


@pytest.fixture
def both(tmp_path: Path, mapping: tm.TimbreMap) -> Path:
    tm.save(mapping, tmp_path / "both")
    return tmp_path / "both"


@pytest.fixture
def text(tmp_path: Path, mapping: tm.TimbreMap) -> Path:
    tm.save(mapping, tmp_path / "text")
    remove_arrays(tmp_path / "text", ".npy")
    return tmp_path / "text"


# Reading and writing


def test_load_then_save_of_float32_numbers_gives_the_same_bytes(both: Path, tmp_path: Path):
    tm.save(tm.load(both), tmp_path / "again")
    assert contents(both) == contents(tmp_path / "again")


@pytest.mark.parametrize("gone", ["", ".npy"])
def test_text_alone_and_npy_alone_load_the_same_map(both: Path, mapping: tm.TimbreMap, gone: str):
    remove_arrays(both, gone)
    np.testing.assert_array_equal(tm.load(both).forward(CENTRE), mapping.forward(CENTRE))


def test_float64_text_keeps_more_digits_than_its_npy(tmp_path: Path):
    mapping = random_map(np.random.default_rng(1))
    tm.save(mapping, tmp_path / "model")
    loaded = tm.load(tmp_path / "model")
    np.testing.assert_allclose(
        loaded.forward(CENTRE), mapping.forward(CENTRE), rtol=0, atol=TOLERANCE["same_p"]
    )


def test_a_number_is_printed_as_the_original_printed_it(both: Path):
    lines = (both / "vec_scale" / "mean").read_text().split("\n")
    mean = np.load(both / "vec_scale" / "mean.npy")
    assert mean.dtype == np.float32
    assert lines == [*(f"{float(value):.32f}" for value in mean), ""]
    assert (both / "dense_layer_0" / "activation").read_bytes() == b"tanh\n"


def test_a_layer_without_activation_is_linear(text: Path):
    (text / "dense_layer_0" / "activation").unlink()
    assert tm.load(text).dense[0].activation == "linear"


def test_a_model_without_pca_has_none(tmp_path: Path):
    mapping = random_map(np.random.default_rng(2), pca=False)
    tm.save(mapping, tmp_path / "model")
    assert not (tmp_path / "model" / "pca_layer").exists()
    assert tm.load(tmp_path / "model").pca is None


def test_windows_line_ends_and_a_missing_last_newline_are_read(text: Path, mapping: tm.TimbreMap):
    path = text / "dense_layer_1" / "weights"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    path = text / "vec_scale" / "std"
    path.write_bytes(path.read_bytes().rstrip())
    np.testing.assert_array_equal(tm.load(text).forward(CENTRE), mapping.forward(CENTRE))


def test_the_scale_is_chosen_when_loading(text: Path):
    assert tm.load(text).scale == "normal"
    assert tm.load(text, scale="uniform").scale == "uniform"
    with pytest.raises(tm.SettingsError, match="'normal', 'uniform' or 'even'"):
        tm.load(text, scale="log")  # type: ignore[arg-type]


def test_a_column_major_npy_is_read_by_its_shape(both: Path, mapping: tm.TimbreMap):
    remove_arrays(both, "")
    path = both / "dense_layer_1" / "weights.npy"
    np.save(path, np.asfortranarray(np.load(path)))
    np.testing.assert_array_equal(tm.load(both).forward(CENTRE), mapping.forward(CENTRE))


# Saving


def test_saving_replaces_a_model_whole(both: Path, tmp_path: Path):
    other = random_map(np.random.default_rng(3), (3, 9), pca=False)
    tm.save(other, both)
    np.testing.assert_allclose(
        tm.load(both).forward(CENTRE), other.forward(CENTRE), rtol=0, atol=TOLERANCE["same_p"]
    )
    assert not (both / "dense_layer_1").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["both"]


def test_saving_makes_missing_parents(tmp_path: Path, mapping: tm.TimbreMap):
    tm.save(mapping, tmp_path / "a" / "b" / "timbremap")
    assert tm.load(tmp_path / "a" / "b" / "timbremap").parameter_size == 9


def test_saving_leaves_what_is_not_a_model_alone(tmp_path: Path, mapping: tm.TimbreMap):
    (tmp_path / "songs").mkdir()
    (tmp_path / "songs" / "one").write_text("la")
    with pytest.raises(tm.PathError, match=r"songs.*not a model"):
        tm.save(mapping, tmp_path / "songs")
    with pytest.raises(tm.PathError, match=r"one.*is a file"):
        tm.save(mapping, tmp_path / "songs" / "one")
    with pytest.raises(tm.PathError, match="cannot be written"):
        tm.save(mapping, tmp_path / "songs" / "one" / "timbremap")
    assert contents(tmp_path / "songs") == {"one": b"la"}


def test_a_failed_save_leaves_the_model_that_was_there(
    both: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    before = contents(both)

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(np, "save", fail)
    with pytest.raises(tm.PathError, match="disk full"):
        tm.save(random_map(np.random.default_rng(3)), both)
    assert contents(both) == before
    assert [path.name for path in tmp_path.iterdir()] == ["both"]


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_link_to_a_model_stays_a_link(both: Path, tmp_path: Path, mapping: tm.TimbreMap):
    (tmp_path / "link").symlink_to(both)
    tm.save(mapping, tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert tm.load(tmp_path / "link").parameter_size == 9


# Malformed folders: what is done to a good one, and what the message says

NAN_NPY = np.full(3, np.nan, np.float32)


def npy_of_far_more_than_it_holds() -> bytes:
    file = io.BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": (2**50, 3)}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + bytes(12)


def write(path: str, content: str):
    return lambda folder: (folder / path).write_bytes(content.encode("latin1"))


def remove(path: str):
    def damage(folder: Path) -> None:
        target = folder / path
        shutil.rmtree(target) if target.is_dir() else target.unlink()

    return damage


def move(path: str, to: str):
    return lambda folder: (folder / path).rename(folder / to)


def file_for_folder(path: str):
    def damage(folder: Path) -> None:
        remove(path)(folder)
        (folder / path).write_text("x")

    return damage


def folder_for_file(path: str):
    def damage(folder: Path) -> None:
        remove(path)(folder)
        (folder / path).mkdir()

    return damage


MALFORMED = {
    "missing file": (remove("vec_scale/std"), "vec_scale/std: missing, and so is std.npy"),
    "missing mean": (remove("vec_scale/mean"), "vec_scale/mean: missing"),
    "missing inverse": (remove("dense_layer_1/weights_inv"), "dense_layer_1/weights_inv: missing"),
    "missing scale": (remove("vec_scale"), "vec_scale: expected a folder, found nothing"),
    "no dense layer": (
        lambda f: [remove("dense_layer_0")(f), remove("dense_layer_1")(f)],
        "dense_layer_0: missing, found no dense_layer",
    ),
    "gap": (remove("dense_layer_0"), "dense_layer_0: missing, found dense_layer_1"),
    "wrong number": (move("dense_layer_1", "dense_layer_01"), "dense_layer_1: missing"),
    "no number": (move("dense_layer_1", "dense_layer_x"), "number them from 0 without a gap"),
    "empty file": (write("vec_scale/mean", ""), "vec_scale/mean: empty"),
    "empty inside": (write("vec_scale/min", ""), "vec_scale/min: empty"),
    "too few": (write("vec_scale/std", "1\n1\n"), "vec_scale/std: expected 3 values, found 2"),
    "too many": (
        write("dense_layer_0/weights", "1.0\n" * 16),
        r"dense_layer_0/weights: expected 15 values \(3 rows of 5\), found 16",
    ),
    "word": (write("vec_scale/std", "1\none\n1\n"), "vec_scale/std, line 2: .*found 'one'"),
    "blank line": (write("vec_scale/std", "1\n\n1\n1\n"), "vec_scale/std, line 2: .*found ''"),
    "underscore": (write("vec_scale/std", "1\n1_0\n1\n"), "vec_scale/std, line 2"),
    "two on a line": (write("vec_scale/std", "1 1\n1\n"), "vec_scale/std, line 1"),
    "nan": (write("vec_scale/std", "1\n1\nnan\n"), "vec_scale/std, line 3: expected a finite"),
    "infinity": (write("vec_scale/min", "1\ninf\n1\n"), "vec_scale/min, line 2: expected a finite"),
    "too large": (write("vec_scale/min", "1\n1e39\n1\n"), "vec_scale/min, line 2"),
    "cut short": (write("vec_scale/min", "1.0\n1.0\n1.0"), "vec_scale/min, line 3: no newline"),
    "not ascii": (write("vec_scale/min", "1\n\xe9\n1\n"), "vec_scale/min: not a text file"),
    "negative std": (write("vec_scale/std", "1\n-1\n1\n"), "vec_scale: .*std has a negative"),
    "unknown activation": (
        write("dense_layer_1/activation", "relu\n"),
        "dense_layer_1/activation, line 1: unknown activation 'relu'; expected one of .*sigmoid",
    ),
    "empty activation": (write("dense_layer_1/activation", ""), "unknown activation ''"),
    "two activations": (write("dense_layer_1/activation", "tanh\ntanh\n"), "unknown activation"),
    "another inverse": (
        write("dense_layer_1/weights_inv", "1.0\n" * 45),
        "dense_layer_1: .*weights_inv is not the inverse of weights",
    ),
    "another pca inverse": (
        write("pca_layer/weights_inv", "1.0\n" * 9),
        "pca_layer: .*weights_inv is not the inverse of weights",
    ),
    "fewer outputs": (
        lambda f: [
            write("dense_layer_1/biases", "0.0\n" * 4)(f),
            write("dense_layer_1/weights", "1.0\n" * 20)(f),
            write("dense_layer_1/weights_inv", "1.0\n" * 20)(f),
        ],
        "dense_layer_1: .*4 outputs for 5 inputs",
    ),
    "file for folder": (file_for_folder("dense_layer_1"), "dense_layer_1: expected a folder"),
    "pca is a file": (file_for_folder("pca_layer"), "pca_layer: expected a folder, found a file"),
    "folder for file": (folder_for_file("pca_layer/biases"), "pca_layer/biases: expected a file"),
    "npy of text": (write("vec_scale/mean.npy", "1\n1\n1\n"), "mean.npy: expected floats saved"),
    "npy with nan": (
        lambda f: np.save(f / "vec_scale/mean.npy", NAN_NPY),
        "mean.npy, value 1: expected a finite",
    ),
    "npy of words": (
        lambda f: np.save(f / "vec_scale/mean.npy", np.array(["a", "b", "c"])),
        "mean.npy: expected floats, found",
    ),
    "npy of three dimensions": (
        lambda f: np.save(f / "vec_scale/mean.npy", np.zeros((1, 1, 3), np.float32)),
        r"mean.npy: expected a vector or a matrix, found shape \(1, 1, 3\)",
    ),
    "npy cut short": (
        lambda f: [
            np.save(f / "vec_scale/mean.npy", np.zeros(3, np.float32)),
            write(
                "vec_scale/mean.npy", (f / "vec_scale/mean.npy").read_bytes()[:-1].decode("latin1")
            )(f),
        ],
        "mean.npy: expected floats saved by numpy.save, found a damaged file",
    ),
    "npy with more after its end": (
        lambda f: [
            np.save(f / "vec_scale/mean.npy", np.zeros(3, np.float32)),
            write(
                "vec_scale/mean.npy",
                (f / "vec_scale/mean.npy").read_bytes().decode("latin1") + "more",
            )(f),
        ],
        "mean.npy: 4 bytes after the end of the array",
    ),
    "npy of integers": (
        lambda f: np.save(f / "vec_scale/mean.npy", np.zeros(3, np.int32)),
        "mean.npy: expected floats, found",
    ),
    "npy of far more than it holds": (
        write("vec_scale/mean.npy", npy_of_far_more_than_it_holds().decode("latin1")),
        "mean.npy: expected floats saved by numpy.save, found a damaged file",
    ),
    "npy that is an archive": (
        lambda f: [
            np.savez(f / "vec_scale/mean.npz", np.zeros(3)),
            (f / "vec_scale/mean.npz").rename(f / "vec_scale/mean.npy"),
        ],
        "mean.npy: expected floats saved",
    ),
    "npy disagrees in size": (
        lambda f: np.save(f / "vec_scale/mean.npy", np.zeros(4, np.float32)),
        "vec_scale/mean: 3 values, but 4 in its .npy",
    ),
    "npy disagrees": (
        lambda f: np.save(f / "vec_scale/mean.npy", np.full(3, 9.0, np.float32)),
        "vec_scale/mean, line 1: .*9 in mean.npy; delete the wrong one",
    ),
    "npy of another shape": (
        lambda f: np.save(
            f / "pca_layer/weights.npy",
            np.float32((f / "pca_layer/weights").read_text().split()).reshape(1, 9),
        ),
        r"pca_layer/weights.npy: expected shape \(3, 3\), found \(1, 9\)",
    ),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_folder_is_refused_with_its_place(text: Path, case: str):
    damage, message = MALFORMED[case]
    damage(text)
    with pytest.raises(tm.FormatError, match=message) as error:
        tm.load(text)
    assert str(error.value).startswith(str(text))
    assert "\n" not in str(error.value)


def test_a_folder_that_is_missing_or_a_file_is_refused(tmp_path: Path):
    with pytest.raises(tm.PathError, match="nowhere: expected a folder, found nothing"):
        tm.load(tmp_path / "nowhere")
    (tmp_path / "file").write_text("x")
    with pytest.raises(tm.PathError, match="file: expected a folder, found a file"):
        tm.load(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    with pytest.raises(tm.FormatError, match="empty: not a model folder; give one that tm-train"):
        tm.load(tmp_path / "empty")


def test_a_file_that_may_not_be_read_is_named(text: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(path: Path, mode: str) -> None:  # root, as in a container, may read everything
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(tm.PathError, match=r"vec_scale/mean: cannot be read \(Permission denied\)"):
        tm.load(text)


def test_a_file_that_is_far_too_large_is_not_read(text: Path):
    with (text / "vec_scale" / "mean").open("wb") as file:
        file.truncate(2**33)  # a hole, which takes no room on disk
    with pytest.raises(tm.FormatError, match="larger than"):
        tm.load(text)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_does_not_block_the_reader(text: Path):
    remove("vec_scale/mean")(text)
    os.mkfifo(text / "vec_scale" / "mean")
    with pytest.raises(tm.FormatError, match="expected a file"):
        tm.load(text)


# Fuzzing


def damaged(rng: np.random.Generator, content: bytes) -> bytes:
    """Hurt the content of a file in one of the ways in which files get hurt."""
    at = int(rng.integers(len(content) + 1))
    lines = content.splitlines(keepends=True)
    line = int(rng.integers(len(lines))) if lines else 0
    match rng.integers(9):
        case 0:
            return content[:at]
        case 1:
            return content[at:]
        case 2:
            return content[:at] + bytes([rng.integers(256)]) + content[at + 1 :]
        case 3:
            return content[:at] + rng.bytes(int(rng.integers(1, 40))) + content[at:]
        case 4:
            return b"".join(lines[:line] + lines[line + 1 :])
        case 5:
            return b"".join(lines[:line] + lines[line : line + 1] + lines[line:])
        case 6:
            words = [b"nan", b"-inf", b"1e999", b"0x10", b"word", b"", b"1,5", b"--1", b"\0"]
            return b"".join([*lines[:line], words[rng.integers(9)], b"\n", *lines[line + 1 :]])
        case 7:
            return b"\0" * len(content)
        case _:
            return rng.bytes(at)


def hurt(rng: np.random.Generator, folder: Path) -> bool:
    """Damage one thing in the folder; return whether it may be another model now."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    path = files[rng.integers(len(files))]
    match rng.integers(8):
        case 0:
            path.unlink()
        case 1:
            path.unlink()
            path.mkdir()
        case 2:
            shutil.rmtree(path.parent)
        case 3:
            path.rename(path.with_name(path.name + "x"))
        case 4:
            other = files[rng.integers(len(files))]
            path.write_bytes(other.read_bytes())
            return True
        case _:
            path.write_bytes(damaged(rng, path.read_bytes()))
            # Text or .npy alone, or an activation: nothing is there to contradict it.
            partner = path.with_suffix("" if path.suffix else ".npy")
            return not partner.exists()
    return path.name == "activation" or not (
        path.with_name(path.name + ".npy").exists() or path.with_suffix("").exists()
    )


@pytest.mark.slow
def test_a_thousand_damaged_folders_are_refused_or_read_right(
    both: Path, mapping: tm.TimbreMap, tmp_path: Path
):
    rng = np.random.default_rng(7)
    texts, arrays = tmp_path / "texts", tmp_path / "arrays"
    for copy, gone in ((texts, ".npy"), (arrays, "")):
        shutil.copytree(both, copy)
        remove_arrays(copy, gone)
    p = mapping.forward(CENTRE)
    n_refused = 0
    for index in range(1000):
        folder = tmp_path / "hurt"
        shutil.copytree((both, texts, arrays)[index % 3], folder)
        may_differ = hurt(rng, folder)
        try:
            loaded = tm.load(folder)
        except tm.FormatError as error:
            n_refused += 1
            assert str(folder) in str(error)
        else:
            assert np.isfinite(loaded.forward(CENTRE)).all()
            assert np.isfinite(loaded.inverse(loaded.forward(CENTRE))).all()
            if not may_differ:
                np.testing.assert_allclose(loaded.forward(CENTRE), p, rtol=0, atol=1e-4)
        shutil.rmtree(folder)
    assert n_refused > 500

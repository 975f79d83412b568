from __future__ import annotations

from pathlib import Path

import pytest

from timbremap_jax.data.folder import DataFolder, find_data_folders
from timbremap_runtime.errors import PathError


def make(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "features.npy").touch()
    return folder


def names(folder: Path) -> list[str]:
    return [found.path.relative_to(folder).as_posix() for found in find_data_folders(folder)]


def test_rows_are_those_of_the_names_in_order(tmp_path: Path):
    folder = DataFolder(tmp_path)
    folder.wavs.mkdir()
    for name in ("ex_10.wav", "ex_2.wav", "ex_02.wav", "ex_old.wav", ".ex_3.wav", "ex_4.WAV"):
        (folder.wavs / name).touch()
    assert folder.rows() == [2, 10]
    assert folder.wav(10) == tmp_path / "wavs" / "ex_10.wav"


def test_a_tree_is_found_in_natural_order(tmp_path: Path):
    for name in ("fm10", "fm2", "deeper/fm1"):
        make(tmp_path / name)
    assert names(tmp_path) == ["deeper/fm1", "fm2", "fm10"]
    assert [found.path for found in find_data_folders(tmp_path / "fm2")] == [tmp_path / "fm2"]


def test_links_are_followed_and_no_folder_is_taken_twice(tmp_path: Path):
    elsewhere = make(tmp_path / "elsewhere" / "am")
    tree = tmp_path / "tree"
    make(tree / "fm")
    (tree / "am").symlink_to(elsewhere)
    (tree / "again").symlink_to(tree / "fm")
    (tree / "fm" / "up").symlink_to(tree)
    (tree / "pwm").mkdir()
    (tree / "pwm" / "features.npy").symlink_to(elsewhere / "features.npy")
    assert names(tree) == ["am", "fm", "pwm"]


def test_a_link_that_leads_nowhere_is_named(tmp_path: Path):
    make(tmp_path / "fm")
    (tmp_path / "am").symlink_to(tmp_path / "gone")
    with pytest.raises(PathError, match=r"am: is a link to .*gone, which does not exist"):
        find_data_folders(tmp_path)


def test_what_is_not_there_says_what_to_run(tmp_path: Path):
    with pytest.raises(PathError, match="missing: no such folder"):
        find_data_folders(tmp_path / "missing")
    with pytest.raises(PathError, match=r"no features\.npy in it or under it; run  tm-features"):
        find_data_folders(tmp_path)

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

import timbremap_runtime as tm
from tests.support.osc_client import make_library, make_map
from timbremap_runtime.errors import PathError, SettingsError
from timbremap_runtime.service.library import Library


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_library(tmp_path / "library")


def test_only_what_lies_in_the_folder_is_a_model(folder: Path, tmp_path: Path):
    outside = make_library(tmp_path / "outside")
    try:
        (folder / "linked").symlink_to(outside / "one", target_is_directory=True)
        (folder / "deep").mkdir()
        (folder / "deep" / "timbremap").symlink_to(outside / "one" / "timbremap")
    except OSError:
        pytest.skip("this system does not let a user make links")
    library = Library(folder)
    assert library.names() == ["one", "two", "wide"]
    for name in ("linked", "deep", "../outside/one", str(outside / "one"), "one/timbremap", "."):
        with pytest.raises(SettingsError, match="no model"):
            library.load(name)


def test_a_library_is_a_folder_of_models_or_one(folder: Path, tmp_path: Path):
    assert Library(folder).names() == ["one", "two", "wide"]
    assert Library(folder / "one").names() == ["one"]
    assert Library(folder / "one" / "timbremap").names() == ["one"]
    assert Library(folder / "one" / "timbremap").load("one").parameter_names[0] == "rate"
    (tmp_path / "empty").mkdir()
    with pytest.raises(PathError, match="contains no model"):
        Library(tmp_path / "empty")


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        (2.0, "2"),
        (20.0, "20"),
        (7.0, "007"),
        (0.10000000149011612, "0.1"),  # as single precision has it
        (5.0, None),  # 5.0 and 5.00 both
        (3.0, None),
        (float("nan"), None),
        (1e300, None),
    ],
)
def test_a_number_stands_for_the_folder_that_reads_as_it(
    sent: float, found: str | None, tmp_path: Path
):
    for name in ("2", "20", "007", "0.1", "5.0", "5.00", "name"):
        tm.save(make_map(0), tmp_path / name / "timbremap")
    library = Library(tmp_path)
    if found:
        assert library.load(sent).name == found
    else:
        with pytest.raises(SettingsError, match="no model"):
            library.load(sent)


def test_accents_match_in_both_forms_and_the_exact_one_first(tmp_path: Path):
    forms = [unicodedata.normalize("NFC", "Höhe"), unicodedata.normalize("NFD", "Höhe")]
    tm.save(make_map(0), tmp_path / forms[1] / "timbremap")
    for form in forms:
        assert Library(tmp_path).load(form).name == forms[0]
    tm.save(make_map(1), tmp_path / forms[0] / "timbremap")
    if len(Library(tmp_path).names()) == 2:  # a file system that keeps both apart
        p = [Library(tmp_path).load(form).mapping.forward([0.5] * 3)[0] for form in forms]
        assert p == [make_map(seed).forward([0.5] * 3)[0] for seed in (1, 0)]

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import timbremap_runtime as tm
from tests.support.maps import random_map
from timbremap_runtime.core.model_folder import find_map, find_model, parameter_names, read_config
from timbremap_runtime.errors import FormatError, PathError


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model folder of three parameters with names."""
    folder = tmp_path / "fm"
    tm.save(random_map(np.random.default_rng(0), (2, 3)), folder / "timbremap")
    (folder / "config.json").write_text(json.dumps({"parameters": ["rate", "duty", "depth"]}))
    return folder


def test_a_model_and_its_map_lead_to_each_other(model: Path, monkeypatch: pytest.MonkeyPatch):
    map_folder = model / "timbremap"
    assert find_map(model) == find_map(map_folder) == map_folder
    assert find_model(map_folder) == find_model(model) == model
    monkeypatch.chdir(map_folder)
    assert find_model(Path()) == model


def test_a_map_of_another_name_is_a_model_of_its_own(model: Path, tmp_path: Path):
    (model / "timbremap").rename(tmp_path / "organ")
    (tmp_path / "config.json").write_text(json.dumps({"parameters": ["not", "the", "organ's"]}))
    assert find_map(tmp_path / "organ") == find_model(tmp_path / "organ") == tmp_path / "organ"
    assert parameter_names(tmp_path / "organ", 3) == ("p0", "p1", "p2")


def test_a_folder_of_models_is_no_map(model: Path, tmp_path: Path):
    (tmp_path / "timbremap").mkdir()
    model.rename(tmp_path / "timbremap" / "fm")
    assert find_map(tmp_path) is None
    assert find_model(tmp_path / "timbremap") == tmp_path / "timbremap"


def test_parameters_have_the_names_of_the_configuration(model: Path):
    for folder in (model, model / "timbremap"):
        assert parameter_names(folder, 3) == ("rate", "duty", "depth")
    assert parameter_names(model, 2) == ("p0", "p1")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"parameters": 3}', "[" * 100_000])
def test_parameters_of_a_damaged_configuration_have_numbers(content: str, model: Path):
    (model / "config.json").write_text(content)
    assert parameter_names(model, 3) == ("p0", "p1", "p2")


def test_a_configuration_that_cannot_be_read_is_named(model: Path, tmp_path: Path):
    file = model / "config.json"
    file.write_text("[]")
    with pytest.raises(FormatError, match=r"config\.json: not what tm-train writes; train"):
        read_config(model)
    file.write_bytes(b"\xff\xfe{")
    with pytest.raises(FormatError, match=r"config\.json: not valid JSON; train"):
        read_config(model)
    for folder in (tmp_path / "nothing", file):
        with pytest.raises(PathError, match="no such file; give a folder that tm-train wrote"):
            read_config(folder)

"""What belongs to a model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.osc_client import make_library
from tests.support.paths import LFO4
from timbremap_runtime.errors import PathError, SettingsError
from timbremap_studio.models import Models, shipped


def test_shipped_models_know_their_instruments_wherever_they_are_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    models = Models(shipped())
    assert {"fm", "am", "clonewheel"} <= set(models.names())
    for name in models.names():
        found = models.get(name).instrument
        assert found, name
        patch, _ = found
        assert len(patch.parameters) == models.get(name).named.mapping.parameter_size
    patch, note = models.get("fm").instrument or pytest.fail()
    assert (patch.variant, note.pitch) == ("fm", 45)
    json.dumps(models.get("fm").content())


def test_a_model_without_anything_beside_it_can_be_played(tmp_path: Path):
    models = Models([make_library(tmp_path / "library")])
    content = models.get("wide").content()
    assert content["playing"] is None
    assert content["instrument"] is None
    assert content["map"]["coordinates"]["size"] == 3
    with pytest.raises(SettingsError, match="no model 'four'; choose one of one, two, wide"):
        models.get("four")
    assert models.get("wide", "uniform").named.mapping.scale == "uniform"
    with pytest.raises(SettingsError, match="unknown scale 'odd'"):
        models.get("wide", "odd")


def test_models_of_one_name_are_told_apart_by_their_folders(tmp_path: Path):
    folders = [make_library(tmp_path / name) for name in ("first", "second")]
    assert Models([*folders, LFO4 / "models" / "fm", folders[0]]).names() == [
        "fm", "one", "second one", "second two", "second wide", "two", "wide"
    ]  # fmt: skip


def test_what_is_no_model_is_refused(tmp_path: Path):
    with pytest.raises(PathError, match="contains no model"):
        Models([LFO4 / "models", tmp_path])


@pytest.mark.parametrize("config", ["", "[]", '{"instrument": 3, "data": [], "parameters": 1}'])
def test_a_damaged_config_does_not_keep_a_model_from_being_played(tmp_path: Path, config: str):
    folder = make_library(tmp_path / "library")
    (folder / "one" / "config.json").write_text(config)
    model = Models([folder]).get("one")
    assert model.instrument is None
    assert model.data_dir is None
    assert model.summary()["parameters"] == ["p0", "p1", "p2", "p3"]

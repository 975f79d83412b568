"""What the server hands out as a model's instrument."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import timbremap_runtime as tm
from tests.support.paths import LFO4
from timbremap_runtime.export.wasm import unpack
from timbremap_studio.instrument import Instruments
from timbremap_studio.models import Model, Models


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Folder of an instrument of one's own, with a model."""
    for name in ("patch.toml", "lfo4.dsp", "lfo4.wasm"):
        shutil.copy(LFO4 / name, tmp_path)
    shutil.copytree(LFO4 / "models" / "am", tmp_path / "models" / "am")
    return tmp_path


def model_of(home: Path) -> Model:
    return Models([home / "models"]).get("am")


def test_it_is_that_of_the_models_variant(home: Path):
    found = Instruments().get(model_of(home))
    program = unpack((home / "lfo4.wasm").read_bytes())
    assert found["controls"][3]["index"] == program.controls["/lfo4/am_depth"]
    assert [program.controls["/lfo4/wave"], 72.0] in found["fixed"]
    assert found["note"] == {"pitch": 45, "velocity": 100}


def test_one_that_changed_is_compiled_once(home: Path):
    pytest.importorskip("dawdreamer", reason="needs DawDreamer")
    source = home / "lfo4.dsp"
    source.write_text(source.read_text(encoding="utf-8").replace("1.0000049", "1.0000050"))
    instruments, model = Instruments(), model_of(home)
    first = instruments.get(model)
    assert first["wasm"] != Instruments().get(Models([LFO4 / "models"]).get("am"))["wasm"]
    assert instruments.get(model) is first


def test_what_does_not_sound_says_why(home: Path, monkeypatch: pytest.MonkeyPatch):
    (home / "lfo4.dsp").write_text("process = nothing;")
    with pytest.raises(tm.TimbreMapError, match=r"does not compile|render"):
        Instruments().get(model_of(home))
    toml = home / "patch.toml"
    toml.write_text(toml.read_text(encoding="utf-8").replace('"faust"', '"pd"'))
    with pytest.raises(tm.SettingsError, match="its engine is pd; play it over OSC or MIDI"):
        Instruments().get(model_of(home))
    toml.unlink()
    monkeypatch.chdir(home)  # shipped models name their instrument from the repository
    shutil.move(home / "models", home / "elsewhere")
    with pytest.raises(tm.SettingsError, match="its instrument was not found"):
        Instruments().get(Models([home / "elsewhere"]).get("am"))

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from timbremap_cli import export

import timbremap_runtime as tm
from tests.support.maps import random_map
from tests.support.paths import LFO4

FM = LFO4 / "models" / "fm"


def test_files_are_written_and_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    arguments = [str(FM), "--to", "c", "--out", str(tmp_path / "new")]
    assert export.main(arguments) == 0
    header = tmp_path / "new" / "fm.h"
    before = header.read_bytes()
    assert capsys.readouterr().out.splitlines() == [
        str(header),
        str(tmp_path / "new" / "fm_example.c"),
    ]
    header.write_text("mine")
    (tmp_path / "new" / "fm_example.c").unlink()
    assert export.main(arguments) == 1
    assert "fm.h: already exists; give another --out" in capsys.readouterr().err
    assert header.read_text() == "mine"
    assert not (tmp_path / "new" / "fm_example.c").exists()
    assert export.main([*arguments, "--force"]) == 0
    assert header.read_bytes() == before


def test_an_unknown_host_lists_those_there_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert export.main([str(FM), "--to", "cobol", "--out", str(tmp_path)]) == 1
    assert "unknown host 'cobol'; choose one of faust, c, " in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def test_the_models_own_instrument_is_built_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(LFO4.parents[2])  # shipped models name their instrument from there
    assert export.main([str(FM), "--to", "faust", "--out", str(tmp_path)]) == 0
    assert sorted(file.name for file in tmp_path.iterdir()) == ["fm.dsp", "lfo4.dsp"]
    assert '"fm_depth": (!, _)' in (tmp_path / "fm.dsp").read_text(encoding="utf-8")


def test_a_map_without_an_instrument_becomes_a_library(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    tm.save(random_map(np.random.default_rng(0)), tmp_path / "pad" / "timbremap")
    assert export.main([str(tmp_path / "pad"), "--to", "faust", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "pad.lib").is_file() and not (tmp_path / "pad.dsp").exists()
    said = capsys.readouterr().err
    assert "only the map is written" in said
    assert "name its instrument with  --instrument PATCH_DIR" in said


def test_a_voice_without_a_control_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    pytest.importorskip("dawdreamer", reason="needs DawDreamer")
    for name in ("patch.toml", "lfo4.dsp"):
        shutil.copy(LFO4 / name, tmp_path)
    source = tmp_path / "lfo4.dsp"
    source.write_text(source.read_text(encoding="utf-8").replace('"fm_depth"', '"vibrato"'))
    arguments = ["--to", "faust", "--instrument", str(tmp_path), "--variant", "fm"]
    assert export.main([str(FM), *arguments, "--out", str(tmp_path / "out")]) == 1
    assert "fm_depth" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_instrument_goes_with_a_host_that_plays_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    for option, value in (("--instrument", str(LFO4)), ("--variant", "am")):
        arguments = ["--to", "js", option, value, "--out", str(tmp_path)]
        assert export.main([str(FM), *arguments]) == 1
        assert f"{option} goes with  --to faust" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def test_a_file_in_the_place_of_the_folder_is_one_line_with_a_way_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "file").touch()
    assert export.main([str(FM), "--to", "c", "--out", str(tmp_path / "file")]) == 1
    assert capsys.readouterr().err == (
        f"error: {tmp_path / 'file'}: file exists; choose another name\n"
    )


@pytest.mark.slow
def test_a_page_of_an_instrument_of_ones_own_is_the_same_each_time(tmp_path: Path):
    pytest.importorskip("dawdreamer", reason="needs DawDreamer")
    for name in ("patch.toml", "lfo4.dsp"):  # without the module that is compiled already
        shutil.copy(LFO4 / name, tmp_path)
    arguments = [str(FM), "--to", "page", "--instrument", str(tmp_path), "--out", str(tmp_path)]
    assert export.main(arguments) == 0
    page = tmp_path / "fm.html"
    first = page.read_bytes()
    assert export.main(arguments) == 1
    assert export.main([*arguments, "--force"]) == 0
    assert page.read_bytes() == first
    assert str(tmp_path).encode() not in first

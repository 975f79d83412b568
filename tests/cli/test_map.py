from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from timbremap_cli import map as tm_map

import timbremap_runtime as tm
from tests.support.paths import LFO4, PATCHES, command
from timbremap_jax.data.engines.faust import FaustEngine
from timbremap_jax.data.patch import load_patch

CLONEWHEEL = PATCHES / "additive" / "clonewheel"


def test_it_there_and_back(model_dir: Path, capsys: pytest.CaptureFixture[str]):
    scale = ["--scale", "normal"]
    assert tm_map.main([str(model_dir), *scale, "0.2", "0.5", "0.9"]) == 0
    p = capsys.readouterr().out.strip()
    assert len(p.split(",")) == 4
    assert tm_map.main([str(model_dir / "timbremap"), *scale, "--inverse", *p.split(",")]) == 0
    back = [float(word) for word in capsys.readouterr().out.split(",")]
    # Six digits are printed.
    assert back == pytest.approx([0.2, 0.5, 0.9], abs=1e-4)


def test_it_reads_rows_from_standard_input(
    model_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sys, "stdin", io.StringIO("0.1, 0.2, 0.3\n\n0.5,0.5,0.5\n"))
    assert tm_map.main([str(model_dir), "--scale", "uniform"]) == 0
    rows = np.loadtxt(io.StringIO(capsys.readouterr().out), delimiter=",")
    mapping = tm.load(model_dir / "timbremap", scale="uniform")
    assert rows == pytest.approx(mapping.forward(np.array([[0.1, 0.2, 0.3], [0.5] * 3])), rel=1e-4)


def test_it_plays_a_point_on_the_instrument_of_the_data_set(
    model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    wav = tmp_path / "point.wav"
    run = [str(model_dir), "0.2", "0.5", "0.9", "--wav", str(wav)]
    assert tm_map.main(run) == 0
    p = [float(word) for word in capsys.readouterr().out.split(",")]
    samples, rate = soundfile.read(wav, dtype="float32")
    patch = load_patch(LFO4, "fm")
    expected = FaustEngine(patch).render(p, patch.note)
    assert rate == 44_100
    # Six digits are printed.
    assert samples == pytest.approx(expected, abs=1e-3)
    assert np.abs(samples).max() > 0.05
    assert tm_map.main([*run, "--sustain", "1000", "--note", "69"]) == 0
    assert soundfile.info(wav).frames == round(1.05 * 44_100)


def test_it_plays_a_point_on_an_instrument_that_is_named(
    model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    moved, wav = tmp_path / "fm", tmp_path / "point.wav"
    shutil.copytree(model_dir, moved)
    run = [str(moved), "0.2", "0.5", "0.9", "--wav", str(wav)]
    # Whatever became of its data set, it knows its instrument.
    assert tm_map.main([*run, "--variant", "am"]) == 0
    wav.unlink()
    config = json.loads((moved / "config.json").read_text())
    config["instrument"]["patch_dir"] = "nowhere"
    (moved / "config.json").write_text(json.dumps(config))
    for options, error in (
        ([], "plays nowhere, which is not here: name its instrument with  --patch PATCH_DIR"),
        (["--patch", str(CLONEWHEEL)], "plays 4 parameters"),
        (["--patch", str(LFO4), "--release", "-1"], "release -1"),
    ):
        assert tm_map.main([*run, *options]) == 1
        assert error in capsys.readouterr().err
        assert not wav.exists()
    assert tm_map.main([*run, "--patch", str(LFO4), "--variant", "am"]) == 0
    assert soundfile.info(wav).frames > 10_000


def test_it_plays_a_glide(
    model_dir: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    wav = tmp_path / "glide.wav"
    monkeypatch.setattr(sys, "stdin", io.StringIO("0.1,0.5,0.5\n0.9,0.2,0.4\n"))
    assert tm_map.main([str(model_dir), "--wav", str(wav), "--sustain", "500"]) == 0
    path = np.loadtxt(io.StringIO(capsys.readouterr().out), delimiter=",")
    patch = load_patch(LFO4, "fm")
    expected = FaustEngine(patch).glide(path, patch.note.with_changes(sustain_ms=500))
    assert soundfile.read(wav, dtype="float32")[0] == pytest.approx(expected, abs=1e-3)
    monkeypatch.setattr(sys, "stdin", io.StringIO("0.1,0.5,0.5\n0.9,0.2,0.4\n"))
    pd = ["--patch", str(PATCHES / "fm" / "fm2")]
    assert tm_map.main([str(model_dir), "--wav", str(wav), *pd]) == 1
    assert "plays 4 parameters" in capsys.readouterr().err


def test_it_says_that_there_was_no_point_to_play(
    model_dir: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n"))
    assert tm_map.main([str(model_dir), "--wav", str(tmp_path / "x.wav")]) == 1
    assert capsys.readouterr().err == (
        "error: standard input has no point to play; write one in each line\n"
    )


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--wav", "x.wav", "--inverse", "1", "2", "3", "4"], "leave out --inverse"),
        (
            ["--wav", "x.mp3", "0.5", "0.5", "0.5"],
            "x.mp3: not the name of a WAV; give a name that ends in .wav",
        ),
        (["--sustain", "1500", "0.5", "0.5", "0.5"], "name its file with  --wav FILE"),
        (["--wav", "nowhere/x.wav", "0.5", "0.5", "0.5"], "there is no folder nowhere"),
    ],
)
def test_it_says_how_a_sound_is_asked_for(
    options: list[str], error: str, model_dir: Path, capsys: pytest.CaptureFixture[str]
):
    assert tm_map.main([str(model_dir), *options]) == 1
    assert error in capsys.readouterr().err


def test_it_says_that_a_value_is_beyond_the_end(
    model_dir: Path, capsys: pytest.CaptureFixture[str]
):
    assert tm_map.main([str(model_dir), "50", "0.5", "-1"]) == 0
    beyond = capsys.readouterr()
    assert beyond.err == "note: values run from 0 to 1; 50 was clamped to the nearest end\n"
    assert tm_map.main([str(model_dir), "1", "0.5", "0"]) == 0
    assert capsys.readouterr() == (beyond.out, "")


def test_it_names_the_models_of_a_folder_of_models(
    model_dir: Path, capsys: pytest.CaptureFixture[str]
):
    assert tm_map.main([str(model_dir.parent), "0.5", "0.5", "0.5"]) == 1
    said = capsys.readouterr().err
    assert said == f"error: {model_dir.parent}: not a model folder; name one of fm in it\n"


@pytest.mark.parametrize("text", ["0.1,x,0.3\n", "0.1,0.2\n", "0.1,nan,0.3\n"])
def test_it_names_the_line_that_is_wrong(
    text: str, model_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sys, "stdin", io.StringIO("0.1,0.2,0.3\n" + text))
    assert tm_map.main([str(model_dir)]) == 1
    assert "standard input, line 2" in capsys.readouterr().err


def test_it_refuses_what_is_no_number(model_dir: Path, capsys: pytest.CaptureFixture[str]):
    assert tm_map.main([str(model_dir), "0.5", "nan", "inf"]) == 1
    assert "a value is not finite; use numbers" in capsys.readouterr().err


ROWS = [[0.1, 0.2, 0.3], [0.5, 0.5, 0.5]]
COMMAS, DECIMAL_COMMAS = "0.1,0.2,0.3\n0.5,0.5,0.5\n", "0,1;0,2;0,3\r\n0,5;0,5;0,5\r\n"


@pytest.mark.parametrize(
    "content",
    [
        COMMAS.encode("utf-8-sig"),
        COMMAS.encode("utf-16"),
        b"\xfe\xff" + COMMAS.encode("utf-16-be"),
        DECIMAL_COMMAS.encode(),
        DECIMAL_COMMAS.replace(";", "\t").encode("utf-16"),
        COMMAS.replace("\n", "\r\n").strip().encode(),
    ],
    ids=[
        "BOM",
        "UTF-16",
        "UTF-16 BE",
        "semicolons",
        "Excel's Unicode text",
        "Windows",
    ],
)
def test_rows_are_read_as_spreadsheets_and_terminals_write_them(
    content: bytes,
    model_dir: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content), "cp437"))
    assert tm_map.main([str(model_dir)]) == 0
    rows = np.loadtxt(io.StringIO(capsys.readouterr().out), delimiter=",")
    expected = tm.load(model_dir / "timbremap", scale=None).forward(np.array(ROWS))
    assert rows == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (COMMAS.encode("utf-16-le"), "UTF-16 without a byte order mark; save it as UTF-8"),
        (b"0.1,0.2,0.3\n\xe4,1,2\n", "not UTF-8 text; save it as UTF-8"),
        (b"x,y,z\n", "line 1: 'x,y,z' is not a row of numbers; write 3 numbers with commas"),
        (b"0.1,0.2,0.3\n\n0.1 0.2 0.3\n", "line 3: '0.1 0.2 0.3' is not a row of numbers"),
        (b"0,1,0,2,0,3\n", "line 1: has 6 values; this model takes 3"),
        (b"nan,0,0\n", "line 1: 'nan,0,0' has a value that is not finite"),
        ("ä\x1b[2J,1,2".encode(), r"'ä\x1b[2J,1,2' is not a row"),
    ],
    ids=["UTF-16", "Latin-1", "header", "spaces", "decimal commas", "NaN", "control characters"],
)
def test_what_is_not_rows_is_said_in_a_line(
    content: bytes,
    said: str,
    model_dir: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content), "cp437"))
    assert tm_map.main([str(model_dir)]) == 1
    err = capsys.readouterr().err
    assert err.startswith("error: standard input")
    assert said in err
    assert err.count("\n") == 1


def test_each_row_is_answered_before_the_next_comes(model_dir: Path):
    run = subprocess.Popen(
        [command("tm-map"), str(model_dir)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert run.stdin and run.stdout
    for x in (0.2, 0.7):
        run.stdin.write(f"{x},0.5,0.5\n".encode())
        run.stdin.flush()
        answer = [float(word) for word in run.stdout.readline().split(b",")]
        expected = tm.load(model_dir / "timbremap", scale=None).forward([x, 0.5, 0.5])
        assert answer == pytest.approx(expected, rel=1e-4)
    run.communicate(timeout=30)
    assert run.returncode == 0

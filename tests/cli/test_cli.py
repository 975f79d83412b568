from __future__ import annotations

import argparse
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from timbremap_cli import _common, demo, features, generate, map, plot, train

import timbremap_runtime as tm
from tests.support.paths import LFO4, REPOSITORY
from timbremap_jax.data.engines.faust import FaustEngine
from timbremap_jax.data.patch import load_patch

CLONEWHEEL = REPOSITORY / "patches" / "additive" / "clonewheel"
Command = _common.Command
COMMANDS = [generate.main, features.main, train.main, plot.main, map.main, demo.main]


def test_a_model_folder_holds_what_it_should(model_dir: Path):
    names = {"timbremap", "checkpoint", "config.json", "metrics.json", "err_dist.png"}
    arrays = {"latent.npy", "latent_pca.npy", "latent_rows.npy", "labels.npy"}
    assert names | arrays <= {file.name for file in model_dir.iterdir()}
    metrics = json.loads((model_dir / "metrics.json").read_text())
    assert len(metrics["epochs"]) == 3
    assert set(metrics["test"]["parameters"]) == {"rate", "duty", "shape", "depth"}
    for part in (metrics["test"], metrics["training"], metrics["epochs"][-1]["test"]):
        assert set(part["parameters"]["rate"]) == {"mse", "mae", "spread"}
    assert max(metrics["round_trip"].values()) < 1e-9
    assert np.load(model_dir / "latent_pca.npy").shape == (60, 3)


def test_tm_map_there_and_back(model_dir: Path, capsys: pytest.CaptureFixture[str]):
    assert map.main([str(model_dir), "0.2", "0.5", "0.9"]) == 0
    p = capsys.readouterr().out.strip()
    assert len(p.split(",")) == 4
    assert map.main([str(model_dir / "timbremap"), "--inverse", *p.split(",")]) == 0
    back = [float(word) for word in capsys.readouterr().out.split(",")]
    # Six digits are printed.
    assert back == pytest.approx([0.2, 0.5, 0.9], abs=1e-4)


def test_tm_map_reads_rows_from_standard_input(
    model_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sys, "stdin", io.StringIO("0.1, 0.2, 0.3\n\n0.5,0.5,0.5\n"))
    assert map.main([str(model_dir), "--scale", "uniform"]) == 0
    rows = np.loadtxt(io.StringIO(capsys.readouterr().out), delimiter=",")
    mapping = tm.load(model_dir / "timbremap", scale="uniform")
    assert rows == pytest.approx(mapping.forward(np.array([[0.1, 0.2, 0.3], [0.5] * 3])), rel=1e-4)


def test_tm_map_plays_a_point_on_the_instrument_of_the_data_set(
    model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    wav = tmp_path / "point.wav"
    run = [str(model_dir), "0.2", "0.5", "0.9", "--wav", str(wav)]
    assert map.main(run) == 0
    p = [float(word) for word in capsys.readouterr().out.split(",")]
    samples, rate = soundfile.read(wav, dtype="float32")
    patch = load_patch(LFO4, "fm")
    expected = FaustEngine(patch).render(p, patch.note)
    assert rate == 44_100
    # Six digits are printed.
    assert samples == pytest.approx(expected, abs=1e-3)
    assert np.abs(samples).max() > 0.05
    assert map.main([*run, "--sustain", "1000", "--note", "69"]) == 0
    assert soundfile.info(wav).frames == round(1.05 * 44_100)


def test_tm_map_plays_a_point_on_an_instrument_that_is_named(
    model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    moved, wav = tmp_path / "fm", tmp_path / "point.wav"
    shutil.copytree(model_dir, moved)
    run = [str(moved), "0.2", "0.5", "0.9", "--wav", str(wav)]
    # Whatever became of its data set, it knows its instrument.
    assert map.main([*run, "--variant", "am"]) == 0
    wav.unlink()
    config = json.loads((moved / "config.json").read_text())
    config["instrument"]["patch_dir"] = "nowhere"
    (moved / "config.json").write_text(json.dumps(config))
    for options, error in (
        ([], "plays nowhere, which is not here: name its instrument with  --patch PATCH_DIR"),
        (["--patch", str(CLONEWHEEL)], "plays 4 parameters"),
        (["--patch", str(LFO4), "--release", "-1"], "release -1"),
    ):
        assert map.main([*run, *options]) == 1
        assert error in capsys.readouterr().err
        assert not wav.exists()
    assert map.main([*run, "--patch", str(LFO4), "--variant", "am"]) == 0
    assert soundfile.info(wav).frames > 10_000


def test_tm_map_plays_a_glide(
    model_dir: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    wav = tmp_path / "glide.wav"
    monkeypatch.setattr(sys, "stdin", io.StringIO("0.1,0.5,0.5\n0.9,0.2,0.4\n"))
    assert map.main([str(model_dir), "--wav", str(wav), "--sustain", "500"]) == 0
    path = np.loadtxt(io.StringIO(capsys.readouterr().out), delimiter=",")
    patch = load_patch(LFO4, "fm")
    expected = FaustEngine(patch).glide(path, patch.note.with_changes(sustain_ms=500))
    assert soundfile.read(wav, dtype="float32")[0] == pytest.approx(expected, abs=1e-3)
    monkeypatch.setattr(sys, "stdin", io.StringIO("0.1,0.5,0.5\n0.9,0.2,0.4\n"))
    pd = ["--patch", str(REPOSITORY / "patches" / "fm" / "fm2")]
    assert map.main([str(model_dir), "--wav", str(wav), *pd]) == 1
    assert "plays 4 parameters" in capsys.readouterr().err


def test_tm_map_says_that_there_was_no_point_to_play(
    model_dir: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n"))
    assert map.main([str(model_dir), "--wav", str(tmp_path / "x.wav")]) == 1
    assert capsys.readouterr().err == "error: standard input gave no point to play\n"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--wav", "x.wav", "--inverse", "1", "2", "3", "4"], "leave out --inverse"),
        (["--wav", "x.mp3", "0.5", "0.5", "0.5"], "x.mp3: give a name that ends in .wav"),
        (["--sustain", "1500", "0.5", "0.5", "0.5"], "name its file with  --wav FILE"),
        (["--wav", "nowhere/x.wav", "0.5", "0.5", "0.5"], "there is no folder nowhere"),
    ],
)
def test_tm_map_says_how_a_sound_is_asked_for(
    options: list[str], error: str, model_dir: Path, capsys: pytest.CaptureFixture[str]
):
    assert map.main([str(model_dir), *options]) == 1
    assert error in capsys.readouterr().err


def test_tm_map_says_that_a_value_is_beyond_the_end(
    model_dir: Path, capsys: pytest.CaptureFixture[str]
):
    assert map.main([str(model_dir), "50", "0.5", "-1"]) == 0
    beyond = capsys.readouterr()
    assert beyond.err == "note: values run from 0 to 1, 50 is taken for the nearest\n"
    assert map.main([str(model_dir), "1", "0.5", "0"]) == 0
    assert capsys.readouterr() == (beyond.out, "")


def test_tm_map_names_the_models_of_a_folder_of_models(
    model_dir: Path, capsys: pytest.CaptureFixture[str]
):
    assert map.main([str(model_dir.parent), "0.5", "0.5", "0.5"]) == 1
    said = capsys.readouterr().err
    assert said == f"error: {model_dir.parent}: this folder is no model: name one of fm in it\n"


@pytest.mark.parametrize("text", ["0.1,x,0.3\n", "0.1,0.2\n", "0.1,nan,0.3\n"])
def test_tm_map_names_the_line_that_is_wrong(
    text: str, model_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sys, "stdin", io.StringIO("0.1,0.2,0.3\n" + text))
    assert map.main([str(model_dir)]) == 1
    assert "standard input, line 2" in capsys.readouterr().err


def test_tm_map_refuses_what_is_no_number(model_dir: Path, capsys: pytest.CaptureFixture[str]):
    assert map.main([str(model_dir), "0.5", "nan", "inf"]) == 1
    assert "is not a number that can be mapped" in capsys.readouterr().err


@pytest.mark.parametrize("workers", ["0", "-1", "two"])
def test_a_number_of_workers_that_cannot_be_is_wrong_usage(
    workers: str, data_dir: Path, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit) as caught:
        features.main([str(data_dir), "--workers", workers])
    assert caught.value.code == 2
    assert "is not a whole number above zero" in capsys.readouterr().err


@pytest.mark.parametrize("main", [generate.main, train.main, map.main])
def test_wrong_usage_is_one_line(main: Command, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as caught:
        main(["here", "there", "--exmaples", "7"])
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.endswith("--help\n")
    assert said.count("\n") == 1


def test_a_misspelt_option_is_answered_with_the_right_one(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        generate.main(["here", "there", "--exmaples", "7"])
    assert "did you mean --examples?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "note"), [("A2", 45), ("c4", 60), ("F#3", 54), ("Bb-1", 10), ("45", 45), ("-3", -3)]
)
def test_notes_have_names(text: str, note: int):
    assert _common.pitch(text) == note


@pytest.mark.parametrize("text", ["H2", "A", "4.5", "A#b2", ""])
def test_what_is_no_note_is_said(text: str):
    with pytest.raises(argparse.ArgumentTypeError, match="is no note: give 0 to 127, or a name"):
        _common.pitch(text)


@pytest.mark.parametrize("main", COMMANDS)
def test_help_has_an_example(main: Command, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    help_text = capsys.readouterr().out
    assert "example:\n" in help_text
    assert "(default: None)" not in help_text


@pytest.mark.parametrize("kind", ["missing", "empty", "a file"])
@pytest.mark.parametrize(
    ("main", "before", "after"),
    [
        (generate.main, [], ["data"]),
        (features.main, [], []),
        (train.main, [], ["model"]),
        (plot.main, [], []),
        (map.main, [], ["0.5", "0.5", "0.5"]),
    ],
)
def test_a_wrong_folder_is_one_line(
    main: Command,
    before: list[str],
    after: list[str],
    kind: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "folder"
    if kind == "empty":
        folder.mkdir()
    elif kind == "a file":
        folder.write_text("no folder")
    assert main([*before, "folder", *after]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert "folder" in captured.err
    assert captured.err.count("\n") == 1
    assert not (tmp_path / "model").exists()
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("module", "package", "arguments"),
    [
        ("generate", "dawdreamer", [str(LFO4), "data"]),
        ("features", "librosa", ["DATA", "--mels", "64"]),
        ("train", "jax", ["DATA", "model"]),
    ],
)
def test_a_missing_extra_is_one_line_with_the_way_to_install_it(
    module: str, package: str, arguments: list[str], data_dir: Path, tmp_path: Path
):
    arguments = [str(data_dir) if word == "DATA" else word for word in arguments]
    code = (
        f"import sys; sys.modules[{package!r}] = None; "
        f"from timbremap_cli.{module} import main; sys.exit(main({arguments!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"{package} is not installed; run  pip install 'timbremap[" in done.stderr


def test_a_model_that_heard_nothing_is_called_so(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    copy = tmp_path / "data"
    shutil.copytree(data_dir, copy)
    features = np.load(copy / "features.npy")
    np.save(copy / "features.npy", np.broadcast_to(features[0], features.shape))
    run = ["--encoder", "cnn", "--epochs", "1", "--batch", "16", str(copy), str(tmp_path / "m")]
    assert train.main(run) == 0
    assert "answers the same to every sound" in capsys.readouterr().err

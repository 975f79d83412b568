from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from timbremap_cli import _common, demo, export, features, generate, map, plot, train

from tests.support.commands import COMMANDS
from tests.support.paths import LFO4, REPOSITORY

Command = _common.Command


def test_every_command_is_known_to_the_type_checker():
    stub = (REPOSITORY / "typings" / "timbremap_cli" / "__init__.pyi").read_text()
    here = {
        file.stem
        for file in (REPOSITORY / "cli").glob("*.py")
        if not file.stem.startswith("_") or file.stem == "_common"
    }
    assert set(re.findall(r"^from cli import (\w+) as \1$", stub, re.M)) == here


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


@pytest.mark.parametrize("workers", ["0", "-1", "two"])
def test_a_number_of_workers_that_cannot_be_is_wrong_usage(
    workers: str, data_dir: Path, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit) as caught:
        features.main([str(data_dir), "--workers", workers])
    assert caught.value.code == 2
    assert "is not a whole number above zero" in capsys.readouterr().err


@pytest.mark.parametrize("main", COMMANDS.values(), ids=COMMANDS)
def test_wrong_usage_is_one_line(main: Command, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as caught:
        main(["here", "there", "--exmaples", "7"])
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.endswith("--help\n")
    assert said.count("\n") == 1


@pytest.mark.parametrize("main", COMMANDS.values(), ids=COMMANDS)
def test_it_tells_its_version(main: Command, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out.split()[1:] == [metadata.version("timbremap")]


@pytest.mark.parametrize("seed", ["-1", str(2**32), str(2**63)])
@pytest.mark.parametrize("main", [generate.main, train.main])
def test_a_seed_that_cannot_be_is_wrong_usage(
    main: Command, seed: str, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit) as caught:
        main(["here", "there", "--seed", seed])
    assert caught.value.code == 2
    assert f"'{seed}' is not a seed; use a whole number from 0 to 4294967295" in (
        capsys.readouterr().err
    )


def test_a_misspelt_option_is_answered_with_the_right_one(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        generate.main(["here", "there", "--exmaples", "7"])
    assert "did you mean --examples?" in capsys.readouterr().err


@pytest.mark.parametrize("main", [*COMMANDS.values(), demo.main], ids=[*COMMANDS, "demo"])
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
        (export.main, [], ["--to", "c"]),
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
        ("features", "scipy", ["DATA", "--mels", "64"]),
        ("train", "jax", ["DATA", "model"]),
    ],
)
def test_a_missing_extra_is_one_line_with_the_way_to_install_it(
    module: str, package: str, arguments: list[str], data_dir: Path, tmp_path: Path
):
    arguments = [str(data_dir) if word == "DATA" else word for word in arguments]
    # Found before the one that is installed, by the processes that render too.
    (tmp_path / "without").mkdir()
    (tmp_path / "without" / f"{package}.py").write_text(
        f"raise ModuleNotFoundError(name={package!r})"
    )
    code = f"import sys; from timbremap_cli.{module} import main; sys.exit(main({arguments!r}))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "without")},
        check=False,
    )
    assert done.returncode == 1
    assert not (tmp_path / "data").exists() and not (tmp_path / "model").exists()
    assert done.stderr.count("\n") == 1
    assert f"{package} is not installed; run  pip install 'timbremap[" in done.stderr


@pytest.mark.slow
def test_a_model_that_heard_nothing_is_called_so(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    copy = tmp_path / "data"
    shutil.copytree(data_dir, copy)
    features = np.load(copy / "features.npy")
    np.save(copy / "features.npy", np.broadcast_to(features[0], features.shape))
    run = ["--encoder", "cnn", "--epochs", "1", "--batch", "16", str(copy), str(tmp_path / "m")]
    assert train.main(run) == 0
    assert "gives the same answer to every sound" in capsys.readouterr().err

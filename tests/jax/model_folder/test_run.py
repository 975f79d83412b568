"""What may begin or go on in which folder."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from timbremap_cli import encode, train

from timbremap_jax.data.lock import LOCK, OWNER, at_work_in

pytestmark = pytest.mark.slow

OPTIONS = ["--encoder", "cnn", "--epochs", "3", "--batch", "16"]
"""Those of the shared model."""


@pytest.fixture
def without_command(model_dir: Path, tmp_path: Path) -> Path:
    """A model of a version that did not keep the command."""
    folder = tmp_path / "earlier"
    shutil.copytree(model_dir, folder)
    config = json.loads((folder / "config.json").read_text())
    del config["command"], config["model_dir"]
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_variational_and_turned_is_the_default(model_dir: Path, data_dir: Path):
    # The shared model was asked for with --gen --pca.
    assert train.main([*OPTIONS, "--resume", str(data_dir), str(model_dir)]) == 0
    config = json.loads((model_dir / "config.json").read_text())
    assert config["training"]["generative"] is config["training"]["pca"] is True


def test_plain_and_not_turned_can_be_asked_for(data_dir: Path, tmp_path: Path):
    folder = tmp_path / "plain"
    options = ["--cnn", "--epochs", "1", "--batch", "16", "--no-gen", "--no-pca"]
    assert train.main([*options, str(data_dir), str(folder)]) == 0
    assert not (folder / "latent_pca.npy").exists()
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["epochs"][0]["training"]["kl"] == 0


def test_the_command_is_kept_as_it_was_typed(model_dir: Path, data_dir: Path):
    config = json.loads((model_dir / "config.json").read_text())
    typed = ["--encoder", "cnn", "--gen", "--pca", "--epochs", "3", "--batch", "16"]
    assert config["command"] == ["tm-train", *typed, str(data_dir), str(model_dir)]


def test_a_moved_run_is_named_as_it_is_called_now(
    model_dir: Path, data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "config.json").write_bytes((model_dir / "config.json").read_bytes())
    assert encode.main([str(tmp_path), "x.wav"]) == 1
    assert capsys.readouterr().err.endswith(f"{data_dir} {tmp_path} --resume\n")


def test_a_run_without_its_command_goes_on(
    without_command: Path, data_dir: Path, capsys: pytest.CaptureFixture[str]
):
    assert train.main([*OPTIONS, "--resume", str(data_dir), str(without_command)]) == 0
    assert "already trained" in capsys.readouterr().out
    (without_command / "metrics.json").unlink()
    assert encode.main([str(without_command), "x.wav"]) == 1
    assert capsys.readouterr().err == (
        f"error: {without_command}: training has not finished; run the tm-train command that"
        " began it once more, with --resume\n"
    )
    assert train.main([*OPTIONS, "--resume", str(data_dir), str(without_command)]) == 0
    assert (without_command / "metrics.json").is_file()


def test_a_run_without_a_checkpoint_gives_way(
    model_dir: Path, data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    folder = tmp_path / "m"
    folder.mkdir()
    (folder / "config.json").write_bytes((model_dir / "config.json").read_bytes())
    options = ["--cnn", "--epochs", "1", "--batch", "27", "--seed", "3"]
    assert train.main([*options, str(data_dir), str(folder)]) == 0
    assert json.loads((folder / "config.json").read_text())["training"]["seed"] == 3
    # One that has a checkpoint does not.
    (folder / "metrics.json").unlink()
    capsys.readouterr()
    assert train.main([*options, "--seed", "4", str(data_dir), str(folder)]) == 1
    assert "already holds a run that was stopped; go on with --resume" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--encoder", "cnm"], "encoder 'cnm': unknown; choose one of dnn, cnn, lstm"),
        (["--recipe", "best"], "recipe 'best': unknown; choose one of default, original"),
        (["--latent-size", "9"], "latent_size 9: larger than the number of parameters (3)"),
        (["--batch", "500"], "batch_size 500: larger than the number of training rows (36)"),
        (["--cnn", "--batch", "16"], "encoder cnn: needs at least 5 frames, these sounds have 4"),
    ],
)
def test_a_refused_setting_leaves_no_folder(
    options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    data = tmp_path / "data"
    data.mkdir()
    generator = np.random.default_rng(0)
    np.save(data / "features.npy", generator.random((40, 16, 4), np.float32))
    labels = generator.integers(0, 128, (40, 3))
    np.savetxt(data / "labels.csv", labels, fmt="%d", delimiter=",")
    assert train.main([*options, str(data), str(tmp_path / "model")]) == 1
    (error,) = [
        line for line in capsys.readouterr().err.splitlines() if not line.startswith("note: ")
    ]
    assert error.startswith(f"error: {message}")
    assert not (tmp_path / "model").exists()


def test_a_second_run_in_a_folder_says_who_is_at_work(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    folder = tmp_path / "m"
    with at_work_in(folder, ["tm-train", "data", "m"]):
        assert train.main([*OPTIONS, str(data_dir), str(folder)]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(f"error: {folder}: another run is at work in it (process {os.getpid()}")
    assert "tm-train data m" in error
    assert not folder.exists()


def test_a_run_that_was_killed_holds_nothing(data_dir: Path, tmp_path: Path):
    folder = tmp_path / "m"
    folder.mkdir()
    for name in (LOCK, OWNER):  # as it leaves them
        (folder / name).touch()
    assert train.main(["--cnn", "--epochs", "1", str(data_dir), str(folder)]) == 0


def test_a_folder_that_cannot_be_made_is_one_line(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "notes.txt").write_text("mine")
    folder = tmp_path / "notes.txt" / "model"
    assert train.main([*OPTIONS, str(data_dir), str(folder)]) == 1
    error = f"error: {folder}: is a file, or lies in one; choose another folder\n"
    assert capsys.readouterr().err.endswith(error)

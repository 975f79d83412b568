"""A training run that is stopped in any way goes on to the same end."""

from __future__ import annotations

import filecmp
import json
import shutil
import signal
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
import pytest
from flax import nnx
from timbremap_cli import train

from tests.support.once import make_once
from tests.support.paths import command
from timbremap_jax.data.dataset import load_dataset
from timbremap_jax.training.checkpoints import Checkpoints
from timbremap_jax.training.loop import Silence, Trained
from timbremap_jax.training.loop import train as train_model
from timbremap_jax.training.recipes import Recipe
from timbremap_jax.training.settings import TrainSettings

pytestmark = pytest.mark.slow

EPOCHS = 10
ARGUMENTS = ["--cnn", "--gen", "--pca", "--batch", "16", "--epochs", str(EPOCHS)]
EXPORTED = ["latent.npy", "latent_pca.npy", *(
    f"timbremap/{name}.npy"
    for name in ("vec_scale/mean", "pca_layer/weights", "dense_layer_0/weights")
)]  # fmt: skip


@pytest.fixture(scope="module")
def whole(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that was never stopped."""

    def make(folder: Path) -> None:
        subprocess.run([command("tm-train"), *ARGUMENTS, data_dir, folder], check=True)

    return make_once(tmp_path_factory, "whole", make)


@pytest.fixture
def finished(whole: Path, tmp_path: Path) -> Path:
    """A copy of it, to run commands on: other processes may do the same."""
    return shutil.copytree(whole, tmp_path / "finished")


def begin(data_dir: Path, folder: Path) -> subprocess.Popen[str]:
    """Start training and come back in the middle of it."""
    run = subprocess.Popen(
        [command("tm-train"), *ARGUMENTS, data_dir, folder],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert run.stdout
    for line in run.stdout:
        if line.startswith("epoch 3/"):
            return run
    raise AssertionError(run.stderr and run.stderr.read())


def go_on(data_dir: Path, folder: Path) -> None:
    subprocess.run([command("tm-train"), *ARGUMENTS, "--resume", data_dir, folder], check=True)


def assert_same(folder: Path, whole: Path) -> None:
    _, different, missing = filecmp.cmpfiles(whole, folder, EXPORTED, shallow=False)
    assert not different and not missing


def test_two_runs_give_identical_exports(data_dir: Path, whole: Path, tmp_path: Path):
    subprocess.run([command("tm-train"), *ARGUMENTS, data_dir, tmp_path / "m"], check=True)
    assert_same(tmp_path / "m", whole)


def test_a_killed_run_goes_on_to_the_same_weights(data_dir: Path, whole: Path, tmp_path: Path):
    run = begin(data_dir, tmp_path / "m")
    run.kill()
    run.communicate()
    assert not (tmp_path / "m" / "metrics.json").exists()
    go_on(data_dir, tmp_path / "m")
    assert_same(tmp_path / "m", whole)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_says_how_to_go_on(
    number: signal.Signals, data_dir: Path, whole: Path, tmp_path: Path
):
    run = begin(data_dir, tmp_path / "m")
    run.send_signal(number)
    _, said = run.communicate()
    assert run.returncode == 130
    words = " ".join(["tm-train", *ARGUMENTS, str(data_dir), str(tmp_path / "m"), "--resume"])
    assert f"stopped and saved; go on with  {words}" in said
    go_on(data_dir, tmp_path / "m")
    assert_same(tmp_path / "m", whole)


def test_a_checkpoint_cut_short_gives_way_to_the_one_before(
    data_dir: Path, whole: Path, tmp_path: Path
):
    run = begin(data_dir, tmp_path / "m")
    run.kill()
    run.communicate()
    steps = sorted(
        (p for p in (tmp_path / "m" / "checkpoint").iterdir() if p.name.isdigit()),
        key=lambda p: int(p.name),
    )
    assert len(steps) == 2
    for file in (steps[-1] / "model").rglob("*"):
        if file.is_file():
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    go_on(data_dir, tmp_path / "m")
    assert_same(tmp_path / "m", whole)


def test_a_finished_run_stays_as_it_is(
    data_dir: Path, finished: Path, capsys: pytest.CaptureFixture[str]
):
    before = (finished / "metrics.json").read_bytes()
    assert train.main([*ARGUMENTS, "--resume", str(data_dir), str(finished)]) == 0
    assert "already trained" in capsys.readouterr().out
    assert train.main([*ARGUMENTS, str(data_dir), str(finished)]) == 1
    assert (
        "already holds a trained model; choose another folder, or remove it"
        in capsys.readouterr().err
    )
    assert (finished / "metrics.json").read_bytes() == before


def test_a_finished_run_is_given_more_epochs(data_dir: Path, finished: Path):
    def metrics() -> dict[str, Any]:
        return json.loads((finished / "metrics.json").read_text())

    before, latent = metrics(), np.load(finished / "latent.npy")
    more = [*ARGUMENTS, "--epochs", str(EPOCHS + 2)]
    assert train.main([*more, "--resume", str(data_dir), str(finished)]) == 0
    after = metrics()
    assert [epoch["epoch"] for epoch in after["epochs"]] == list(range(1, EPOCHS + 3))
    assert after["epochs"][:EPOCHS] == before["epochs"]
    assert not np.array_equal(np.load(finished / "latent.npy"), latent)
    config = json.loads((finished / "config.json").read_text())
    assert config["training"]["epochs"] == EPOCHS + 2
    assert config["epochs_before"] == [EPOCHS]
    assert config["command"] == ["tm-train", *more, str(data_dir), str(finished)]
    # Once more with the same number, it stays as it is.
    assert train.main([*more, "--resume", str(data_dir), str(finished)]) == 0
    assert metrics() == after


def test_a_run_without_its_checkpoint_cannot_become_longer(
    data_dir: Path, finished: Path, capsys: pytest.CaptureFixture[str]
):
    shutil.rmtree(finished / "checkpoint")
    more = [*ARGUMENTS, "--epochs", "20", "--resume", str(data_dir), str(finished)]
    assert train.main(more) == 1
    assert "has no checkpoint to go on from" in capsys.readouterr().err
    assert (finished / "metrics.json").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (["--seed", "1"], "seed 0, now 1"),
        (["--epochs", "9"], "epochs 10, now 9"),
        (["--epochs", "11", "--seed", "1"], "(seed 0, now 1)"),
        (["--recipe", "original"], "recipe default, now original"),
        (["--latent-size", "2"], "latent_size 3, now 2"),
    ],
)
def test_a_run_of_other_settings_is_refused(
    change: list[str],
    said: str,
    data_dir: Path,
    finished: Path,
    capsys: pytest.CaptureFixture[str],
):
    assert train.main([*ARGUMENTS, *change, "--resume", str(data_dir), str(finished)]) == 1
    error = capsys.readouterr().err
    assert "holds another run" in error
    assert said in error


def test_a_run_on_other_data_is_refused(
    data_dir: Path, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    shutil.copytree(data_dir, tmp_path / "moved")
    assert train.main([*ARGUMENTS, "--resume", str(tmp_path / "moved"), str(finished)]) == 0
    (tmp_path / "moved" / "partition.npy").unlink()  # made anew: from the same seed, the same
    assert train.main([*ARGUMENTS, "--resume", str(tmp_path / "moved"), str(finished)]) == 0
    (tmp_path / "moved" / "partition.npy").unlink()
    capsys.readouterr()
    again = [*ARGUMENTS, "--seed", "1", "--resume", str(tmp_path / "moved"), str(finished)]
    assert train.main(again) == 1
    assert "labels_and_partition" in capsys.readouterr().err


def test_a_folder_of_something_else_is_refused(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "notes.txt").write_text("mine")
    for option in ([], ["--resume"]):
        assert train.main([*ARGUMENTS, *option, str(data_dir), str(tmp_path)]) == 1
        assert (
            "already exists but is not a model folder; choose another folder"
            in capsys.readouterr().err
        )
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]


# 54 rows make three steps an epoch: the eighth step spoils the weights for the ninth, the ninth
# for the test sounds.
@pytest.mark.parametrize(("step", "where"), [(7, "epoch 3, step 3"), (8, "epoch 3;")])
def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_checkpoint(
    step: int,
    where: str,
    data_dir: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    def wild(recipe: Recipe, n_steps: int) -> optax.GradientTransformation:
        return optax.adam(optax.piecewise_constant_schedule(1e-3, {step: 1e23}))

    monkeypatch.setattr(Recipe, "gradient_transformation", wild)
    folder = tmp_path / "m"
    assert train.main([*ARGUMENTS, str(data_dir), str(folder)]) == 1
    error = capsys.readouterr().err
    assert f"the loss became NaN or infinite in {where}" in error
    assert f"the last good checkpoint is kept in {folder / 'checkpoint'}" in error
    assert {file.name for file in (folder / "checkpoint").iterdir()} == {"3", "6"}
    assert not (folder / "metrics.json").exists()


class StopAt(Silence):
    """Stops a run behind a step of an epoch."""

    def __init__(self, epoch: int, step: int):
        self.where, self.here = (epoch, step), (0, 0)

    def stepped(self, epoch: int, step: int, n_steps: int) -> None:
        self.here = (epoch, step)

    def should_stop(self) -> bool:
        return self.here == self.where


def assert_same_end(one: Trained, other: Trained) -> None:
    assert len(one.history) == len(other.history)
    for a, b in zip(one.history, other.history, strict=True):
        assert a.training == b.training
        assert a.test == b.test
    for a, b in zip(*(jax.tree.leaves(nnx.state(t.model)) for t in (one, other)), strict=True):
        assert np.array_equal(a, b)


def test_a_run_goes_on_from_the_middle_of_an_epoch(data_dir: Path, tmp_path: Path):
    dataset = load_dataset(data_dir)
    settings = TrainSettings("lstm", epochs=3, batch_size=16)
    checkpoints = Checkpoints(tmp_path / "checkpoint")
    for place in ((1, 2), (2, 1), (2, 3)):
        assert not train_model(dataset, settings, checkpoints, StopAt(*place)).finished
    parts = train_model(dataset, settings, checkpoints)
    whole = train_model(dataset, settings)
    assert len(whole.history) == 3
    assert_same_end(parts, whole)


def test_a_longer_run_goes_on_too(data_dir: Path, tmp_path: Path):
    dataset = load_dataset(data_dir)
    short = TrainSettings("cnn", epochs=1, batch_size=16)
    longer = replace(short, epochs=3)

    def begun(name: str) -> Checkpoints:
        checkpoints = Checkpoints(tmp_path / name)
        train_model(dataset, short, checkpoints)
        return checkpoints

    checkpoints = begun("stopped")
    assert not train_model(dataset, longer, checkpoints, StopAt(2, 2)).finished
    parts = train_model(dataset, longer, checkpoints)
    assert len(parts.history) == 3
    assert_same_end(parts, train_model(dataset, longer, begun("whole")))

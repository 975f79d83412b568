"""The trained models that come with the instruments."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import soundfile
from timbremap_cli import map as tm_map

import timbremap_runtime as tm
from tests.support.paths import REPOSITORY
from timbremap_jax.data.audio.sounds import find_fault
from timbremap_jax.data.engines.faust import FaustEngine
from timbremap_jax.data.patch import load_patch
from timbremap_runtime.service.library import Library

PATCHES = REPOSITORY / "patches"
MODELS = {
    "subtractive/lfo4": ["am", "fcm", "fm", "pwm", "universal"],
    "additive/clonewheel": ["clonewheel"],
}
EVERY = [(folder, name) for folder, names in MODELS.items() for name in names]
LARGEST = 50_000
"""Bytes of a mapping: it is text, and git keeps it."""


@pytest.fixture(params=EVERY, ids=lambda case: case[1])
def model(request: pytest.FixtureRequest) -> tuple[Path, str]:
    folder, name = request.param
    return PATCHES / folder, name


@pytest.mark.parametrize("folder", MODELS)
def test_all_are_there_by_name(folder: str):
    library = Library(PATCHES / folder / "models")
    assert library.names() == MODELS[folder]
    patch = load_patch(PATCHES / folder)
    for name in library.names():
        assert library.load(name).parameter_names == patch.parameter_names


def test_it_knows_its_instrument(
    model: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """From the root of the repository, a point is heard without a word more."""
    monkeypatch.chdir(REPOSITORY)
    folder, name = model
    wav = tmp_path / "point.wav"
    point = ["0.2", "0.8", "0.5"]
    assert tm_map.main([str(folder / "models" / name), *point, "--wav", str(wav)]) == 0
    assert find_fault(soundfile.read(wav)[0].astype(np.float32)) is None


def test_it_plays_and_comes_back(model: tuple[Path, str]):
    folder, name = model
    patch = load_patch(folder, name if name in load_patch(folder).variants else None)
    mapping = tm.load(folder / "models" / name / "timbremap")
    assert (mapping.control_size, mapping.parameter_size) == (3, len(patch.parameters))
    engine = FaustEngine(patch)
    points = np.array([*product((0.05, 0.95), repeat=3), (0.5, 0.5, 0.5)])
    played = mapping.forward(points)
    assert np.abs(mapping.inverse(played) - points).max() < 1e-9
    for values in played:
        sound = engine.render(values.tolist(), patch.note)
        assert find_fault(sound) is None
    # The corners of the pad are as many sounds.
    distances = np.abs(played[:, None] - played).max(axis=2) + 127 * np.eye(len(played))
    assert distances.min() > 10


def test_little_of_the_pad_plays_nothing_but_ends(model: tuple[Path, str]):
    folder, name = model
    mapping = tm.load(folder / "models" / name / "timbremap")
    points = np.random.default_rng(0).uniform(size=(10_000, 3))
    played = mapping.forward(points)
    assert np.mean((played < 0.5) | (played > 126.5)) < 0.1
    there_and_back = np.abs(mapping.inverse(played) - points).max(axis=1)
    assert np.mean(there_and_back > 1e-6) < 1e-3


def test_it_is_as_good_as_its_page_says(model: tuple[Path, str]):
    folder, name = model
    config, metrics = (
        json.loads((folder / "models" / name / f"{file}.json").read_text())
        for file in ("config", "metrics")
    )
    n_sounds = config["data"]["n_sounds"]
    assert n_sounds >= {"clonewheel": 30_000, "universal": 40_000}.get(name, 10_000)
    page = (folder / "models" / "README.md").read_text(encoding="utf-8")
    row = next(line for line in page.splitlines() if line.startswith(f"| [{name}]"))
    assert f"| {n_sounds} | {metrics['test']['mse']:.0f} |" in row
    assert f"models/{folder.name}/{name}\n" in page
    assert (folder / "models" / name / "latent.png").is_file()
    # Answering with the mean is off by the variance of the integers 0 to 127.
    assert metrics["test"]["mse"] < 0.75 * (128**2 - 1) / 12


def test_it_is_small(model: tuple[Path, str]):
    folder, name = model
    files = (folder / "models" / name / "timbremap").rglob("*")
    assert sum(file.stat().st_size for file in files if file.is_file()) < LARGEST

"""The trained models that come with the instruments."""

from __future__ import annotations

import json
import re
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from timbremap_cli import map as tm_map

import timbremap_runtime as tm
from tests.support.paths import PATCHES, REPOSITORY
from timbremap_jax.data.audio.sounds import find_fault
from timbremap_jax.data.engines.faust import FaustEngine
from timbremap_jax.data.features.mel import FeatureSettings, MelSpectrogram
from timbremap_jax.data.patch import load_patch
from timbremap_jax.report.measures import distances, evenness, log_mel
from timbremap_jax.report.plan import make_plan
from timbremap_jax.report.settings import ReportSettings
from timbremap_jax.report.subject import open_subject
from timbremap_runtime.service.library import Library

pytestmark = pytest.mark.slow

MODELS = {
    "subtractive/lfo4": ["am", "fcm", "fm", "pwm", "universal"],
    "additive/clonewheel": ["clonewheel"],
}
EVERY = [(folder, name) for folder, names in MODELS.items() for name in names]
FILES = ("config", "metrics")
LARGEST = 50_000
"""Bytes of a mapping: it is text, and git keeps it."""


def read(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text(encoding="utf-8"))


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


def test_its_page_tells_what_was_measured_in_training(model: tuple[Path, str]):
    folder, name = model
    config, metrics = (read(folder / "models" / name / f"{file}.json") for file in FILES)
    n_sounds = config["data"]["n_sounds"]
    assert n_sounds >= {"clonewheel": 30_000, "universal": 40_000}.get(name, 10_000)
    page = (folder / "models" / "README.md").read_text(encoding="utf-8")
    row = next(line for line in page.splitlines() if line.startswith(f"| [{name}]"))
    assert f"| {n_sounds} | {metrics['test']['mse']:.0f} |" in row
    assert f"models/{folder.name}/{name}\n" in page
    assert (folder / "models" / name / "latent.png").is_file()
    # Answering with the mean is off by the variance of the integers 0 to 127.
    assert metrics["test"]["mse"] < 0.75 * (128**2 - 1) / 12


def test_its_pad_moves_each_parameter_as_far_as_its_page_tells(model: tuple[Path, str]):
    """Measured on the map: points all over the pad play what the model answered to sounds.

    Sounds lie in the latent space as a cloud with edges, points of the pad as a normal
    distribution without: parameters that are heard well are driven further into their ends, by up
    to a third.
    """
    folder, name = model
    told = read(folder / "models" / name / "metrics.json")["test"]["parameters"]
    mapping = tm.load(folder / "models" / name / "timbremap")
    points = np.random.default_rng(0).uniform(size=(10_000, 3))
    spread = mapping.forward(points).std(axis=0) / np.sqrt((128**2 - 1) / 12)
    for measured, (parameter, figures) in zip(spread, told.items(), strict=True):
        assert figures["spread"] - 0.05 < measured < 1.4 * figures["spread"], parameter


def test_points_of_its_pad_sound_as_different_as_random_settings(model: tuple[Path, str]):
    folder, name = model
    patch = load_patch(folder, name if name in load_patch(folder).variants else None)
    engine = FaustEngine(patch)
    transform = MelSpectrogram(FeatureSettings(n_mels=64, hop_length=512))

    def variety(settings: NDArray[np.float64]) -> float:
        """Mean difference of two sounds, in nepers over all bands and frames."""
        sounds = [engine.render(values.tolist(), patch.note) for values in settings]
        levels = [np.log(transform(sound) + 1e-3) for sound in sounds]
        return float(np.mean([np.abs(a - b).mean() for a, b in combinations(levels, 2)]))

    generator = np.random.default_rng(0)
    mapping = tm.load(folder / "models" / name / "timbremap")
    played = mapping.forward(generator.uniform(size=(30, 3)))
    rolled = generator.integers(0, 127, played.shape, endpoint=True).astype(float)
    assert variety(played) > 0.8 * variety(rolled)


def test_it_sounds_as_its_page_says(model: tuple[Path, str], monkeypatch: pytest.MonkeyPatch):
    """Some sounds of its report are rendered again, and the page shows the report's figures."""
    monkeypatch.chdir(REPOSITORY)
    folder, name = model
    shipped = json.loads((folder / "models" / name / "listening.json").read_text(encoding="utf-8"))
    figures = shipped["figures"]
    page = (folder / "models" / "README.md").read_text(encoding="utf-8")
    (row,) = (line for line in page.splitlines() if line.startswith(f"| {name} |"))
    means = [figures[key]["mean"] for key in ("preset", "middle", "random_pair", "coverage")]
    shown = [float(number) for number in re.findall(r"\d+\.\d\d", row)]
    assert shown == [round(mean, 2) for mean in [*means, figures["library"]["mean"]]]
    assert f"| {figures['steps']['evenness']:.0%} (" in row

    settings = ReportSettings(**shipped["settings"])
    subject = open_subject(folder / "models" / name, settings)
    groups = make_plan(subject, settings)
    engine, transform = FaustEngine(subject.patch), MelSpectrogram(subject.features)

    def sounds(group: str, count: int) -> np.ndarray:
        rendered = [engine.render(v.tolist(), subject.note) for v in groups[group].values[:count]]
        return log_mel(np.array([transform(s) for s in rendered]), figures["floor"]["mel_power"])

    each = figures["each"]["preset"]
    # Another processor's arithmetic may round a filter otherwise.
    apart = distances(sounds("test", len(each)), sounds("preset", len(each)))
    assert apart == pytest.approx(each, rel=0.02, abs=0.01)
    steps = sounds("steps", 4 * 40)
    steps = steps.reshape(40, 4, *steps.shape[1:])
    sizes = distances(steps[:, 1:], steps[:, :1])
    # 40 points of the report's 200.
    assert sizes.mean() == pytest.approx(figures["steps"]["mean_db"], rel=0.3)
    assert evenness(sizes) == pytest.approx(figures["steps"]["evenness"], rel=0.3)


def test_it_is_small(model: tuple[Path, str]):
    folder, name = model
    files = (folder / "models" / name / "timbremap").rglob("*")
    assert sum(file.stat().st_size for file in files if file.is_file()) < LARGEST

"""A proxy that was trained knows the synth."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from timbremap_jax.data.dataset import load_dataset
from timbremap_jax.model.proxy import in_blocks
from timbremap_jax.model_folder.read import open_model
from timbremap_jax.training.loop import train
from timbremap_jax.training.proxy import train_proxy
from timbremap_jax.training.recipes import RECIPES
from timbremap_jax.training.settings import TrainSettings

N_SOUNDS = 600


@pytest.fixture
def two_bands(tmp_path: Path) -> Path:
    """A synth of two bands: one gets louder with a parameter, a switch says in which half."""
    generator = np.random.default_rng(0)
    labels = np.stack(
        [generator.integers(0, 128, N_SOUNDS), 127 * generator.integers(0, 2, N_SOUNDS)], axis=1
    )
    power = np.full((N_SOUNDS, 8, 6), 1e-3, np.float32)
    level = 10.0 ** (labels[:, 0] / 127 * 3 - 3)
    for row, (loud, (_, switch)) in enumerate(zip(level, labels, strict=True)):
        power[row, 4 * (switch > 0) : 4 * (switch > 0) + 4] = loud
    np.save(tmp_path / "features.npy", power)
    np.save(tmp_path / "labels.npy", labels.astype(np.float32))
    return tmp_path


@pytest.mark.slow
def test_a_proxy_says_what_parameters_sound_like(two_bands: Path):
    dataset = load_dataset(two_bands)
    passes: list[tuple[int, int]] = []
    proxy, report = train_proxy(dataset, 0, lambda *step: passes.append(step))
    assert proxy.steps == (0, 2)
    assert passes[-1] == (len(passes), len(passes))
    assert report.r2 > 0.97
    assert report.db < 1.0
    # Parameters that no row has.
    sound = np.asarray(proxy(np.array([[90.5, 0.0], [90.5, 127.0]])))
    level = 10 * (90.5 / 127 * 3 - 3)
    assert sound[0, :4].mean() == pytest.approx(level, abs=1.5)
    assert sound[1, 4:].mean() == pytest.approx(level, abs=1.5)
    assert sound[0, 4:].mean() == pytest.approx(-30, abs=1.5)


@pytest.mark.slow
def test_coefficients_measure_distance_in_units_of_that_from_the_mean_sound(two_bands: Path):
    dataset = load_dataset(two_bands)
    proxy, _ = train_proxy(dataset, 0)
    power = dataset.read(dataset.training_rows)
    heard = proxy.hear(power)
    assert np.mean(heard**2) == pytest.approx(1.0, rel=0.02)
    blocks = in_blocks(power, float(proxy.floor[...]))
    # Two numbers decide these sounds, so the components leave nothing out.
    assert np.asarray(proxy.log_mel(jnp.asarray(heard))) == pytest.approx(blocks, abs=0.05)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_proxy(two_bands: Path):
    dataset = load_dataset(two_bands)
    first, again, other = (train_proxy(dataset, seed)[0].arrays() for seed in (0, 0, 1))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["last.kernel"], other["last.kernel"])


@pytest.mark.slow
def test_a_recipe_that_listens_answers_what_is_heard_most(tmp_path: Path):
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 128, (N_SOUNDS, 2))
    # The first parameter is worth 4 dB in two bands, the second 40 dB in two others: for the
    # squared error one is as good as the other.
    power = np.ones((N_SOUNDS, 8, 6), np.float32)
    power[:, :2] = (10.0 ** (0.4 * labels[:, 0] / 127))[:, None, None]
    power[:, 4:6] = (10.0 ** (4.0 * labels[:, 1] / 127 - 4.0))[:, None, None]
    np.save(tmp_path / "features.npy", power)
    np.save(tmp_path / "labels.npy", labels.astype(np.float32))
    dataset = load_dataset(tmp_path)
    settings = TrainSettings("cnn", generative=False, latent_size=1, epochs=12)
    recipe = replace(RECIPES["default"], proxy=True, listen_weight=3000.0)
    test = train(dataset, settings, recipe=recipe).history[-1].test
    quiet, loud = (error["mse"] for error in test["parameters"].values())
    assert loud < 0.1 * quiet
    assert 0.0 < test["heard"] < 3.0


@pytest.mark.slow
def test_a_model_folder_keeps_its_proxy_and_says_how_good_it_is(model_dir: Path, data_dir: Path):
    proxy = open_model(model_dir).proxy
    assert proxy is not None
    dataset = load_dataset(data_dir)
    rows = dataset.test_rows
    true = in_blocks(dataset.read(rows), float(proxy.floor[...]))
    db = float(np.abs(np.asarray(proxy(dataset.labels[rows])) - true).mean())
    metrics = json.loads((model_dir / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["proxy"]["db"] == pytest.approx(db, rel=1e-3)

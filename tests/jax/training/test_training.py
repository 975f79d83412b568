from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from tests.support.paths import LFO4
from timbremap_jax.data.dataset import load_dataset
from timbremap_jax.data.features.compute import compute_features
from timbremap_jax.data.features.settings import FeatureSettings
from timbremap_jax.data.patch import load_patch
from timbremap_jax.data.render.generate import generate
from timbremap_jax.data.render.sampling import GenerateSettings
from timbremap_jax.model.encoders import LSTM, Latent
from timbremap_jax.model.regressor import Regressor, play
from timbremap_jax.model_folder.export import export_mapping, principal_axes
from timbremap_jax.training.loop import train
from timbremap_jax.training.objective import (
    END_DRIVE,
    overdrive,
    spread_loss,
    squared_error,
)
from timbremap_jax.training.prepare import untrained_model
from timbremap_jax.training.settings import TrainSettings
from timbremap_runtime.errors import SettingsError


@pytest.fixture(scope="module")
def small_data_dir(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same sounds with few bands and frames, so that the dense encoder is small."""
    folder = tmp_path_factory.mktemp("small") / "fm"
    shutil.copytree(data_dir, folder)
    compute_features(folder, FeatureSettings(n_mels=16, hop_length=1024))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("encoder", ["dnn", "cnn", "lstm"])
@pytest.mark.parametrize("generative", [False, True])
def test_every_encoder_learns(small_data_dir: Path, encoder: str, generative: bool):
    dataset = load_dataset(small_data_dir)
    n_epochs = 100 if encoder == "dnn" else 20  # at a tenth of the rate
    settings = TrainSettings(encoder, generative, epochs=n_epochs, batch_size=16)
    history = train(dataset, settings).history
    assert history[-1].training["mse"] < 0.9 * history[0].training["mse"]


@pytest.mark.slow
def test_an_lstm_hears_notes_with_a_silent_end(tmp_path: Path):
    generate(load_patch(LFO4, "fm"), tmp_path, GenerateSettings(400))
    compute_features(tmp_path, FeatureSettings(n_mels=16, hop_length=512))
    features = np.load(tmp_path / "features.npy")
    np.save(tmp_path / "features.npy", np.pad(features, ((0, 0), (0, 0), (0, 60))))
    settings = TrainSettings("lstm", generative=True, epochs=6, batch_size=16)
    history = train(load_dataset(tmp_path), settings).history
    # With forget gates that all start open at sigmoid(1), 0.00.
    assert float(history[-1].test["spread"]) > 0.1


def test_gates_of_the_original_recipe_start_as_keras_has_them():
    def bias(recipe: str) -> np.ndarray:
        settings = TrainSettings("lstm", recipe=recipe)
        body = untrained_model(settings, (16, 104), 4).encoder.body
        assert isinstance(body, LSTM)
        return np.asarray(body.recurrent.bias[...])

    assert np.array_equal(bias("original"), np.repeat([0.0, 1.0, 0.0, 0.0], 128))
    assert bias("default")[128:256].max() > 4  # exp(4) = 55 frames


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights(data_dir: Path):
    dataset = load_dataset(data_dir)
    settings = TrainSettings("lstm", generative=True, epochs=1, batch_size=16, seed=5)
    first, second = (train(dataset, settings).model for _ in range(2))
    assert np.array_equal(first.regressor.dense.kernel[...], second.regressor.dense.kernel[...])
    other = train(dataset, dataclasses.replace(settings, seed=6)).model
    assert not np.array_equal(first.regressor.dense.kernel[...], other.regressor.dense.kernel[...])


def test_more_controls_than_parameters_are_refused(data_dir: Path):
    with pytest.raises(
        SettingsError,
        match=r"latent_size 5: larger than the number of parameters \(4\); use 4 or less",
    ):
        train(load_dataset(data_dir), TrainSettings(latent_size=5))


def test_a_batch_larger_than_the_data_is_refused(data_dir: Path):
    with pytest.raises(
        SettingsError,
        match=r"batch_size 100: larger than the number of training rows \(54\); use 54",
    ):
        train(load_dataset(data_dir), TrainSettings(batch_size=100))


def test_kl_divergence_has_the_closed_form():
    latent = Latent(
        jnp.array([[0.0, 0.0], [1.0, 2.0]]), jnp.array([[0.0, 0.0], [0.0, jnp.log(4.0)]])
    )
    # Half of (mean^2 + variance - 1 - log variance), summed.
    expected = [0.0, 0.5 * 1.0 + 0.5 * (4.0 + 4.0 - 1.0 - np.log(4.0))]
    assert latent.kl_divergence() == pytest.approx(expected, rel=1e-6)


def test_spread_loss_is_the_difference_of_deviations():
    generator = np.random.default_rng(0)
    true = generator.normal(64, (30.0, 30.0, 30.0), (4000, 3))
    predicted = (true - 64) * (1.0, 0.5, 0.0) + 64
    expected = [0.0, 15.0**2, 30.0**2]
    assert spread_loss(jnp.asarray(predicted), jnp.asarray(true)) == pytest.approx(
        expected, rel=0.1, abs=1e-3
    )


def test_spread_loss_with_a_reach_asks_for_no_more_than_is_known():
    generator = np.random.default_rng(0)
    true = generator.normal(64, 30.0, (4000, 3))
    noise = generator.normal(0, 30.0, (4000, 3))
    # Known and too narrow; known and too wide; answered by chance.
    predicted = np.stack([0.5 * true[:, 0], 2.0 * true[:, 1], 0.1 * noise[:, 2]], axis=1)
    found = spread_loss(jnp.asarray(predicted), jnp.asarray(true), reach=1.5)
    assert found == pytest.approx([15.0**2, 0.0, 0.0], rel=0.1, abs=0.5)
    # Little is known: the more of it, the more is asked for.
    predicted = 0.04 * true[:, :1] + 0.1 * noise[:, :1]
    correlation = np.corrcoef(predicted[:, 0], true[:, 0])[0, 1]
    asked = 1.5 * correlation * true[:, 0].std()
    found = spread_loss(jnp.asarray(predicted), jnp.asarray(true[:, :1]), reach=1.5)
    assert 0.3 < correlation < 0.5
    assert float(found[0]) == pytest.approx((asked - predicted.std()) ** 2, rel=0.01)


def test_spread_loss_has_a_slope_where_predictions_are_all_the_same():
    slope = jax.grad(lambda p: spread_loss(p, jnp.arange(8.0)[:, None]).sum())(jnp.ones((8, 1)))
    assert np.isfinite(slope).all()


def test_a_drive_costs_nothing_until_its_parameter_rounds_to_an_end():
    assert np.rint(play(jnp.array([END_DRIVE + 0.01, -END_DRIVE - 0.01]))).tolist() == [127, 0]
    assert np.rint(play(jnp.array([END_DRIVE - 0.01, 0.01 - END_DRIVE]))).tolist() == [126, 1]
    drives = jnp.array([[0.0, END_DRIVE, -END_DRIVE], [END_DRIVE + 2, -END_DRIVE - 3, 1.0]])
    assert overdrive(drives) == pytest.approx(np.array([[0, 0, 0], [4.0, 9.0, 0]]), abs=1e-4)


def test_squared_error_does_not_broadcast():
    with pytest.raises(ValueError, match="predicted has shape"):
        squared_error(jnp.zeros((4, 3)), jnp.zeros((4, 1)))


def test_principal_axes_are_ordered_orthonormal_and_have_one_sign():
    generator = np.random.default_rng(0)
    points = (
        generator.normal(size=(500, 3))
        * (1.0, 5.0, 2.0)
        @ np.linalg.qr(generator.normal(size=(3, 3)))[0]
    )
    axes = principal_axes(points)
    assert np.abs(axes.axes.T @ axes.axes - np.eye(3)).max() < 1e-12
    assert np.all(np.diff(axes.project(points).std(axis=0)) < 0)
    again = principal_axes(points[::-1])
    assert np.abs(axes.axes - again.axes).max() < 1e-9


@pytest.mark.parametrize("pca", [False, True])
def test_the_exported_mapping_says_what_the_regressor_says(pca: bool):
    regressor = Regressor(3, 9, rngs=nnx.Rngs(0))
    latent = np.random.default_rng(0).normal(1, 2, (400, 3)).astype(np.float32)
    mapping = export_mapping(regressor, latent, principal_axes(latent) if pca else None)
    c = np.random.default_rng(1).uniform(0.01, 0.99, (50, 3))
    trace = mapping.trace(c)
    expected = np.asarray(regressor(jnp.asarray(trace.z, jnp.float32)))
    assert np.abs(trace.p - expected).max() < 1e-4 * 127
    # Half of the sounds lie on each side of the middle of every axis: C is uniform over them.
    assert np.abs(mapping.trace(np.full(3, 0.5)).z - latent.mean(axis=0)).max() < 1e-5

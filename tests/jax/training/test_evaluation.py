from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from timbremap_cli import train

from timbremap_jax.training.evaluation import parameter_errors, spread_ratio, summarize


def test_spread_ratio_is_that_of_the_deviations():
    true = np.array([0.0, 20, 40, 127])
    assert spread_ratio(0.25 * true + 3, true) == pytest.approx(0.25)
    assert spread_ratio(np.full(4, 60.0), true) == 0.0


@pytest.mark.parametrize("n_sounds", [1, 40])
def test_a_parameter_without_deviation_has_no_spread_ratio(n_sounds: int):
    generator = np.random.default_rng(0)
    true = generator.uniform(0, 127, (n_sounds, 2)).astype(np.float32)
    true[:, 1] = 64.1
    errors = summarize(parameter_errors(true + 2, true, ("cutoff", "fixed")))
    assert errors["parameters"]["fixed"]["spread"] is None
    assert errors["parameters"]["fixed"]["mae"] == pytest.approx(2)
    if n_sounds == 1:  # a single sound has no deviation either
        assert errors["spread"] is None
    else:
        assert errors["spread"] == pytest.approx(1)
    json.dumps(errors, allow_nan=False)


@pytest.mark.slow
def test_one_test_sound_is_no_collapse(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    data = tmp_path / "data"
    data.mkdir()
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 128, (12, 2))
    heard = np.exp(labels[:, :, None] / 16.0 - 8.0)  # two bands, one as loud as each parameter
    np.save(data / "features.npy", np.repeat(heard, 8, axis=2).astype(np.float32))
    np.savetxt(data / "labels.csv", labels, fmt="%d", delimiter=",")
    options = ["--cnn", "--epochs", "20", "--batch", "4", "--latent-size", "2"]
    assert train.main([*options, str(data), str(tmp_path / "m")]) == 0
    said = capsys.readouterr()
    assert "only 1 test sound: these errors say little" in said.err
    assert "same answer" not in said.err
    assert "spread" not in said.out
    metrics = json.loads((tmp_path / "m" / "metrics.json").read_text())
    assert metrics["test"]["spread"] is None
    assert metrics["training"]["spread"] > 0.05

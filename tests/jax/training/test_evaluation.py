from __future__ import annotations

import json

import numpy as np
import pytest

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

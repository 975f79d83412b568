from __future__ import annotations

import numpy as np
import pytest

from timbremap_jax.data.augment import GAIN_DB, GONE, as_recorded


def sounds(n: int = 64) -> np.ndarray:
    """Sounds with a loud low half and nothing above, as rendered ones are."""
    power = np.zeros((n, 32, 20), np.float32)
    power[:, :16] = np.random.default_rng(0).uniform(0.1, 100.0, (n, 16, 20))
    return power


def test_a_share_is_changed_and_the_others_are_what_they_were():
    power = sounds(400)
    before = power.copy()
    changed = as_recorded(power, 0.25, np.random.default_rng(0))
    assert np.array_equal(power, before)
    assert changed.dtype == np.float32
    assert changed.shape == power.shape
    same = (changed == power).all(axis=(1, 2))
    assert 0.65 < same.mean() < 0.85  # 300 of 400, give or take five deviations
    assert np.array_equal(as_recorded(power, 0.0, np.random.default_rng(0)), power)


def test_the_same_seed_gives_the_same_change():
    first, second, other = (
        as_recorded(sounds(), 0.5, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_what_comes_out_is_the_power_of_a_recording():
    power = sounds()
    changed = as_recorded(power, 1.0, np.random.default_rng(0))
    assert np.isfinite(changed).all()
    assert (changed > 0.0).all()  # there is noise wherever nothing was
    loudest = power.max(axis=(1, 2))
    gain = changed.max(axis=(1, 2)) / loudest
    lowest, highest = (10.0 ** (db / 10.0) for db in GAIN_DB)
    assert gain.min() >= 0.99 * lowest
    assert gain.max() <= 1.01 * highest
    # Noise stays under the sound, so that what the label says can still be heard.
    assert (changed[:, 16:].max(axis=(1, 2)) < 1e-3 * changed.max(axis=(1, 2))).all()


def test_bands_are_cut_and_quiet_parts_left_out():
    power = np.ones((200, 32, 20), np.float32)
    power[:, 31] = 1e-5
    changed = as_recorded(power, 1.0, np.random.default_rng(0))
    share = changed[:, 24] / changed[:, 4]
    cut = (share < 0.1).all(axis=1).mean()
    assert cut == pytest.approx(0.25, abs=0.12)  # every second one, at half of the bands or more
    assert GONE < 1e-6

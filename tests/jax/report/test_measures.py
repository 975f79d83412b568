"""The measures by hand: every expected value is worked out beside it, or computed the slow way."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata

from timbremap_jax.report import measures
from timbremap_runtime.errors import SettingsError, ShapeError


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(3)


def test_the_floor_lies_80_db_below_the_loudest_value():
    power = np.array([[[0.5, 200.0], [3.0, 0.0]]], np.float32)
    assert measures.floor_below(power) == pytest.approx(2e-6)  # 200 / 10^8
    assert measures.floor_below(power, 30.0) == pytest.approx(0.2)


def test_silence_gives_no_floor():
    with pytest.raises(SettingsError, match="silent, so they give no floor"):
        measures.floor_below(np.zeros((1, 2, 2)))


def test_log_mel_is_in_db_with_the_floor_added():
    power = np.array([[[0.0, 9.0], [99.0, 0.9]]])
    expected = [[[0.0, 10.0], [20.0, 10.0 * np.log10(1.9)]]]
    assert measures.log_mel(power, 1.0) == pytest.approx(np.array(expected), abs=1e-5)
    with pytest.raises(SettingsError, match="floor is 0"):
        measures.log_mel(power, 0.0)


def test_a_distance_is_the_mean_over_bands_and_frames():
    a = np.array([[[0.0, 1.0], [2.0, 3.0]], [[0.0, 0.0], [0.0, 0.0]]])
    b = np.array([[[0.0, 3.0], [0.0, 3.0]], [[1.0, -1.0], [2.0, 4.0]]])
    assert measures.distances(a, b).tolist() == [1.0, 2.0]  # (0+2+2+0)/4, (1+1+2+4)/4
    assert measures.distances(a, a).tolist() == [0.0, 0.0]
    assert measures.distances(a, b[1]).tolist() == [1.0, 2.0]  # (1+2+0+1)/4: one against many


def test_two_vibratos_with_one_average_differ():
    slow, fast = np.zeros((1, 8)), np.zeros((1, 8))
    slow[0, :4], fast[0, ::2] = 10.0, 10.0
    assert slow.mean() == fast.mean()
    assert measures.distances(slow, fast) == pytest.approx(5.0)


@pytest.mark.parametrize("shape", [(128, 104), (20, 7), (9, 1)])
def test_nearest_is_what_a_search_through_all_finds(
    generator: np.random.Generator, shape: tuple[int, int]
):
    # Smooth sounds, as real ones are, and one candidate twice.
    steps = generator.normal(size=(70, *shape)).astype(np.float32)
    sounds = np.cumsum(np.cumsum(steps, axis=1), axis=2) / 5.0
    candidates = np.concatenate([sounds[30:], sounds[40:41], sounds[2:3] + 0.5])
    found, index = measures.nearest(sounds[:30], candidates)
    for row, sound in enumerate(sounds[:30]):
        everywhere = [np.abs(sound.astype(np.float64) - c).mean() for c in candidates]
        assert index[row] == np.argmin(everywhere)
        assert found[row] == pytest.approx(min(everywhere), rel=1e-5)


def test_nearest_of_equals_is_the_first(generator: np.random.Generator):
    sounds = generator.normal(size=(3, 16, 16)).astype(np.float32)
    found, index = measures.nearest(sounds, np.concatenate([sounds, sounds]))
    assert (found.tolist(), index.tolist()) == ([0.0] * 3, [0, 1, 2])
    with pytest.raises(ShapeError, match="no candidates"):
        measures.nearest(sounds, sounds[:0])


def test_summary_of_known_numbers():
    assert measures.summary(np.arange(11.0)) == {"mean": 5.0, "median": 5.0, "p90": 9.0}
    assert measures.summary(np.array([0.0, 0.0, 3.0])) == pytest.approx(
        {"mean": 1.0, "median": 0.0, "p90": 2.4}
    )


def test_evenness_is_deviation_over_mean():
    assert measures.evenness(np.full(5, 0.7)) == 0.0
    assert measures.evenness(np.array([1.0, 3.0])) == 0.5  # deviation 1, mean 2
    assert measures.evenness(10.0 * np.array([1.0, 3.0])) == 0.5  # whatever the unit
    with pytest.raises(SettingsError, match="no step changes the sound"):
        measures.evenness(np.zeros(3))


def test_dead_steps_are_below_a_tenth_of_the_mean():
    steps = np.array([0.0, 0.09, 0.11, 1.0, 1.0, 1.0, 1.0, 1.0, 1.9, 2.9])  # mean 1.0
    assert steps.mean() == pytest.approx(1.0)
    assert measures.dead_share(steps) == 0.2


def test_a_straight_line_is_smooth_and_linear():
    line = np.arange(9.0)[:, None, None] * np.array([[1.0, -2.0], [0.5, 0.0]])
    assert measures.smoothness(line[None]) == pytest.approx(0.0, abs=1e-12)
    assert measures.nonlinearity(line[None]) == pytest.approx(0.0, abs=1e-6)


def test_a_bent_line_by_hand():
    # 0, 1, 4: the second difference is 2; the straight way has 2 where the line has 1.
    line = np.array([0.0, 1.0, 4.0])[:, None, None] * np.ones((2, 3))
    assert measures.smoothness(line) == pytest.approx(2.0)
    assert measures.nonlinearity(line) == pytest.approx(np.sqrt(1.0 / 3.0))
    # Beside a straight line, both are the root of the mean of the squares.
    two = np.stack([line, 0.0 * line])
    assert measures.smoothness(two) == pytest.approx(np.sqrt(2.0))
    assert measures.nonlinearity(two) == pytest.approx(np.sqrt(1.0 / 6.0))


def test_a_line_needs_three_steps():
    for measure in (measures.smoothness, measures.nonlinearity):
        with pytest.raises(ShapeError, match="at least 3 steps"):
            measure(np.zeros((2, 4, 4)))


def test_proportion_is_the_correlation_of_ranks(generator: np.random.Generator):
    assert measures.proportion([1, 2, 3, 4], [10, 20, 30, 1000]) == pytest.approx(1.0)
    assert measures.proportion([1, 2, 3, 4], [4, 3, 2, 1]) == pytest.approx(-1.0)
    # Ranks 1 2 3 4 and 1 3 2 4: 1 - 6 . 2 / (4 . 15)
    assert measures.proportion([1, 2, 3, 4], [1, 3, 2, 4]) == pytest.approx(0.8)
    moved = generator.uniform(size=50)
    heard = moved + generator.normal(0.0, 0.3, 50)
    by_hand = np.corrcoef(rankdata(moved), rankdata(heard))[0, 1]
    assert measures.proportion(moved, heard) == pytest.approx(by_hand)
    assert measures.proportion([1, 2, 3], [0, 0, 0]) == 0.0
    with pytest.raises(ShapeError, match="one of each a pair"):
        measures.proportion([1, 2], [1, 2, 3])


def test_audibility_is_the_mean_change():
    before = np.zeros((2, 2, 2))
    after = np.stack([np.full((2, 2), 3.0), np.full((2, 2), -1.0)])
    assert measures.audibility(before, after) == 2.0


def test_answering_the_mean_gives_an_error_ratio_of_one(generator: np.random.Generator):
    true = generator.integers(0, 128, (200, 4)).astype(np.float64)
    true[:, 3] = 64.0
    answered = true.copy()
    answered[:, 1] = true[:, 1].mean()
    answered[:, 2] += 2.0 * np.std(true[:, 2])
    assert measures.error_ratio(answered, true) == pytest.approx(np.array([0.0, 1.0, 4.0, 0.0]))
    with pytest.raises(ShapeError, match="give both as"):
        measures.error_ratio(answered[:, :2], true)


def test_speed_is_the_length_of_the_gradient():
    # L = 3 x + 4 y on a grid of 0.5 and 0.25: 3 dB a unit along x, 4 along y.
    x, y = np.meshgrid([0.0, 0.5, 1.0], [0.0, 0.25], indexing="ij")
    grid = (3.0 * x + 4.0 * y)[..., None, None] * np.ones((2, 2))
    assert measures.speeds(grid, (0.5, 0.25)) == pytest.approx(np.full((2, 1), 5.0))
    assert measures.speeds(grid[:, :1], (0.5, 1.0)) == pytest.approx(np.full((2, 1), 3.0))


def test_what_is_no_sound_is_refused():
    good = np.zeros((4, 8, 8))
    with pytest.raises(ShapeError, match="give spectrograms"):
        measures.distances(np.zeros(8), good)
    with pytest.raises(ShapeError, match="same length"):
        measures.distances(good, np.zeros((4, 8, 9)))
    for bad in (np.nan, -np.inf):
        broken = good.copy()
        broken[2, 3, 4] = bad
        with pytest.raises(SettingsError, match="without a floor"):
            measures.validate(good, broken)

"""The even scale is measured by what is heard."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import timbremap_runtime as tm
from tests.support.maps import random_map
from timbremap_jax.model_folder.even import (
    END,
    LEAST,
    MOST_ROOM,
    STEP,
    measure_even,
    with_even_scale,
)
from timbremap_jax.model_folder.read import open_model
from timbremap_jax.report.measures import evenness
from timbremap_runtime.core.gaussian import cdf
from timbremap_runtime.core.types import Scale
from timbremap_runtime.core.warp import Warp

MAP = tm.TimbreMap(
    tm.VecScale([0.0, 0.0], [1.0, 1.0], [-3.0, -3.0], [6.0, 6.0]),
    [tm.DenseLayer([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], [0.0, 0.0, 0.0])],
)
"""Of which each coordinate is one parameter."""


def bright(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
    """A synth whose level, in dB, is the cube of its first parameter; the others are not heard."""
    level = (parameters[:, 0] / 127.0) ** 3 * 40.0
    return np.broadcast_to(level[:, None, None], (len(level), 2, 3))


def on(mapping: tm.TimbreMap, scale: Scale, axis: int) -> NDArray[np.float64]:
    """Sounds along an axis of the pad, from END to 1 - END."""
    layer = mapping.vec_scale.with_scale(scale)
    points = np.full((19, mapping.control_size), 0.5)
    points[:, axis] = np.linspace(END, 1.0 - END, 19)
    return bright(tm.TimbreMap(layer, mapping.dense, mapping.pca).forward(points))[:, 0, 0]


def test_equal_steps_change_the_sound_equally():
    scale = MAP.vec_scale.with_even(measure_even(MAP, bright))
    mapping = tm.TimbreMap(scale, MAP.dense)
    normal, even = (np.diff(on(mapping, scale, 0)) for scale in ("normal", "even"))
    assert normal.std() / normal.mean() > 0.5
    # What is left: pieces are straight, and where hardly anything is heard a step counts as more.
    assert even.std() / even.mean() < 0.2
    # Both ends of what is measured stay where they are, to within a straight piece.
    for place in (0, -1):
        before, after = (on(mapping, scale, 0)[place] for scale in ("normal", "even"))
        assert after == pytest.approx(before, abs=0.75)


def test_an_axis_that_nothing_is_heard_of_is_walked_in_equal_steps():
    knots = measure_even(MAP, bright)[1]
    middle = np.diff(knots[(knots > 2 * END) & (knots < 1.0 - 2 * END)])
    np.testing.assert_allclose(middle, middle.mean(), rtol=1e-9)


def test_no_stretch_is_passed_over_at_once():
    def click(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(parameters[:, :1, None] > 80.0, 30.0, 0.0)

    slopes = np.diff(measure_even(MAP, click)[0])
    assert slopes.min() > 0.0
    assert slopes.max() / slopes[20:44].min() < 30.0 / LEAST


@pytest.mark.slow
def test_training_finds_it_through_the_proxy(model_dir: Path):
    proxy = open_model(model_dir).proxy
    assert proxy is not None
    maps = [tm.load(model_dir, scale) for scale in ("normal", "even")]

    def variation(mapping: tm.TimbreMap) -> float:
        start = np.random.default_rng(7).uniform(END, 1.0 - END - STEP, (400, 1, 3))
        points = start + STEP * np.concatenate([np.zeros((1, 3)), np.eye(3)])
        sounds = np.asarray(proxy(mapping.forward(points.reshape(-1, 3)))).reshape(400, 4, -1)
        return evenness(np.abs(sounds[:, 1:] - sounds[:, :1]).mean(axis=-1))

    normal, even = map(variation, maps)
    assert even < 0.95 * normal
    # It is what the same seed gives again, and chooses no scale.
    again = with_even_scale(maps[0], proxy)
    assert again.scale == "normal"
    knots, expected = again.vec_scale.even, maps[1].vec_scale.even
    assert knots is not None and expected is not None
    np.testing.assert_allclose(knots, expected, rtol=0, atol=1e-4)
    # No stretch is given more than so many times the room of another, beside the normal scale.
    factor = np.diff(knots) / np.diff(cdf(Warp(knots).grid))
    assert (factor.max(axis=1) / factor.min(axis=1)).max() <= 1.001 * MOST_ROOM**2
    metrics = json.loads((model_dir / "metrics.json").read_text())
    assert metrics["round_trip"]["even"] < 1e-9


def test_it_hears_each_axis_once_and_is_the_same_again():
    mapping = random_map(np.random.default_rng(0), (3, 9))
    heard: list[int] = []

    def hear(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        heard.append(len(parameters))
        return parameters[:, :, None] / 10.0

    knots = measure_even(mapping, hear)
    assert len(heard) == 3
    assert knots.shape == (3, 65)
    np.testing.assert_array_equal(knots, measure_even(mapping, hear))
    # The scale that is chosen says nothing about the measuring.
    uniform = tm.TimbreMap(mapping.vec_scale.with_scale("uniform"), mapping.dense, mapping.pca)
    np.testing.assert_array_equal(knots, measure_even(uniform, hear))
    assert not np.array_equal(knots, measure_even(mapping, hear, seed=1))

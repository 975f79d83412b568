from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from timbremap_jax.model.proxy import Proxy, blocks_of, find_steps, in_blocks, inputs


def test_blocks_are_means_of_decibels_over_whole_bands_and_frames():
    power = np.full((2, 128, 104), 1e-3, np.float32)
    power[0, :2, :4] = 1.0
    power[1, 2:4, 4:8] = 10.0
    blocks = in_blocks(power, 0.0)
    assert blocks.shape == (2, 64, 26)
    assert blocks[0, 0, 0] == pytest.approx(0.0, abs=1e-4)
    assert blocks[1, 1, 1] == pytest.approx(10.0, abs=1e-4)
    assert np.delete(blocks[0].ravel(), 0) == pytest.approx(-30.0, abs=1e-3)


@pytest.mark.parametrize("shape", [(7, 5), (64, 26), (65, 27), (100, 51)])
def test_blocks_of_any_size_hold_every_frame_and_band(shape: tuple[int, int]):
    power = np.random.default_rng(0).uniform(0.1, 10, (3, *shape)).astype(np.float32)
    blocks = in_blocks(power, 0.0)
    assert blocks.shape[1:] == blocks_of(shape)
    for axis, count in enumerate(blocks.shape[1:], start=1):
        moved = power.copy()
        np.moveaxis(moved, axis, 0)[-1] *= 10  # the last of them is heard, in the last block
        change = np.abs(in_blocks(moved, 0.0) - blocks).max(axis=(0, 3 - axis))
        assert np.flatnonzero(change > 1e-3).tolist() == [count - 1]


def test_the_floor_is_what_silence_comes_to():
    assert in_blocks(np.zeros((1, 2, 2), np.float32), 1e-4) == pytest.approx(-40.0, abs=1e-4)


def test_columns_that_hold_only_the_positions_of_a_switch_are_switches():
    generator = np.random.default_rng(0)
    labels = np.stack(
        [
            generator.integers(0, 128, 200),
            np.round(generator.integers(0, 5, 200) * 127 / 4),
            generator.integers(0, 2, 200) * 127,
            generator.integers(0, 5, 200),  # 0 to 4 of 127 are not the positions of a switch
            np.full(200, 64),
        ],
        axis=1,
    )
    assert find_steps(labels) == (0, 5, 2, 0, 0)


def test_a_switch_is_given_as_its_positions_and_in_part_between_them():
    given = inputs(jnp.array([[0.0], [127.0], [127.0 * 0.375]]), (5,))
    assert np.asarray(given) == pytest.approx(
        np.array([[1, 0, 0, 0, 0], [0, 0, 0, 0, 1], [0, 0.5, 0.5, 0, 0]]), abs=1e-5
    )


def test_a_proxy_is_made_again_from_its_arrays():
    proxy = Proxy((0, 3), (16, 12), 8, rngs=nnx.Rngs(0))
    generator = np.random.default_rng(0)
    proxy.mean[...] = jnp.asarray(generator.normal(size=192), jnp.float32)
    proxy.components[...] = jnp.asarray(generator.normal(size=(8, 192)), jnp.float32)
    parameters = generator.uniform(0, 127, (5, 2))
    again = Proxy.from_arrays(proxy.arrays())
    assert proxy(parameters).shape == (5, 16, 12)
    assert np.array_equal(again(parameters), proxy(parameters))
    assert not np.array_equal(proxy(parameters), proxy(127 - parameters))

from __future__ import annotations

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from timbremap_jax.model.lstm import LastState, last_state

# Of the largest entry of an array: both sides add the same single-precision products, each rounded
# by 6e-8, in another order; entries near zero are differences of far larger ones.
TOLERANCE = 1e-5

SHAPES = [  # n_frames, batch, input_size, n_units
    (104, 32, 128, 128),
    (7, 5, 3, 4),
    (6, 1, 3, 4),
    (1, 4, 3, 4),
    (1, 1, 1, 1),
]


def problem(n_frames: int, batch: int, input_size: int, n_units: int):
    """Arguments of `last_state`, and a weight for each number it gives."""
    generator = np.random.default_rng(0)

    def normal(*shape: int, scale: float = 1.0) -> jax.Array:
        return jnp.asarray(generator.normal(0.0, scale, shape), jnp.float32)

    arguments = (
        normal(n_frames, batch, input_size),
        normal(input_size, 4 * n_units, scale=input_size**-0.5),
        normal(n_units, 4 * n_units, scale=n_units**-0.5),
        normal(4 * n_units),
    )
    return arguments, normal(batch, n_units)


def plain(x: jax.Array, w: jax.Array, u: jax.Array, b: jax.Array) -> jax.Array:
    """The formula frame by frame, for autodiff to differentiate."""

    def step(carry, x_t):
        h, c = carry
        i, f, g, o = jnp.split(x_t @ w + h @ u + b, 4, axis=-1)
        c = nnx.sigmoid(f) * c + nnx.sigmoid(i) * jnp.tanh(g)
        return (nnx.sigmoid(o) * jnp.tanh(c), c), None

    start = jnp.zeros((x.shape[1], u.shape[0]))
    return jax.lax.scan(step, (start, start), x)[0][0]


def gradient_of(function):
    def loss(arguments, weight):
        return jnp.sum(function(*arguments) * weight)

    return jax.jit(jax.grad(loss))


def gradients(function, arguments, weight):
    return gradient_of(function)(arguments, weight)


def assert_close(actual, expected):
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype
    assert np.abs(actual - expected).max() <= TOLERANCE * np.abs(expected).max()


def test_lstm_is_its_formula():
    lstm = LastState(3, 4, rngs=nnx.Rngs(0))
    x = np.random.default_rng(0).normal(size=(2, 5, 3)).astype(np.float32)
    w, u, b = (
        np.asarray(p[...], np.float64)
        for p in (lstm.input_kernel, lstm.recurrent_kernel, lstm.bias)
    )
    h = c = np.zeros((2, 4))
    for t in range(5):
        i, f, g, o = np.split(x[:, t] @ w + h @ u + b, 4, axis=-1)
        sigmoid = [1 / (1 + np.exp(-gate)) for gate in (i, f, o)]
        c = sigmoid[1] * c + sigmoid[0] * np.tanh(g)
        h = sigmoid[2] * np.tanh(c)
    assert np.abs(lstm(jnp.asarray(x)) - h).max() < 1e-5  # single precision over five steps


@pytest.mark.slow
def test_memories_are_spread_over_the_sequence():
    lstm = LastState(3, 1000, rngs=nnx.Rngs(0))
    lstm.init_chrono(104, nnx.Rngs(1))
    i, f, g, o = np.split(np.asarray(lstm.bias[...], np.float64), 4)
    frames = 1 + np.exp(f)  # a gate of 1 - 1 / T forgets in T frames
    assert 2 <= frames.min() < 5 and 101 < frames.max() <= 104
    assert frames.mean() == pytest.approx(53, abs=3)  # of 1000 uniform draws, deviation 0.9
    assert np.array_equal(i, -f)
    assert not g.any() and not o.any()


def test_one_frame_has_nothing_to_remember():
    lstm = LastState(3, 4, rngs=nnx.Rngs(0))
    lstm.init_chrono(1, nnx.Rngs(1))
    assert not np.asarray(lstm.bias[...]).any()


def test_a_silent_end_does_not_hide_the_beginning():
    x = np.zeros((190, 1, 8), np.float32)
    x[0] = np.random.default_rng(0).normal(size=8)

    def heard(lstm: LastState) -> float:
        """How far the last state tells what the first frame was."""
        weights = lstm.input_kernel[...], lstm.recurrent_kernel[...], lstm.bias[...]
        return float(
            jnp.abs(last_state(jnp.asarray(x), *weights) - last_state(0 * x, *weights)).max()
        )

    lstm = LastState(8, 64, rngs=nnx.Rngs(0))
    open_gates = heard(lstm)
    lstm.init_chrono(190, nnx.Rngs(1))
    assert heard(lstm) > 100 * open_gates


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_value_is_that_of_a_plain_scan(shape: tuple[int, int, int, int]):
    arguments, _ = problem(*shape)
    assert_close(jax.jit(last_state)(*arguments), plain(*arguments))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_gradients_are_those_of_autodiff(shape: tuple[int, int, int, int]):
    arguments, weight = problem(*shape)
    ours = gradients(last_state, arguments, weight)
    theirs = gradients(plain, arguments, weight)
    for actual, expected in zip(ours, theirs, strict=True):
        assert_close(actual, expected)


def test_gates_driven_to_their_ends_have_finite_gradients():
    (x, w, u, b), weight = problem(7, 5, 3, 4)
    for gradient in gradients(last_state, (1e6 * x, w, u, b), weight):
        assert np.isfinite(gradient).all()


@pytest.mark.slow
def test_a_batch_divided_among_devices_has_the_same_gradients():
    # The number of devices is settled once a process, so this needs one of its own.
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "JAX_NUM_CPU_DEVICES": "4"}
    done = subprocess.run([sys.executable, __file__], env=environment, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


def check_on_several_devices() -> None:
    from timbremap_jax.backend.devices import batch_sharding, replicated

    assert len(jax.devices()) == 4
    for batch, n_devices in ((8, 4), (6, 3), (5, 1)):
        (x, *weights), weight = problem(7, batch, 3, 4)
        expected = last_state(x, *weights), *gradients(plain, (x, *weights), weight)
        sharding = batch_sharding(batch)
        assert sharding.mesh.size == n_devices
        # Frames come first in x, so it is divided as it comes out of the encoder.
        divided = jax.device_put(x.swapaxes(0, 1), sharding).swapaxes(0, 1)
        weights = jax.device_put(weights, replicated(sharding))
        weight = jax.device_put(weight, sharding)
        # Devices meet to add gradients; gathering activations would have each do all the work.
        lowered = gradient_of(last_state).lower((divided, *weights), weight)
        compiled = lowered.compile().as_text() or ""
        assert ("all-reduce" in compiled) == (n_devices > 1)
        assert "all-gather" not in compiled
        actual = (
            jax.jit(last_state)(divided, *weights),
            *gradients(last_state, (divided, *weights), weight),
        )
        again = gradients(last_state, (divided, *weights), weight)
        for first, second in zip(actual[1:], again, strict=True):
            assert np.array_equal(first, second)
        for ours, theirs in zip(actual, expected, strict=True):
            assert len(ours.sharding.device_set) == n_devices
            assert_close(np.asarray(ours), np.asarray(theirs))


if __name__ == "__main__":
    check_on_several_devices()

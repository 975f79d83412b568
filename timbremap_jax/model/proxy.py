"""A proxy of the synth: from parameters to what they sound like, without the synth.

A sound is its log-mel spectrogram in dB, averaged over blocks of bands and frames. The network
gives its coefficients on the principal components of the sounds that it learned from.

    parameters -> inputs (sines, positions of switches) -> 3 x 512 GELU -> coefficients -> log-mel

A synth is not smooth in its parameters: the phase of an oscillator that swings with their product
turns many times. Sines of each parameter let a network of this size follow it (Tancik et al.,
2020, "Fourier features let networks learn high frequency functions in low dimensional domains").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from numpy.typing import NDArray

from timbremap_runtime.core.types import PARAMETER_MAX

N_BANDS, N_FRAMES = 64, 26
"""Blocks along each side of a spectrogram, at most."""

N_COMPONENTS = 256
"""Principal components, at most. They hold 96.8 % (lfo4 fm) to 99.9 % of the variance."""

N_SINES = 8
"""Half periods of the fastest sine over a parameter's range."""

WIDTH = 512

MOST_STEPS = 32
"""Positions beyond which a switch is as good as continuous."""


class Fixed(nnx.Variable[jax.Array]):
    """An array that belongs to the proxy and is not trained by gradients."""


class Proxy(nnx.Module):
    """Parameters to log-mel.

    Parameters
    ----------
    steps : tuple of int
        For each of the n parameters, the number of positions of a switch; 0 if it is continuous.
    input_shape : tuple of int
        Mel bands and frames of the spectrograms that it learns from.
    n_components : int
        k, principal components.
    rngs : nnx.Rngs
        Source of the initial weights.
    """

    def __init__(
        self,
        steps: tuple[int, ...],
        input_shape: tuple[int, int],
        n_components: int,
        *,
        rngs: nnx.Rngs,
    ):
        self.steps, self.input_shape = steps, input_shape
        self.shape = blocks_of(input_shape)
        n_inputs = sum(count or 1 + 2 * N_SINES for count in steps)
        he = nnx.initializers.he_normal()
        self.first = nnx.Linear(n_inputs, WIDTH, kernel_init=he, rngs=rngs)
        self.second = nnx.Linear(WIDTH, WIDTH, kernel_init=he, rngs=rngs)
        self.third = nnx.Linear(WIDTH, WIDTH, kernel_init=he, rngs=rngs)
        self.last = nnx.Linear(WIDTH, n_components, rngs=rngs)
        size = self.shape[0] * self.shape[1]
        self.mean = Fixed(jnp.zeros(size))
        self.components = Fixed(jnp.zeros((n_components, size)))
        self.unit = Fixed(jnp.ones(()))
        self.floor = Fixed(jnp.ones(()))

    def coefficients(self, parameters: jax.Array | NDArray[np.floating]) -> jax.Array:
        """Say what parameters sound like, in coefficients.

        The mean over sounds and coefficients of their square is 1. So the mean squared difference
        of two sounds' coefficients is their squared distance in dB, divided by the squared
        distance of any sound from the mean sound.

        Parameters
        ----------
        parameters : Array, shape (N, n)
            0..127.

        Returns
        -------
        Array, shape (N, k)
        """
        x = nnx.gelu(self.first(inputs(parameters, self.steps)))
        return self.last(nnx.gelu(self.third(nnx.gelu(self.second(x)))))

    def log_mel(self, coefficients: jax.Array) -> jax.Array:
        """Turn coefficients (N, k) into log-mel in dB, (N, bands, frames) of blocks."""
        flat = self.mean[...] + self.unit[...] * coefficients @ self.components[...]
        return flat.reshape(len(flat), *self.shape)

    @property
    def deviation(self) -> float:
        """Deviation of a block's level over the sounds that it learned from, in dB."""
        n_components, size = self.components[...].shape
        return float(self.unit[...]) * (n_components / size) ** 0.5

    def distance(self, a: jax.Array, b: jax.Array | NDArray[np.floating]) -> jax.Array:
        """Measure how far sounds are from each other, beside how much all sounds differ.

        Parameters
        ----------
        a, b : Array, shape (N, k)
            Coefficients of both.

        Returns
        -------
        Array, shape (N,)
            The mean of |L_a - L_b| over all blocks, divided by `deviation`.
        """
        components = self.components[...]
        n_components, size = components.shape
        return jnp.mean(jnp.abs((a - b) @ components), axis=1) / np.sqrt(n_components / size)

    def __call__(self, parameters: jax.Array | NDArray[np.floating]) -> jax.Array:
        """Say what parameters sound like: (N, n), 0..127, to log-mel in dB, (N, bands, frames)."""
        return _sound(*nnx.split(self), jnp.asarray(parameters, jnp.float32))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all that it is, for `from_arrays`."""
        flat = nnx.to_flat_state(nnx.state(self))
        arrays = {".".join(map(str, path)): np.asarray(each[...]) for path, each in flat}
        return {
            **arrays,
            "steps": np.array(self.steps, np.int64),
            "input_shape": np.array(self.input_shape, np.int64),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Proxy:
        """Make the proxy that `arrays` was asked of."""
        n_mels, n_frames = arrays["input_shape"].tolist()
        proxy = cls(
            tuple(arrays["steps"].tolist()),
            (n_mels, n_frames),
            len(arrays["components"]),
            rngs=nnx.Rngs(0),
        )
        for path, each in nnx.to_flat_state(nnx.state(proxy)):
            each[...] = jnp.asarray(arrays[".".join(map(str, path))])
        return proxy

    def hear(self, power: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give the coefficients (N, k) of real sounds, from mel power (N, n_mels, n_frames)."""
        blocks = in_blocks(power, float(self.floor[...])).reshape(len(power), -1)
        components = np.asarray(self.components[...])
        heard = (blocks - np.asarray(self.mean[...])) @ components.T
        return heard / np.float32(self.unit[...])


@jax.jit(static_argnums=0)
def _sound(graph: Any, state: Any, parameters: jax.Array) -> jax.Array:
    proxy = nnx.merge(graph, state)
    return proxy.log_mel(proxy.coefficients(parameters))


def inputs(parameters: jax.Array | NDArray[np.floating], steps: tuple[int, ...]) -> jax.Array:
    """Turn parameters into what the network is given.

    Of a switch it is given how near each position is, 1 there and 0 at its neighbours: between two
    positions both in part, so that there is a slope from one to the other.

    Parameters
    ----------
    parameters : Array, shape (N, n)
        0..127.
    steps : tuple of int
        As `Proxy` has them.

    Returns
    -------
    Array, shape (N, number of inputs)
    """
    x = parameters / PARAMETER_MAX
    halves = jnp.pi * jnp.arange(1, N_SINES + 1)
    parts: list[jax.Array] = []
    for value, count in zip(x.T, steps, strict=True):
        column = value[:, None]
        if count:
            parts.append(jnp.maximum(1.0 - jnp.abs(column * (count - 1) - jnp.arange(count)), 0.0))
        else:
            parts += [2.0 * column - 1.0, jnp.sin(column * halves), jnp.cos(column * halves)]
    return jnp.concatenate(parts, axis=1)


def find_steps(labels: NDArray[np.floating]) -> tuple[int, ...]:
    """Find the switches among parameters: columns that hold the positions of one and nothing else.

    Parameters
    ----------
    labels : ndarray, shape (N, n)
        Parameters, 0..127, as they were rendered.

    Returns
    -------
    tuple of int
        As `Proxy` takes them.
    """
    steps: list[int] = []
    for column in labels.T:
        values = np.unique(column)
        count = len(values)
        positions = np.round(np.linspace(0.0, PARAMETER_MAX, count))
        is_switch = 2 <= count <= MOST_STEPS and np.abs(values - positions).max() <= 0.5
        steps.append(count if is_switch else 0)
    return tuple(steps)


def blocks_of(input_shape: tuple[int, int]) -> tuple[int, int]:
    """How many blocks of bands and frames a spectrogram is averaged to."""
    n_mels, n_frames = input_shape
    return min(n_mels, N_BANDS), min(n_frames, N_FRAMES)


def in_blocks(power: NDArray[np.float32], floor: float) -> NDArray[np.float32]:
    """Average log-mel over blocks of bands and frames.

    Parameters
    ----------
    power : ndarray of float32, shape (N, n_mels, n_frames)
        Mel power.
    floor : float
        Mel power of silence.

    Returns
    -------
    ndarray of float32, shape (N, bands, frames)
        In dB. Blocks are as equal as whole bands and frames allow.
    """
    db = np.log(power + np.float32(floor)) * np.float32(10.0 / np.log(10.0))
    for axis, count in enumerate(blocks_of((power.shape[1], power.shape[2])), start=1):
        edges = np.linspace(0, power.shape[axis], count + 1).astype(int)
        widths = np.diff(edges).astype(np.float32)
        widths = widths[:, None] if axis == 1 else widths
        db = np.add.reduceat(db, edges[:-1], axis=axis) / widths
    return db

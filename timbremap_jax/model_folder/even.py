"""The even scale: the axes of a map warped so that equal steps change the sound equally.

Two ways to find it. Through a proxy of the synth (`with_even_scale`), by gradients: what room each
stretch of each axis is given, so that steps vary least all over the pad. By the synth itself
(`measure_even`), which has no gradients: each axis is walked on the normal scale at random places
of the others, and how far the sound moves at each step, on average, is how much room that step is
given. The first sees what the axes do together, and comes to less variation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from numpy.typing import NDArray

from timbremap_jax.model.proxy import Proxy
from timbremap_jax.model.regressor import play
from timbremap_runtime import TimbreMap
from timbremap_runtime.core.gaussian import cdf, quantile
from timbremap_runtime.core.stages import Affine
from timbremap_runtime.core.warp import REACH

Hear = Callable[[NDArray[np.float64]], Any]
"""Parameters (N, n), 0..127, to what they sound like: log-mel, an array (N, bands, frames)."""

END = 0.05
"""Of an axis at either side, which is not measured: sounds of the training data are rare there."""

STEP = 0.05
"""Of the hand, as `tm-report` takes it."""

MOST_ROOM = 2.0
"""How many times as much room as on the normal scale a stretch may be given, or as little. With
more the steps come out more even, and the pad reaches fewer sounds."""

N_LOGITS = 32
N_POINTS = 160
N_DESCENTS = 120
RATE = 0.1

N_STEPS = 24
N_LINES = 48

N_PIECES = 64
"""Straight pieces of an axis, over the whole reach."""

LEAST = 0.05
"""Of the mean step: what a step counts at least, so that no stretch is passed over at once."""


def with_even_scale(
    mapping: TimbreMap,
    proxy: Proxy,
    seed: int = 0,
    note: tuple[int, int] | None = None,
) -> TimbreMap:
    """Find the even scale of a trained map through a proxy of its synth; return the map with it.

    Parameters
    ----------
    mapping : TimbreMap
        The map, of one dense layer with a sigmoid. Its own scale stays chosen.
    proxy : Proxy
        The proxy.
    seed : int
        Of the places where steps are taken.
    note : (int, int), optional
        Pitch and velocity, for a proxy that is told the note.
    """
    scale = mapping.vec_scale.with_scale("normal")
    affine, *_ = TimbreMap(scale, mapping.dense, mapping.pca).stages
    assert isinstance(affine, Affine)
    found = _descend(
        *nnx.split(proxy),
        jnp.asarray(affine.matrix, jnp.float32),
        jnp.asarray(affine.offset, jnp.float32),
        jnp.asarray(note or (), jnp.float32),
        jax.random.key(seed),
    )
    room = np.asarray(_room(found), np.float64)
    knots = np.hstack([np.zeros((len(room), 1)), np.cumsum(room, axis=1)])
    knots /= knots[:, -1:]
    return TimbreMap(mapping.vec_scale.with_even(knots), mapping.dense, mapping.pca)


def _room(logits: jax.Array) -> jax.Array:
    """Room of each piece of each axis, (m, N_PIECES), of `N_LOGITS` numbers an axis.

    Within a factor of `MOST_ROOM` of what the piece has on the normal scale, but for what brings
    the sum to 1; and smooth, as neighbouring pieces have most of the numbers in common.
    """
    grid = np.linspace(-REACH, REACH, N_PIECES + 1)
    normal = np.diff(cdf(grid))
    apart = np.arange(N_PIECES)[:, None] - np.linspace(0, N_PIECES - 1, N_LOGITS)
    kernel = np.exp(-0.5 * (apart * N_LOGITS / N_PIECES) ** 2)
    kernel /= kernel.sum(axis=1, keepdims=True)
    log_factor = np.log(MOST_ROOM) * jnp.tanh(logits @ jnp.asarray(kernel.T, jnp.float32))
    return jax.nn.softmax(jnp.asarray(np.log(normal), jnp.float32) + log_factor, axis=1)


@jax.jit(static_argnums=0)
def _descend(
    graph: Any, state: Any, matrix: jax.Array, offset: jax.Array, note: jax.Array, key: jax.Array
) -> jax.Array:
    """Find the logits of the room, (m, N_LOGITS), with the least variation of steps."""
    m = len(matrix)
    grid = jnp.linspace(-REACH, REACH, N_PIECES + 1)
    step = STEP * jnp.concatenate([jnp.zeros((1, m)), jnp.eye(m)])

    def variation(logits: jax.Array, key: jax.Array) -> jax.Array:
        room = _room(logits)
        knots = jnp.concatenate([jnp.zeros((m, 1)), jnp.cumsum(room, axis=1)], axis=1)
        start = jax.random.uniform(key, (N_POINTS, 1, m), minval=END, maxval=1.0 - END - STEP)
        c = (start + step).reshape(-1, m)
        u = jnp.stack([jnp.interp(c[:, i], knots[i], grid) for i in range(m)], axis=1)
        played = play(u @ matrix + offset)
        told = jnp.tile(note, (len(played), 1))
        proxy = nnx.merge(graph, state)
        sounds = proxy.log_mel(proxy.coefficients(jnp.concatenate([played, told], axis=1)))
        sounds = sounds.reshape(N_POINTS, 1 + m, -1)
        sizes = jnp.abs(sounds[:, 1:] - sounds[:, :1]).mean(axis=-1)
        # Of a synth that is silent there is no step, nor a slope.
        return jnp.var(sizes) / (jnp.mean(sizes) ** 2 + 1e-6)

    optimizer = optax.adam(optax.cosine_decay_schedule(RATE, N_DESCENTS))

    def descend(carry: tuple[Any, Any], key: jax.Array) -> tuple[tuple[Any, Any], None]:
        logits, state = carry
        update, state = optimizer.update(jax.grad(variation)(logits, key), state)
        return (optax.apply_updates(logits, update), state), None

    start = jnp.zeros((m, N_LOGITS))
    (logits, _), _ = jax.lax.scan(
        descend, (start, optimizer.init(start)), jax.random.split(key, N_DESCENTS)
    )
    return logits


def measure_even(mapping: TimbreMap, hear: Hear, seed: int = 0) -> NDArray[np.float64]:
    """Measure the even scale of a map by its synth.

    Parameters
    ----------
    mapping : TimbreMap
        The map, on any scale.
    hear : callable
        The synth. It is called once for each axis.
    seed : int
        Of the places of the lines.

    Returns
    -------
    ndarray, shape (m, N_PIECES + 1)
        Knots, as `timbremap_runtime.VecScale` takes them.
    """
    scale = mapping.vec_scale.with_scale("normal")
    normal = TimbreMap(scale, mapping.dense, mapping.pca)
    generator = np.random.default_rng(seed)
    edge = float(quantile(np.array([1.0 - END]))[0])
    walked = np.linspace(-edge, edge, N_STEPS + 1)
    rows = [
        _row(walked, _step_sizes(normal, axis, cdf(walked), hear, generator))
        for axis in range(mapping.control_size)
    ]
    return np.array(rows)


def _step_sizes(
    mapping: TimbreMap,
    axis: int,
    c: NDArray[np.float64],
    hear: Hear,
    generator: np.random.Generator,
) -> NDArray[np.float64]:
    """How far the sound moves at each step along an axis, mean over the lines, (N_STEPS,)."""
    points = generator.uniform(END, 1.0 - END, (N_LINES, 1, mapping.control_size))
    points = np.repeat(points, len(c), axis=1)
    points[..., axis] = c
    sounds = np.asarray(hear(mapping.forward(points.reshape(-1, mapping.control_size))))
    lines = sounds.reshape(N_LINES, len(c), *sounds.shape[1:])
    # A line at a time: the differences of all take as much memory as the sounds.
    steps = [np.abs(np.diff(line, axis=0)).mean(axis=(1, 2), dtype=np.float64) for line in lines]
    return np.mean(steps, axis=0)


def _row(walked: NDArray[np.float64], sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Knots of an axis, (N_PIECES + 1,): the middle divided by the sizes of its steps."""
    mean = float(sizes.mean())
    sizes = np.maximum(sizes, LEAST * mean) if mean > 0.0 else np.ones_like(sizes)
    shares = np.concatenate([[0.0], np.cumsum(sizes)]) / sizes.sum()
    u = np.concatenate([[-REACH], walked, [REACH]])
    c = np.concatenate([[0.0], END + (1.0 - 2.0 * END) * shares, [1.0]])
    return np.interp(np.linspace(-REACH, REACH, N_PIECES + 1), u, c)

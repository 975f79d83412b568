"""Train a proxy of the synth on the sounds that the encoder learns from."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from numpy.typing import NDArray

from timbremap_jax.data.dataset import Dataset
from timbremap_jax.model.proxy import N_COMPONENTS, Proxy, find_steps, in_blocks

FLOOR_DB = 70.0
"""How far below the loudest mel value a sound fades into silence."""

EPOCHS = 40
"""Passes over the sounds. With 100, on lfo4 fm, it learns its training sounds better and others
worse."""

BATCH_SIZE = 64
LEARNING_RATE = 4e-3
WARMUP_SHARE = 0.05

MOST_SOUNDS = 20_000
"""Sounds it learns from at most: 70 MB of blocks in half precision."""

MOST_TESTED = 2_000

N_AT_ONCE = 256
"""Sounds that are read at once."""


@dataclass(frozen=True)
class ProxyReport:
    """How good a proxy is, on test sounds.

    Attributes
    ----------
    r2 : float
        Share of the variance of their log-mel that it explains: 1 is the synth itself, 0 the mean
        sound.
    db : float
        Mean distance from them in dB, over blocks of bands and frames.
    seconds : float
        Time that it took to train.
    """

    r2: float
    db: float
    seconds: float


def train_proxy(
    dataset: Dataset, seed: int, stepped: Callable[[int, int], None] = lambda *_: None
) -> tuple[Proxy, ProxyReport]:
    """Train a proxy of the synth that made a data set.

    Where its sounds play several notes, pitch and velocity are two more parameters of the proxy.

    Parameters
    ----------
    dataset : Dataset
        The data. At most `MOST_SOUNDS` of its training sounds are learned from.
    seed : int
        Of the initial weights and the order of the sounds.
    stepped : callable
        Is told after each pass how many are done, and of how many.
    """
    start = time.perf_counter()
    generator = np.random.default_rng(seed)
    rows = np.sort(generator.permutation(dataset.training_rows)[:MOST_SOUNDS])
    sounds, floor = _read(dataset, rows)
    proxy = Proxy(
        find_steps(dataset.played),
        dataset.input_shape,
        min(N_COMPONENTS, sounds.shape[1], len(rows)),
        rngs=nnx.Rngs(seed),
    )
    _describe(proxy, sounds, floor)
    components = np.asarray(proxy.components[...])
    targets = np.empty((len(rows), len(components)), np.float32)
    for part in _parts(len(rows)):
        centred = sounds[part].astype(np.float32) - np.asarray(proxy.mean[...])
        targets[part] = centred @ components.T / float(proxy.unit[...])
    del sounds
    _fit(proxy, dataset.played[rows], targets, generator, stepped)
    return proxy, _test(proxy, dataset, time.perf_counter() - start)


def _read(dataset: Dataset, rows: NDArray[np.int64]) -> tuple[NDArray[np.float16], float]:
    """Read sounds in blocks, (N, bands * frames) in dB, and say what silence is beside them."""
    loudest = float(dataset.read(rows[:: -(-len(rows) // 1000)]).max())
    floor = max(loudest, 1e-12) * 10.0 ** (-FLOOR_DB / 10.0)
    parts = [in_blocks(dataset.read(rows[part]), floor) for part in _parts(len(rows))]
    return np.concatenate([part.astype(np.float16) for part in parts]).reshape(len(rows), -1), floor


def _parts(n: int) -> list[slice]:
    return [slice(start, start + N_AT_ONCE) for start in range(0, n, N_AT_ONCE)]


def _describe(proxy: Proxy, sounds: NDArray[np.float16], floor: float) -> None:
    """Give a proxy the mean of the sounds, their principal components, and the unit of both."""
    size = sounds.shape[1]
    total, products = np.zeros(size), np.zeros((size, size), np.float32)
    for part in _parts(len(sounds)):
        total += sounds[part].sum(axis=0, dtype=np.float64)
    mean = (total / len(sounds)).astype(np.float32)
    for part in _parts(len(sounds)):
        centred = sounds[part].astype(np.float32) - mean
        products += centred.T @ centred
    _, vectors = np.linalg.eigh(products / len(sounds))
    k = len(proxy.components[...])
    proxy.mean[...] = jnp.asarray(mean)
    proxy.components[...] = jnp.asarray(vectors[:, ::-1][:, :k].T)
    variance = np.trace(products, dtype=np.float64) / len(sounds)
    # Sounds that are all the same have none.
    proxy.unit[...] = jnp.asarray(np.sqrt(max(variance / k, 1e-6)), jnp.float32)
    proxy.floor[...] = jnp.asarray(floor, jnp.float32)


def _fit(
    proxy: Proxy,
    labels: NDArray[np.float32],
    targets: NDArray[np.float32],
    generator: np.random.Generator,
    stepped: Callable[[int, int], None],
) -> None:
    """Bring the network's coefficients to those of the sounds, by least squares."""
    size = min(BATCH_SIZE, len(labels))
    n_batches = len(labels) // size
    rate = optax.cosine_onecycle_schedule(EPOCHS * n_batches, LEARNING_RATE, WARMUP_SHARE)
    optimizer = optax.adam(rate)
    graph, weights, fixed = nnx.split(proxy, nnx.Param, ...)

    # The data are arguments: what is compiled does not depend on them.
    @partial(jax.jit, donate_argnums=(0, 1))
    def epoch(weights: Any, state: Any, labels: jax.Array, targets: jax.Array, order: jax.Array):
        def step(carry: tuple[Any, Any], rows: jax.Array):
            weights, state = carry

            def loss(weights: Any) -> jax.Array:
                found = nnx.merge(graph, weights, fixed).coefficients(labels[rows])
                return jnp.mean((found - targets[rows]) ** 2)

            update, state = optimizer.update(jax.grad(loss)(weights), state, weights)
            return (optax.apply_updates(weights, update), state), None

        return jax.lax.scan(step, (weights, state), order)[0]

    state = optimizer.init(weights)
    data = jax.device_put((labels, targets))
    for done in range(EPOCHS):
        order = generator.permutation(len(labels))[: n_batches * size].reshape(n_batches, size)
        weights, state = epoch(weights, state, *data, order)
        jax.block_until_ready(weights)
        stepped(done + 1, EPOCHS)
    nnx.update(proxy, weights)


def _test(proxy: Proxy, dataset: Dataset, seconds: float) -> ProxyReport:
    rows = dataset.test_rows[:MOST_TESTED]
    floor = float(proxy.floor[...])
    true = np.concatenate(
        [in_blocks(dataset.read(rows[part]), floor) for part in _parts(len(rows))]
    )
    error = np.asarray(proxy(dataset.played[rows])) - true
    variance = float(np.var(true, axis=0).mean())
    return ProxyReport(
        r2=1.0 - float(np.mean(error**2)) / max(variance, 1e-6),
        db=float(np.abs(error).mean()),
        seconds=seconds,
    )

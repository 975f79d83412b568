"""Encode sounds with a trained model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from flax import nnx
from numpy.typing import NDArray

from timbremap_jax.backend.devices import batch_sharding, replicated
from timbremap_jax.data.dataset import Dataset, Standardization
from timbremap_jax.data.prefetch import prefetch
from timbremap_jax.model.build import TimbreModel

BATCH_SIZE = 256


@dataclass(frozen=True)
class Encoded:
    """What a model makes of some sounds.

    Attributes
    ----------
    latent : ndarray of float32, shape (N, m)
        Posterior means, Z.
    parameters : ndarray of float32, shape (N, n)
        Predicted parameters, 0..127.
    drive : ndarray of float32, shape (N, n)
        The input of the regressor's sigmoid.
    kl : ndarray of float32, shape (N,)
        Divergences from the prior, in nats.
    """

    latent: NDArray[np.float32]
    parameters: NDArray[np.float32]
    drive: NDArray[np.float32]
    kl: NDArray[np.float32]


@jax.jit(static_argnums=0)
def _predict(graph: Any, weights: Any, x: jax.Array) -> tuple[jax.Array, ...]:
    prediction = nnx.merge(graph, weights)(x)
    latent = prediction.latent
    return latent.mean, prediction.parameters, prediction.drive, latent.kl_divergence()


def encode(
    model: TimbreModel,
    standardization: Standardization,
    power: Iterable[NDArray[np.float32]],
    notes: NDArray[np.float32] | None = None,
) -> Encoded:
    """Encode sounds without dropout: posterior means and the parameters they give.

    Parameters
    ----------
    model : TimbreModel
        A trained model.
    standardization : Standardization
        The one it was trained with.
    power : iterable of ndarray of float32, shape (at most BATCH_SIZE, n_mels, n_frames)
        Mel power, a batch at a time.
    notes : ndarray of float32, shape (N, 2), optional
        Pitch and velocity of each sound, for a model that is told.
    """
    graph, state = nnx.split(model)
    sharding = batch_sharding(BATCH_SIZE)
    weights = jax.device_put(state, replicated(sharding))

    def with_notes() -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32] | None]]:
        start = 0
        for batch in power:
            yield batch, None if notes is None else notes[start : start + len(batch)]
            start += len(batch)

    def prepare(
        batch: tuple[NDArray[np.float32], NDArray[np.float32] | None],
    ) -> tuple[int, jax.Array]:
        # All batches have one size, so that one compilation serves them all.
        x = standardization(*batch)
        padded = np.zeros((BATCH_SIZE, *x.shape[1:]), np.float32)
        padded[: len(x)] = x
        return len(x), jax.device_put(padded, sharding)

    parts: list[tuple[NDArray[np.float32], ...]] = []
    for size, x in prefetch(prepare, with_notes()):
        said = jax.device_get(_predict(graph, weights, x))
        parts.append(tuple(array[:size] for array in said))
    return Encoded(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def batches_of(dataset: Dataset, rows: NDArray[np.int64]) -> Iterator[NDArray[np.float32]]:
    """Read mel power of some rows, a batch at a time."""
    for start in range(0, len(rows), BATCH_SIZE):
        yield dataset.read(rows[start : start + BATCH_SIZE])

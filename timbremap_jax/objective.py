"""The training objective: squared error, divergence from the prior, weight penalty."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from timbremap_jax.encoders import Latent
from timbremap_jax.model import Prediction, TimbreModel

L2_WEIGHT = 0.01
"""Of the squared weights of the encoder's dense layer."""


class Losses(NamedTuple):
    """The parts of the loss of a batch.

    Attributes
    ----------
    squared_error : Array, shape (batch, n)
        Of each parameter, in squared parameter units.
    kl : Array, shape (batch,)
        Divergence of each posterior from the prior, in nats.
    l2 : Array, scalar
        The weight penalty.
    """

    squared_error: jax.Array
    kl: jax.Array
    l2: jax.Array

    def total(self, kl_weight: jax.Array | float) -> jax.Array:
        """Mean over the batch and the parameters, the loss that is minimized."""
        return jnp.mean(self.squared_error) + kl_weight * jnp.mean(self.kl) + self.l2


def squared_error(predicted: jax.Array, true: jax.Array) -> jax.Array:
    """Squared error of each parameter of each example, in squared parameter units.

    Parameters
    ----------
    predicted, true : Array, shape (batch, n)
        Parameters, 0..127.

    Returns
    -------
    Array, shape (batch, n)
    """
    if predicted.shape != true.shape:
        raise ValueError(f"predicted has shape {predicted.shape}, true {true.shape}")
    return (predicted - true) ** 2


def kl_divergence(latent: Latent) -> jax.Array:
    """KL(N(mean, variance) || N(0, 1)) of each example; zero for a plain encoder.

    Kingma and Welling (2014), appendix B.

    Returns
    -------
    Array, shape (batch,)
    """
    if latent.log_variance is None:
        return jnp.zeros(len(latent.mean))
    terms = jnp.exp(latent.log_variance) + latent.mean**2 - 1.0 - latent.log_variance
    return 0.5 * jnp.sum(terms, axis=-1)


def losses(model: TimbreModel, prediction: Prediction, labels: jax.Array) -> Losses:
    """Take the losses of a batch."""
    return Losses(
        squared_error(prediction.parameters, labels),
        kl_divergence(prediction.latent),
        L2_WEIGHT * jnp.sum(model.encoder.dense.kernel[...] ** 2),
    )

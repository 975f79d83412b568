"""The training objective: squared error, divergence from the prior, weight penalty."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from timbremap_jax.encoders import Latent
from timbremap_jax.model import Prediction, TimbreModel

L2_WEIGHT = 0.01
"""Of the squared weights of the encoder's dense layer."""


def squared_error(predicted: jax.Array, true: jax.Array) -> jax.Array:
    """Mean squared error of each example, in squared parameter units.

    Parameters
    ----------
    predicted, true : Array, shape (batch, n)
        Parameters, 0..127.

    Returns
    -------
    Array, shape (batch,)
    """
    if predicted.shape != true.shape:
        raise ValueError(f"predicted has shape {predicted.shape}, true {true.shape}")
    return jnp.mean((predicted - true) ** 2, axis=-1)


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


def objective(
    model: TimbreModel, prediction: Prediction, labels: jax.Array
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Loss of a batch, and its parts by name."""
    error = jnp.mean(squared_error(prediction.parameters, labels))
    kl = jnp.mean(kl_divergence(prediction.latent))
    penalty = L2_WEIGHT * jnp.sum(model.encoder.dense.kernel[...] ** 2)
    loss = error + kl + penalty
    return loss, {"loss": loss, "squared_error": error, "kl": kl, "l2": penalty}

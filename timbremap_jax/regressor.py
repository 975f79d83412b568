"""The regressor: parameters from a point of the latent space, by one dense sigmoid layer."""

from __future__ import annotations

import jax
from flax import nnx

PARAMETER_RANGE = 127.0


class Regressor(nnx.Module):
    """p = 127 sigmoid(z W + b).

    Parameters
    ----------
    latent_size, n_parameters : int
        m and n.
    rngs : nnx.Rngs
        Source of the initial weights.
    """

    def __init__(self, latent_size: int, n_parameters: int, *, rngs: nnx.Rngs):
        self.dense = nnx.Linear(latent_size, n_parameters, rngs=rngs)

    def __call__(self, z: jax.Array) -> jax.Array:
        """Map (batch, m) to parameters (batch, n), 0..127."""
        return PARAMETER_RANGE * nnx.sigmoid(self.dense(z))

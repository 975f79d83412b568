"""The regressor: parameters from a point of the latent space, by one dense sigmoid layer."""

from __future__ import annotations

import jax
from flax import nnx

from timbremap_runtime.core.types import PARAMETER_MAX


class Regressor(nnx.Module):
    """p = 127 sigmoid(t), with the drive t = z W + b.

    Parameters
    ----------
    latent_size, n_parameters : int
        m and n.
    rngs : nnx.Rngs
        Source of the initial weights.
    """

    def __init__(self, latent_size: int, n_parameters: int, *, rngs: nnx.Rngs):
        self.dense = nnx.Linear(latent_size, n_parameters, rngs=rngs)

    def drive(self, z: jax.Array) -> jax.Array:
        """Map (batch, m) to drives (batch, n)."""
        return self.dense(z)

    def __call__(self, z: jax.Array) -> jax.Array:
        """Map (batch, m) to parameters (batch, n), 0..127."""
        return play(self.drive(z))


def play(drive: jax.Array) -> jax.Array:
    """Squash drives to parameters, 0..127."""
    return PARAMETER_MAX * nnx.sigmoid(drive)

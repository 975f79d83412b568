"""Long short-term memory (Hochreiter and Schmidhuber, 1997, with forget gates).

::

    i, f, g, o = split(x_t . W + h . U + b)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    h = sigmoid(o) * tanh(c)
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx


class LastState(nnx.Module):
    """LSTM units that read a sequence and give the state they end in.

    Parameters
    ----------
    input_size, n_units : int
        Values a frame, and units.
    rngs : nnx.Rngs
        Source of the initial weights.
    """

    def __init__(self, input_size: int, n_units: int, *, rngs: nnx.Rngs):
        glorot = nnx.initializers.glorot_uniform()
        orthogonal = nnx.initializers.orthogonal()
        self.n_units = n_units
        self.input_kernel = nnx.Param(glorot(rngs.params(), (input_size, 4 * n_units)))
        self.recurrent_kernel = nnx.Param(orthogonal(rngs.params(), (n_units, 4 * n_units)))
        # Forget gates start open (Gers et al., 2000).
        bias = jnp.zeros(4 * n_units).at[n_units : 2 * n_units].set(1.0)
        self.bias = nnx.Param(bias)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Map (batch, n_frames, input_size) to the last state (batch, n_units)."""
        recurrent_kernel = self.recurrent_kernel[...]

        def step(carry: tuple[jax.Array, jax.Array], x_t: jax.Array):
            h, c = carry
            gates = x_t @ self.input_kernel[...] + h @ recurrent_kernel + self.bias[...]
            i, f, g, o = jnp.split(gates, 4, axis=-1)
            c = nnx.sigmoid(f) * c + nnx.sigmoid(i) * jnp.tanh(g)
            h = nnx.sigmoid(o) * jnp.tanh(c)
            return (h, c), None

        start = jnp.zeros((len(x), self.n_units), x.dtype)
        (h, _), _ = jax.lax.scan(step, (start, start), x.swapaxes(0, 1))
        return h

"""Long short-term memory (Hochreiter and Schmidhuber, 1997, with forget gates).

::

    i, f, g, o = split(x_t . W + h . U + b)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    h = sigmoid(o) * tanh(c)

Only h . U has to wait for the frame before. So the products with W are one matrix product before
the scan over the frames, and the gradients of W, U and b one product each after the scan back,
which autodiff of a scan would do frame by frame.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx

Slopes = tuple[jax.Array, jax.Array, jax.Array]
"""What a small change does within a frame: of the gates to c (to h, for o), of c to h, of c to
the next c."""


@jax.custom_vjp
def last_state(
    x: jax.Array, input_kernel: jax.Array, recurrent_kernel: jax.Array, bias: jax.Array
) -> jax.Array:
    """Read a sequence from a state of zeros and give the state h it ends in.

    Parameters
    ----------
    x : Array, shape (n_frames, batch, input_size)
        The sequences, frames first.
    input_kernel : Array, shape (input_size, 4 * n_units)
        W, the gates in the order i, f, g, o.
    recurrent_kernel : Array, shape (n_units, 4 * n_units)
        U.
    bias : Array, shape (4 * n_units,)
        b.

    Returns
    -------
    Array, shape (batch, n_units)
    """
    return _scan(x, input_kernel, recurrent_kernel, bias)[0]


def _scan(
    x: jax.Array, input_kernel: jax.Array, recurrent_kernel: jax.Array, bias: jax.Array
) -> tuple[jax.Array, tuple[jax.Array, Slopes]]:
    """Give the last h, and for every frame the h before it and its slopes."""

    def step(carry: tuple[jax.Array, jax.Array], from_input: jax.Array):
        h, c = carry
        i, f, g, o = jnp.split(from_input + h @ recurrent_kernel, 4, axis=-1)
        i, f, g, o = nnx.sigmoid(i), nnx.sigmoid(f), jnp.tanh(g), nnx.sigmoid(o)
        new_c = f * c + i * g
        out = jnp.tanh(new_c)
        of_gates = [g * i * (1 - i), c * f * (1 - f), i * (1 - g**2), out * o * (1 - o)]
        slopes = jnp.concatenate(of_gates, axis=-1), o * (1 - out**2), f
        return (o * out, new_c), (h, slopes)

    start = jnp.zeros((x.shape[1], recurrent_kernel.shape[0]), x.dtype)
    (h, _), kept = jax.lax.scan(step, (start, start), x @ input_kernel + bias)
    return h, kept


def _forward(x: jax.Array, input_kernel: jax.Array, recurrent_kernel: jax.Array, bias: jax.Array):
    h, kept = _scan(x, input_kernel, recurrent_kernel, bias)
    return h, (x, input_kernel, recurrent_kernel, kept)


def _backward(residuals, d_h: jax.Array):
    x, input_kernel, recurrent_kernel, (h, slopes) = residuals

    def step(carry: tuple[jax.Array, jax.Array], slopes: Slopes):
        d_h, d_c = carry
        of_gates, c_to_h, c_to_c = slopes
        d_c = d_c + d_h * c_to_h
        d_gates = jnp.concatenate([d_c, d_c, d_c, d_h], axis=-1) * of_gates
        return (d_gates @ recurrent_kernel.T, d_c * c_to_c), d_gates

    _, d_gates = jax.lax.scan(step, (d_h, jnp.zeros_like(d_h)), slopes, reverse=True)
    return (
        d_gates @ input_kernel.T,
        jnp.einsum("tbi,tbj->ij", x, d_gates),
        jnp.einsum("tbi,tbj->ij", h, d_gates),
        d_gates.sum((0, 1)),
    )


last_state.defvjp(_forward, _backward)


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
        self.input_kernel = nnx.Param(glorot(rngs.params(), (input_size, 4 * n_units)))
        self.recurrent_kernel = nnx.Param(orthogonal(rngs.params(), (n_units, 4 * n_units)))
        # Forget gates start open (Gers et al., 2000).
        bias = jnp.zeros(4 * n_units).at[n_units : 2 * n_units].set(1.0)
        self.bias = nnx.Param(bias)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Map (batch, n_frames, input_size) to the last state (batch, n_units)."""
        return last_state(
            x.swapaxes(0, 1), self.input_kernel[...], self.recurrent_kernel[...], self.bias[...]
        )

"""Long short-term memory (Hochreiter and Schmidhuber, 1997, with forget gates).

::

    i, f, g, o = split(x_t . W + h . U + b)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    h = sigmoid(o) * tanh(c)

Only h . U has to wait for the frame before. So the products with W are one matrix product before
the scan over the frames, and the gradients of W, U and b one product each after the scan back,
which autodiff of a scan would do frame by frame. On the way forth the scan keeps the slopes that
the way back multiplies with, and as sigmoid(x) = tanh(x / 2) / 2 + 1 / 2, it asks for one tanh of
all gates.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
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
    n_units = len(recurrent_kernel)
    scale = np.repeat(np.array([0.5, 0.5, 1.0, 0.5], x.dtype), n_units)
    shift = 1 - scale
    recurrent_kernel, bias = recurrent_kernel * scale, bias * scale

    def step(carry: tuple[jax.Array, jax.Array], from_input: jax.Array):
        h, c = carry
        tanh = jnp.tanh(from_input + h @ recurrent_kernel + bias)
        i, f, g, o = jnp.split(scale * tanh + shift, 4, axis=-1)
        new_c = f * c + i * g
        out = jnp.tanh(new_c)
        of_gates = jnp.concatenate([g, c, i, out], axis=-1) * (scale**2 * (1 - tanh**2))
        return (o * out, new_c), (h, (of_gates, o * (1 - out**2), f))

    start = jnp.zeros((x.shape[1], n_units), x.dtype)
    (h, _), kept = jax.lax.scan(step, (start, start), x @ (input_kernel * scale))
    return h, kept


def _forward(x: jax.Array, input_kernel: jax.Array, recurrent_kernel: jax.Array, bias: jax.Array):
    h, kept = _scan(x, input_kernel, recurrent_kernel, bias)
    return h, (x, input_kernel, recurrent_kernel, kept)


def _backward(residuals, d_h: jax.Array):
    x, input_kernel, recurrent_kernel, (h, slopes) = residuals
    to_h = _transpose(recurrent_kernel, (1, 0))

    def step(carry: tuple[jax.Array, jax.Array], slopes: Slopes):
        d_h, d_c = carry
        of_gates, c_to_h, c_to_c = slopes
        d_c = d_c + d_h * c_to_h
        d_gates = jnp.concatenate([d_c, d_c, d_c, d_h], axis=-1) * of_gates
        return (d_gates @ to_h, d_c * c_to_c), d_gates

    _, d_gates = jax.lax.scan(step, (d_h, jnp.zeros_like(d_h)), slopes, reverse=True)
    return (
        d_gates @ input_kernel.T,
        _sum_of_products(x, d_gates),
        _sum_of_products(h, d_gates),
        d_gates.sum((0, 1)),
    )


def _sum_of_products(a: jax.Array, b: jax.Array) -> jax.Array:
    # Frames and batch stay two axes: as one, a batch divided among devices could not stay divided.
    return jnp.einsum("itb,tbj->ij", _transpose(a, (2, 0, 1)), b)


def _transpose(a: jax.Array, axes: tuple[int, ...]) -> jax.Array:
    # Left to itself XLA folds a transposition into the matrix product, which on a CPU then takes
    # up to twice as long as product and transposition apart.
    return jax.lax.optimization_barrier(a.transpose(axes))


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

    def init_chrono(self, n_frames: int, rngs: nnx.Rngs) -> None:
        """Give the units memories of 2 to ``n_frames`` frames to start with, each its own.

        With forget gates at sigmoid(1) a state has faded to a thousandth within 22 frames: of a
        sound that ends in silence nothing is left, nor of its gradient. This is the chrono
        initialization of Tallec and Ollivier (2018): a forget gate at sigmoid(log(T - 1)) is
        1 - 1 / T, a memory of T frames, and the input gate lets in as little as is forgotten.

        Parameters
        ----------
        n_frames : int
            Length of the sequences.
        rngs : nnx.Rngs
            Source of the times.
        """
        n_units = len(self.recurrent_kernel)
        times = jax.random.uniform(
            rngs.params(), (n_units,), minval=1.0, maxval=max(n_frames - 1.0, 1.0)
        )
        bias = self.bias[...].at[:n_units].set(-jnp.log(times))
        self.bias[...] = bias.at[n_units : 2 * n_units].set(jnp.log(times))

    def __call__(self, x: jax.Array) -> jax.Array:
        """Map (batch, n_frames, input_size) to the last state (batch, n_units)."""
        return last_state(
            x.swapaxes(0, 1), self.input_kernel[...], self.recurrent_kernel[...], self.bias[...]
        )

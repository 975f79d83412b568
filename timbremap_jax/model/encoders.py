"""Encoders: a spectrogram in, a point of the latent space out.

Each has a body of its own (`DNN`, `CNN`, `LSTM`), then the same end: a dense layer of 64 with ReLU,
and the latent, either a point or the mean and log-variance of a normal distribution.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from timbremap_jax.model.lstm import LastState
from timbremap_runtime.errors import SettingsError

DENSE_SIZE = 64
DROPOUT = 0.2


class Latent(NamedTuple):
    """Where sounds lie in the latent space.

    Attributes
    ----------
    mean : Array, shape (batch, m)
        The point, or the posterior mean.
    log_variance : Array of the same shape, or None
        None for a plain encoder.
    """

    mean: jax.Array
    log_variance: jax.Array | None

    def sample(self, rngs: nnx.Rngs) -> jax.Array:
        """Draw one point of each posterior (the reparametrization of Kingma and Welling, 2014)."""
        if self.log_variance is None:
            return self.mean
        noise = jax.random.normal(rngs.sample(), self.mean.shape)
        return self.mean + jnp.exp(0.5 * self.log_variance) * noise

    def kl_divergence(self) -> jax.Array:
        """KL(N(mean, variance) || N(0, 1)) of each sound in nats; zero for a plain encoder.

        Kingma and Welling (2014), appendix B.

        Returns
        -------
        Array, shape (batch,)
        """
        if self.log_variance is None:
            return jnp.zeros(len(self.mean))
        terms = jnp.exp(self.log_variance) + self.mean**2 - 1.0 - self.log_variance
        return 0.5 * jnp.sum(terms, axis=-1)


class DNN(nnx.Module):
    """Two dense layers with ReLU, a quarter and a sixteenth of the input.

    Parameters
    ----------
    n_mels, n_frames : int
        Size of a spectrogram.
    rngs : nnx.Rngs
        Source of the initial weights.
    """

    def __init__(self, n_mels: int, n_frames: int, *, rngs: nnx.Rngs):
        size = n_mels * n_frames
        self.output_size = max(1, size // 16)
        self.wide = nnx.Linear(size, max(1, size // 4), rngs=rngs)
        self.narrow = nnx.Linear(max(1, size // 4), self.output_size, rngs=rngs)

    def __call__(self, x: jax.Array, rngs: nnx.Rngs | None) -> jax.Array:
        """Map (batch, n_mels, n_frames) to (batch, output_size)."""
        x = x.reshape(len(x), -1)
        return nnx.relu(self.narrow(nnx.relu(self.wide(x))))


class CNN(nnx.Module):
    """32 filters over the whole frequency axis by 3 frames, then 64 of 1 by 3; no pooling.

    Parameters are those of `DNN`.
    """

    def __init__(self, n_mels: int, n_frames: int, *, rngs: nnx.Rngs):
        if n_frames < 5:
            raise SettingsError(
                f"encoder cnn: needs at least 5 frames, these sounds have {n_frames}; choose"
                " another encoder, or make the sounds longer"
            )
        self.output_size = 64 * (n_frames - 4)
        # Mel bands are the channels, so a filter spans all of them.
        self.first = nnx.Conv(n_mels, 32, kernel_size=(3,), padding="VALID", rngs=rngs)
        self.second = nnx.Conv(32, 64, kernel_size=(3,), padding="VALID", rngs=rngs)

    def __call__(self, x: jax.Array, rngs: nnx.Rngs | None) -> jax.Array:
        """Map (batch, n_mels, n_frames) to (batch, output_size)."""
        x = x.transpose(0, 2, 1)  # (batch, n_frames, n_mels)
        x = nnx.relu(self.second(nnx.relu(self.first(x))))
        return x.reshape(len(x), -1)


class LSTM(nnx.Module):
    """128 long short-term memory units read the frames in order; their last state counts.

    Parameters are those of `DNN`.
    """

    def __init__(self, n_mels: int, n_frames: int, *, rngs: nnx.Rngs):
        self.output_size = 128
        self.recurrent = LastState(n_mels, self.output_size, rngs=rngs)
        # One mask for all frames of a sound: a dropped mel band stays dropped.
        self.dropout = nnx.Dropout(DROPOUT, broadcast_dims=(1,))

    def __call__(self, x: jax.Array, rngs: nnx.Rngs | None) -> jax.Array:
        """Map (batch, n_mels, n_frames) to (batch, output_size)."""
        x = x.transpose(0, 2, 1)  # (batch, n_frames, n_mels)
        x = self.dropout(x, deterministic=rngs is None, rngs=rngs)
        return self.recurrent(x)


BODIES = {"dnn": DNN, "cnn": CNN, "lstm": LSTM}


class Encoder(nnx.Module):
    """A body, the dense layer of 64, and the latent.

    Parameters
    ----------
    kind : str
        A name in `BODIES`.
    n_mels, n_frames : int
        Size of a spectrogram.
    latent_size : int
        m, the size of the latent space.
    generative : bool
        Whether the latent is a distribution.
    rngs : nnx.Rngs
        Source of the initial weights.

    Raises
    ------
    SettingsError
        There is no such encoder, or it cannot read spectrograms of this size.
    """

    def __init__(
        self,
        kind: str,
        n_mels: int,
        n_frames: int,
        *,
        latent_size: int,
        generative: bool,
        rngs: nnx.Rngs,
    ):
        if kind not in BODIES:
            raise SettingsError(f"encoder '{kind}': unknown; choose one of {', '.join(BODIES)}")
        self.body = BODIES[kind](n_mels, n_frames, rngs=rngs)
        self.dense = nnx.Linear(self.body.output_size, DENSE_SIZE, rngs=rngs)
        self.mean = nnx.Linear(DENSE_SIZE, latent_size, rngs=rngs)
        self.log_variance = nnx.Linear(DENSE_SIZE, latent_size, rngs=rngs) if generative else None

    def __call__(self, x: jax.Array, rngs: nnx.Rngs | None = None) -> Latent:
        """Encode standardized spectrograms.

        Parameters
        ----------
        x : Array, shape (batch, n_mels, n_frames)
            Standardized spectrograms.
        rngs : nnx.Rngs, optional
            Source of dropout; without it there is none.
        """
        x = nnx.relu(self.dense(self.body(x, rngs)))
        return Latent(self.mean(x), self.log_variance(x) if self.log_variance else None)

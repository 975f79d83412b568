"""The whole model: an encoder and a regressor."""

from __future__ import annotations

from typing import NamedTuple

import jax
from flax import nnx

from timbremap_jax.model.encoders import LSTM, Encoder, Latent
from timbremap_jax.model.regressor import Regressor, play


class Prediction(NamedTuple):
    """What the model makes of a batch of sounds.

    Attributes
    ----------
    drive : Array, shape (batch, n)
        The input of the regressor's sigmoid.
    latent : Latent
        Where the sounds lie.
    """

    drive: jax.Array
    latent: Latent

    @property
    def parameters(self) -> jax.Array:
        """Synthesizer parameters, 0..127, (batch, n)."""
        return play(self.drive)


class TimbreModel(nnx.Module):
    """Spectrogram to latent to parameters.

    Parameters
    ----------
    kind : str
        The encoder, a name in `timbremap_jax.model.encoders.BODIES`.
    input_shape : tuple of int
        Mel bands and frames.
    latent_size, n_parameters : int
        m and n.
    generative : bool
        Whether the latent is a distribution, sampled in training.
    rngs : nnx.Rngs
        Source of the initial weights.
    """

    def __init__(
        self,
        kind: str,
        input_shape: tuple[int, int],
        *,
        latent_size: int,
        n_parameters: int,
        generative: bool,
        rngs: nnx.Rngs,
    ):
        self.encoder = Encoder(
            kind, *input_shape, latent_size=latent_size, generative=generative, rngs=rngs
        )
        self.regressor = Regressor(latent_size, n_parameters, rngs=rngs)

    def __call__(self, x: jax.Array, rngs: nnx.Rngs | None = None) -> Prediction:
        """Predict from standardized spectrograms of shape (batch, n_mels, n_frames).

        With ``rngs`` as in training: with dropout, from a sample of the posterior. Without, from
        its mean.
        """
        latent = self.encoder(x, rngs)
        z = latent.sample(rngs) if rngs else latent.mean
        return Prediction(self.regressor.drive(z), latent)


def build_model(
    kind: str,
    input_shape: tuple[int, int],
    *,
    latent_size: int,
    n_parameters: int,
    generative: bool,
    long_memory: bool,
    seed: int,
) -> TimbreModel:
    """Make a model that is not trained yet.

    Parameters
    ----------
    kind, input_shape, latent_size, n_parameters, generative
        As `TimbreModel` takes them.
    long_memory : bool
        Whether an LSTM starts as `timbremap_jax.model.lstm.LastState.init_chrono` has it.
    seed : int
        Of the initial weights.

    Raises
    ------
    SettingsError
        There is no such encoder, or it cannot read spectrograms of this size.
    """
    rngs = nnx.Rngs(seed)
    model = TimbreModel(
        kind,
        input_shape,
        latent_size=latent_size,
        n_parameters=n_parameters,
        generative=generative,
        rngs=rngs,
    )
    body = model.encoder.body
    if long_memory and isinstance(body, LSTM):
        _, n_frames = input_shape
        body.recurrent.init_chrono(n_frames, rngs)
    return model

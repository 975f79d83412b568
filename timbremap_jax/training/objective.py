"""The training objective: squared error, what is heard, and what keeps the latent playable."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from timbremap_jax.model.build import Prediction, TimbreModel
from timbremap_jax.model.proxy import Proxy
from timbremap_runtime.core.types import PARAMETER_MAX

Values = jax.Array | NDArray[np.float32]

L2_WEIGHT = 0.01
"""Of the squared weights of the encoder's dense layer."""

END_DRIVE = float(np.log(2 * PARAMETER_MAX - 1))
"""The drive that leaves a parameter half a step from its end: it rounds to 0 or 127."""


class Weights(NamedTuple):
    """Weights of the parts of the loss beside the squared error."""

    kl: jax.Array
    spread_loss: jax.Array
    overdrive: jax.Array
    heard: jax.Array


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
    spread_loss : Array, shape (n,)
        How far the deviation of each parameter's predictions over the batch is from the true one,
        in squared parameter units.
    overdrive : Array, shape (batch, n)
        Squared distance of each drive beyond where its parameter is at an end.
    heard : Array, shape (batch,)
        Distance of what the predictions sound like from each sound, as
        `timbremap_jax.model.proxy.Proxy.distance` has it; zero without a proxy.
    """

    squared_error: Values
    kl: Values
    l2: Values | float
    spread_loss: Values
    overdrive: Values
    heard: Values | float

    def total(self, weights: Weights) -> jax.Array:
        """Return the loss that is minimized: means over the batch and the parameters."""
        return (
            jnp.mean(self.squared_error)
            + weights.kl * jnp.mean(self.kl)
            + self.l2
            + weights.spread_loss * jnp.mean(self.spread_loss)
            + weights.overdrive * jnp.mean(self.overdrive)
            + weights.heard * jnp.mean(self.heard)
        )


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


def spread_loss(predicted: Values, true: Values, reach: float | None = None) -> jax.Array:
    """Squared difference of the deviations that predictions and true values have over a batch.

    The squared error is least for answers closer to the mean than the truth, the more so the less
    a sound tells of a parameter: a player would get only a part of its range. Around that optimum
    wider answers cost squared error in second order only, so a little of this loss gains much of
    the range.

    Not so where a sound tells next to nothing of a parameter. Predictions of r times the true
    deviation, whose correlation with the true values is c, have the squared error 1 + r^2 - 2 r c
    beside that of the mean: for r = 1 and c < 0.5 they are worse than the mean. With a ``reach`` of
    1.5 they are asked for r = 1.5 c, and are better than the mean by 0.75 c^2, whatever c is.

    Parameters
    ----------
    predicted, true : Array, shape (batch, n)
        Parameters, 0..127.
    reach : float, optional
        The deviation that predictions are asked for is that many times their correlation with the
        true values, as a share of the true deviation; the true deviation at most, and wider ones
        cost nothing. Without it, it is the true deviation, and wider ones cost as much.

    Returns
    -------
    Array, shape (n,)
    """
    # Variances of zero have no slope to their root.
    deviations = [jnp.sqrt(jnp.var(values, axis=0) + 1e-6) for values in (predicted, true)]
    if reach is None:
        return (deviations[0] - deviations[1]) ** 2
    centred = [values - jnp.mean(values, axis=0) for values in (predicted, true)]
    correlation = jnp.mean(centred[0] * centred[1], axis=0) / (deviations[0] * deviations[1])
    asked = jax.lax.stop_gradient(jnp.clip(reach * correlation, 0.0, 1.0)) * deviations[1]
    return jnp.maximum(asked - deviations[0], 0.0) ** 2


def overdrive(drive: Values) -> jax.Array:
    """Squared distance of drives beyond ±`END_DRIVE`.

    Beyond that a parameter hardly changes, but the latent space grows arms: a few sounds far away,
    which widen the axes of the control space until much of it plays nothing but ends.

    Parameters
    ----------
    drive : Array, shape (batch, n)
        What the regressor's sigmoid is given.

    Returns
    -------
    Array, shape (batch, n)
    """
    return jnp.maximum(jnp.abs(drive) - END_DRIVE, 0.0) ** 2


def losses(
    model: TimbreModel,
    prediction: Prediction,
    labels: jax.Array,
    reach: float | None = None,
    listening: tuple[Proxy, jax.Array, jax.Array] | None = None,
) -> Losses:
    """Return the losses of a batch.

    Parameters
    ----------
    model : TimbreModel
        The model.
    prediction : Prediction
        What it makes of the batch.
    labels : Array, shape (batch, n)
        True parameters, 0..127.
    reach : float, optional
        Of `spread_loss`.
    listening : tuple of Proxy and two Array, optional
        The proxy that says what the predictions sound like, the coefficients of the batch's sounds,
        (batch, k), and what the proxy is given beside parameters: (batch, 2) notes, or (batch, 0).
    """
    heard = 0.0
    if listening:
        proxy, sounds, notes = listening
        played = jnp.concatenate([prediction.parameters, notes], axis=1)
        heard = proxy.distance(proxy.coefficients(played), sounds)
    return Losses(
        squared_error(prediction.parameters, labels),
        prediction.latent.kl_divergence(),
        L2_WEIGHT * jnp.sum(model.encoder.dense.kernel[...] ** 2),
        spread_loss(prediction.parameters, labels, reach),
        overdrive(prediction.drive),
        heard,
    )

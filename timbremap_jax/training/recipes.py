"""Recipes: how a model is trained, beside what it is.

What each field is worth is measured in ``docs/training.md``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import jax
import jax.numpy as jnp
import optax

from timbremap_jax.data.dataset import Input
from timbremap_jax.training.objective import Weights
from timbremap_runtime.errors import SettingsError


@dataclass(frozen=True)
class Recipe:
    """How a model is trained.

    Attributes
    ----------
    input : str
        ``log`` or ``power``: the mel spectrogram that the encoder reads, standardized.
    optimizer : str
        ``adam`` or ``rmsprop``.
    learning_rate : float
        At its highest.
    batch_size : int
        Sounds a step, unless the settings give another number.
    warmup_share : float
        Share of all steps over which the learning rate rises to its highest.
    decay : bool
        Whether it then falls to zero along half a cosine.
    clip_norm : float or None
        Gradients longer than that are shortened to it.
    kl_weight : float
        Weight of the divergence from the prior, in squared parameter units.
    kl_warmup_share : float
        Share of all steps over which that weight rises from zero.
    spread_weight : float
        Weight of `timbremap_jax.training.objective.spread_loss`.
    spread_warmup_share : float
        Share of all steps over which that weight rises from zero.
    spread_reach : float or None
        Of `timbremap_jax.training.objective.spread_loss`.
    overdrive_weight : float
        Weight of `timbremap_jax.training.objective.overdrive`.
    long_memory : bool
        Whether an LSTM starts as `timbremap_jax.model.lstm.LastState.init_chrono` has it.
    proxy : bool
        Whether a `timbremap_jax.model.proxy.Proxy` is trained before the encoder.
    listen_weight : float
        Weight of the distance of what the predictions sound like, by that proxy, in squared
        parameter units.
    listen_warmup_share : float
        Share of all steps over which that weight rises from zero.
    """

    input: Input
    optimizer: Literal["adam", "rmsprop"]
    learning_rate: float
    batch_size: int = 32
    warmup_share: float = 0.0
    decay: bool = False
    clip_norm: float | None = None
    kl_weight: float = 1.0
    kl_warmup_share: float = 0.0
    spread_weight: float = 0.0
    spread_warmup_share: float = 0.0
    overdrive_weight: float = 0.0
    long_memory: bool = False
    proxy: bool = False
    spread_reach: float | None = None
    listen_weight: float = 0.0
    listen_warmup_share: float = 0.0

    def gradient_transformation(self, n_steps: int) -> optax.GradientTransformation:
        """Make the optimizer of a run of ``n_steps``."""
        rate = optax.constant_schedule(self.learning_rate)
        n_warmup = round(self.warmup_share * n_steps)
        if self.decay:
            rate = optax.cosine_decay_schedule(self.learning_rate, max(n_steps - n_warmup, 1))
        if n_warmup:
            rise = optax.linear_schedule(0.0, self.learning_rate, n_warmup)
            rate = optax.join_schedules([rise, rate], [n_warmup])
        if self.optimizer == "adam":
            step = optax.adam(rate)
        else:  # as Keras has it
            step = optax.rmsprop(rate, decay=0.9, eps=1e-7, eps_in_sqrt=False)
        return (
            optax.chain(optax.clip_by_global_norm(self.clip_norm), step) if self.clip_norm else step
        )

    def weights_at(self, step: jax.Array | int, n_steps: int) -> Weights:
        """Weights of the parts of the loss at a step."""
        return Weights(
            kl=self.kl_weight * _risen(step, self.kl_warmup_share * n_steps),
            spread_loss=self.spread_weight * _risen(step, self.spread_warmup_share * n_steps),
            overdrive=jnp.asarray(self.overdrive_weight),
            heard=self.listen_weight * _risen(step, self.listen_warmup_share * n_steps),
        )


def _risen(step: jax.Array | int, n_steps: float) -> jax.Array:
    """Rise from 0 to 1 in ``n_steps``."""
    return jnp.minimum(jnp.asarray(step) / max(n_steps, 1e-9), 1.0) if n_steps else jnp.ones(())


DEFAULT = Recipe(
    input="log",
    optimizer="adam",
    learning_rate=3e-3,
    batch_size=16,
    warmup_share=0.05,
    decay=True,
    clip_norm=1000.0,
    spread_weight=1.0,
    spread_warmup_share=1.0,
    overdrive_weight=10.0,
    long_memory=True,
    proxy=True,
)

RECIPES = {
    "default": DEFAULT,
    # The system of 2019, as its Keras models were trained.
    "original": Recipe(input="power", optimizer="rmsprop", learning_rate=1e-3, batch_size=32),
    # Answers may be off in what is hardly heard, if they sound nearer.
    "listen": replace(DEFAULT, spread_reach=1.5, listen_weight=900.0, listen_warmup_share=1.0),
}


DNN_RATE_SHARE = 0.1
"""Of the default learning rate: tens of millions of weights move the DNN's output at once."""


def find_recipe(name: str, encoder: str = "lstm") -> Recipe:
    """Look a recipe up by its name, for an encoder.

    Raises
    ------
    SettingsError
        There is none of that name.
    """
    try:
        recipe = RECIPES[name]
    except KeyError:
        raise SettingsError(
            f"recipe '{name}': unknown; choose one of {', '.join(RECIPES)}"
        ) from None
    if name != "original" and encoder == "dnn":
        return replace(recipe, learning_rate=DNN_RATE_SHARE * recipe.learning_rate)
    return recipe

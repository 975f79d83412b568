"""Recipes: how a model is trained, beside what it is.

What each setting is worth is measured in ``docs/training.md``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp
import optax

from timbremap_jax.data.dataset import Input
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
    """

    input: Input
    optimizer: Literal["adam", "rmsprop"]
    learning_rate: float
    warmup_share: float = 0.0
    decay: bool = False
    clip_norm: float | None = None
    kl_weight: float = 1.0
    kl_warmup_share: float = 0.0

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

    def kl_weight_at(self, step: jax.Array, n_steps: int) -> jax.Array:
        """Weight of the divergence at a step."""
        n_warmup = max(self.kl_warmup_share * n_steps, 1e-9)
        return self.kl_weight * jnp.minimum(step / n_warmup, 1.0)


RECIPES = {
    "default": Recipe(input="log", optimizer="adam", learning_rate=1e-3),
    # The system of 2019, as its Keras models were trained.
    "original": Recipe(input="power", optimizer="rmsprop", learning_rate=1e-3),
}


def find_recipe(name: str) -> Recipe:
    """Look a recipe up by its name.

    Raises
    ------
    SettingsError
        There is none of that name.
    """
    try:
        return RECIPES[name]
    except KeyError:
        raise SettingsError(f"no recipe '{name}': there are {', '.join(RECIPES)}") from None

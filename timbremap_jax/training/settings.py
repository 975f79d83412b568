"""What a training run is asked to do."""

from __future__ import annotations

from dataclasses import dataclass

from timbremap_runtime.errors import SettingsError

MOST_EPOCHS = 1_000_000
SEEDS = 2**63
"""JAX takes seeds below this."""


@dataclass(frozen=True)
class TrainSettings:
    """Everything that decides what a training run does, beside its data.

    Attributes
    ----------
    encoder : str
        A name in `timbremap_jax.model.encoders.BODIES`.
    generative : bool
        A variational encoder.
    pca : bool
        Re-orient the latent space after training.
    latent_size : int
        m, the size of the latent space and of the point.
    epochs : int
        Passes over the training rows.
    batch_size : int or None
        Rows a step; None takes the recipe's.
    seed : int
        Of everything random, 0 to 2^63 - 1.
    recipe : str
        A name in `timbremap_jax.training.recipes.RECIPES`.

    Raises
    ------
    SettingsError
        A number is out of its range.
    """

    encoder: str = "lstm"
    generative: bool = True
    pca: bool = True
    latent_size: int = 3
    epochs: int = 10
    batch_size: int | None = None
    seed: int = 0
    recipe: str = "default"

    def __post_init__(self):
        if not 0 <= self.seed < SEEDS:
            raise SettingsError(f"seed {self.seed}: out of range; use 0 to {SEEDS - 1}")
        if not 1 <= self.epochs <= MOST_EPOCHS:
            raise SettingsError(f"epochs {self.epochs}: out of range; use 1 to {MOST_EPOCHS}")
        for name in ("latent_size", "batch_size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise SettingsError(f"{name} {value}: out of range; use at least 1")

"""What a training run is asked to do."""

from __future__ import annotations

from dataclasses import dataclass

from flax import nnx

from timbremap_jax.data.dataset import Dataset
from timbremap_jax.model.build import TimbreModel
from timbremap_jax.model.encoders import BODIES, LSTM
from timbremap_jax.training.recipes import find_recipe
from timbremap_runtime.errors import SettingsError


@dataclass(frozen=True)
class TrainSettings:
    """Everything that decides what a training run does.

    Attributes
    ----------
    encoder : str
        ``dnn``, ``cnn`` or ``lstm``.
    generative : bool
        A variational encoder.
    pca : bool
        Re-orient the latent space after training.
    latent_size : int
        m, the number of controls.
    epochs, seed : int
        Passes over the training rows, and the seed of everything random.
    batch_size : int
        Rows a step; 0 takes the recipe's.
    recipe : str
        ``default`` or ``original``.
    """

    encoder: str = "lstm"
    generative: bool = False
    pca: bool = False
    latent_size: int = 3
    epochs: int = 10
    batch_size: int = 0
    seed: int = 0
    recipe: str = "default"

    def __post_init__(self):
        if self.encoder not in BODIES:
            raise SettingsError(f"no encoder '{self.encoder}': there are {', '.join(BODIES)}")
        recipe = find_recipe(self.recipe)
        if not self.batch_size:
            object.__setattr__(self, "batch_size", recipe.batch_size)
        if self.seed < 0:
            raise SettingsError(f"seed is {self.seed}: give 0 or more")
        for name in ("latent_size", "epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} is {getattr(self, name)}: give at least 1")

    def check(self, dataset: Dataset) -> None:
        """Check that a data set can be trained on so.

        Raises
        ------
        SettingsError
            The latent space would be larger than the parameter space, or a batch than the data.
        """
        n_parameters = dataset.labels.shape[1]
        if self.latent_size > n_parameters:
            raise SettingsError(
                f"latent_size is {self.latent_size} but there are {n_parameters} parameters:"
                " a mapping needs at least as many parameters as controls"
            )
        if self.batch_size > len(dataset.training_rows):
            raise SettingsError(
                f"batch is {self.batch_size} but there are {len(dataset.training_rows)} training"
                " rows: give a smaller batch, or render more sounds"
            )

    def make_model(self, input_shape: tuple[int, int], n_parameters: int) -> TimbreModel:
        """Make a model for spectrograms of ``input_shape`` (mel bands, frames), not trained yet."""
        rngs = nnx.Rngs(self.seed)
        model = TimbreModel(
            self.encoder,
            input_shape,
            latent_size=self.latent_size,
            n_parameters=n_parameters,
            generative=self.generative,
            rngs=rngs,
        )
        body = model.encoder.body
        if isinstance(body, LSTM) and find_recipe(self.recipe).long_memory:
            _, n_frames = input_shape
            body.recurrent.spread_memory(n_frames, rngs)
        return model

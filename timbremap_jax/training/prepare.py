"""What a run makes of its settings before it begins: the batch, the model, and whether they fit."""

from __future__ import annotations

from flax import nnx

from timbremap_jax.data.dataset import Dataset
from timbremap_jax.model.build import TimbreModel, build_model
from timbremap_jax.training.recipes import find_recipe
from timbremap_jax.training.settings import TrainSettings
from timbremap_runtime.errors import SettingsError


def batch_size_of(settings: TrainSettings) -> int:
    """Return the rows a step: those of the settings, or else the recipe's."""
    return settings.batch_size or find_recipe(settings.recipe).batch_size


def untrained_model(
    settings: TrainSettings, input_shape: tuple[int, int], n_parameters: int
) -> TimbreModel:
    """Make the model that a run begins with.

    Parameters
    ----------
    settings : TrainSettings
        What is trained.
    input_shape : tuple of int
        Bands and frames that the encoder reads: `timbremap_jax.data.dataset.Dataset.encoder_shape`.
    n_parameters : int
        n.

    Raises
    ------
    SettingsError
        There is no such encoder or recipe, or the encoder cannot read spectrograms of this size.
    """
    return build_model(
        settings.encoder,
        input_shape,
        latent_size=settings.latent_size,
        n_parameters=n_parameters,
        generative=settings.generative,
        long_memory=find_recipe(settings.recipe).long_memory,
        seed=settings.seed,
    )


def check_settings(settings: TrainSettings, dataset: Dataset) -> None:
    """Check that a data set can be trained on with these settings, before anything is written.

    Raises
    ------
    SettingsError
        The latent space would be larger than the parameter space, a batch larger than the data,
        or the encoder does not fit.
    """
    n_parameters = dataset.labels.shape[1]
    if settings.latent_size > n_parameters:
        raise SettingsError(
            f"latent_size {settings.latent_size}: larger than the number of parameters"
            f" ({n_parameters}); use {n_parameters} or less"
        )
    batch_size, n_rows = batch_size_of(settings), len(dataset.training_rows)
    if batch_size > n_rows:
        raise SettingsError(
            f"batch_size {batch_size}: larger than the number of training rows ({n_rows});"
            f" use {n_rows} or less, or render more sounds"
        )
    # Shapes alone: nothing is computed.
    nnx.eval_shape(lambda: untrained_model(settings, dataset.encoder_shape, n_parameters))

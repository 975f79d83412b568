"""The training loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from numpy.typing import NDArray

from timbremap_jax.data.dataset import Dataset, Standardization, batches
from timbremap_jax.encoders import BODIES
from timbremap_jax.model import TimbreModel
from timbremap_jax.objective import objective
from timbremap_runtime.errors import SettingsError, TimbreMapError


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
    epochs, batch_size, seed : int
        Passes over the training rows, rows a step, and the seed of everything random.
    learning_rate : float
        Of Adam.
    """

    encoder: str = "lstm"
    generative: bool = False
    pca: bool = False
    latent_size: int = 3
    epochs: int = 10
    batch_size: int = 32
    seed: int = 0
    learning_rate: float = 1e-3

    def __post_init__(self):
        if self.encoder not in BODIES:
            raise SettingsError(f"no encoder '{self.encoder}': there are {', '.join(BODIES)}")
        for name in ("latent_size", "epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} is {getattr(self, name)}: give at least 1")


@dataclass(frozen=True)
class Encoded:
    """What a model says of every row of a data set.

    Attributes
    ----------
    latent : ndarray of float32, shape (N, m)
        Posterior means, Z.
    parameters : ndarray of float32, shape (N, n)
        Predicted parameters, 0..127.
    """

    latent: NDArray[np.float32]
    parameters: NDArray[np.float32]


@dataclass(frozen=True)
class EpochReport:
    """How an epoch went: mean squared errors in squared parameter units, and the time it took."""

    epoch: int
    training_error: float
    test_error: float
    seconds: float


@dataclass(frozen=True)
class Trained:
    """A trained model with what it needs to read new sounds."""

    model: TimbreModel
    standardization: Standardization
    history: list[EpochReport]


def train(
    dataset: Dataset,
    settings: TrainSettings,
    report: Callable[[EpochReport], None] = lambda _: None,
) -> Trained:
    """Train a model on the training rows of ``dataset``.

    Parameters
    ----------
    dataset : Dataset
        The data.
    settings : TrainSettings
        What to train and how.
    report : callable
        Called after every epoch.

    Raises
    ------
    SettingsError
        The latent space would be larger than the parameter space, or a batch than the data.
    TimbreMapError
        The loss is no longer a number.
    """
    n_parameters = dataset.labels.shape[1]
    if settings.latent_size > n_parameters:
        raise SettingsError(
            f"latent_size is {settings.latent_size} but there are {n_parameters} parameters:"
            " a mapping needs at least as many parameters as controls"
        )
    if settings.batch_size > len(dataset.training_rows):
        raise SettingsError(
            f"batch is {settings.batch_size} but there are {len(dataset.training_rows)} training"
            " rows: give a smaller batch, or render more sounds"
        )
    standardization = dataset.standardization()
    model = TimbreModel(
        settings.encoder,
        dataset.input_shape,
        latent_size=settings.latent_size,
        n_parameters=n_parameters,
        generative=settings.generative,
        rngs=nnx.Rngs(settings.seed),
    )
    graph, weights = nnx.split(model)
    optimizer = optax.adam(settings.learning_rate)
    optimizer_state = optimizer.init(weights)

    @jax.jit
    def step(weights: Any, optimizer_state: Any, key: jax.Array, x: jax.Array, labels: jax.Array):
        def loss_of(weights: Any):
            model = nnx.merge(graph, weights)
            prediction = model(x, nnx.Rngs(key))
            return objective(model, prediction, labels)

        (_, parts), gradient = jax.value_and_grad(loss_of, has_aux=True)(weights)
        update, optimizer_state = optimizer.update(gradient, optimizer_state, weights)
        return optax.apply_updates(weights, update), optimizer_state, parts["squared_error"]

    generator = np.random.default_rng(settings.seed)
    key = jax.random.key(settings.seed)
    history: list[EpochReport] = []
    for epoch in range(1, settings.epochs + 1):
        start = time.perf_counter()
        errors: list[jax.Array] = []
        for rows in batches(dataset.training_rows, settings.batch_size, generator):
            key, step_key = jax.random.split(key)
            weights, optimizer_state, error = step(
                weights,
                optimizer_state,
                step_key,
                standardization(dataset.read(rows)),
                dataset.labels[rows],
            )
            errors.append(error)
        nnx.update(model, weights)
        test = encode(model, standardization, dataset, dataset.test_rows)
        test_error = np.mean((test.parameters - dataset.labels[dataset.test_rows]) ** 2)
        training_error = float(jnp.mean(jnp.stack(errors)))
        if not np.isfinite(training_error):
            raise TimbreMapError(
                f"the loss is not a number after epoch {epoch}: give a smaller rate"
            )
        seconds = time.perf_counter() - start
        history.append(EpochReport(epoch, training_error, float(test_error), seconds))
        report(history[-1])
    return Trained(model, standardization, history)


@jax.jit(static_argnums=0)
def _predict(graph: Any, weights: Any, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    prediction = nnx.merge(graph, weights)(x)
    return prediction.latent.mean, prediction.parameters


def encode(
    model: TimbreModel,
    standardization: Standardization,
    dataset: Dataset,
    rows: NDArray[np.int64],
    batch_size: int = 256,
) -> Encoded:
    """Encode ``rows`` of a data set: posterior means and the parameters they give."""
    graph, weights = nnx.split(model)
    latent: list[NDArray[np.float32]] = []
    parameters: list[NDArray[np.float32]] = []
    for start in range(0, len(rows), batch_size):
        chosen = rows[start : start + batch_size]
        z, p = _predict(graph, weights, standardization(dataset.read(chosen)))
        latent.append(np.asarray(z))
        parameters.append(np.asarray(p))
    return Encoded(np.concatenate(latent), np.concatenate(parameters))

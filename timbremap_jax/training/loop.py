"""The training loop.

A run is decided by its settings and its data alone. The rows of an epoch are shuffled by the seed
and the epoch, dropout and sampling are drawn by the seed and the step: so a run that was stopped
anywhere goes on to the same weights, bit for bit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from numpy.typing import NDArray

from timbremap_jax.backend.devices import batch_sharding, replicated
from timbremap_jax.data.dataset import Dataset, Standardization, batches
from timbremap_jax.data.prefetch import prefetch
from timbremap_jax.model.build import TimbreModel
from timbremap_jax.model.inference import batches_of, encode
from timbremap_jax.model.proxy import Proxy
from timbremap_jax.training.checkpoints import Checkpoint, Checkpoints
from timbremap_jax.training.evaluation import parameter_errors, summarize
from timbremap_jax.training.objective import Losses, losses, overdrive, spread_loss
from timbremap_jax.training.prepare import batch_size_of, check_settings, untrained_model
from timbremap_jax.training.proxy import MOST_TESTED, ProxyReport, train_proxy
from timbremap_jax.training.recipes import Recipe, find_recipe
from timbremap_jax.training.settings import TrainSettings
from timbremap_runtime.errors import TimbreMapError

CHECKPOINT_SECONDS = 120.0
"""Besides one after every epoch, a checkpoint is saved when so much time has passed."""


@dataclass(frozen=True)
class EpochReport:
    """How an epoch went.

    Attributes
    ----------
    epoch : int
        Which, from 1.
    training : dict
        Means over the epoch's batches: ``loss`` and its parts ``mse``, ``kl`` and ``l2``.
    test : dict
        After the epoch, with posterior means: ``loss``, ``mse``, ``mae``, ``spread`` (the spread
        ratio) and ``parameters``, as `timbremap_jax.training.evaluation.summarize` gives them. Of a
        recipe that listens, ``heard`` too: how far off the answers sound, in dB by the proxy.
    seconds : float
        Time of the epoch's steps.
    examples_per_second : float
        Sounds trained on in that time.
    """

    epoch: int
    training: dict[str, float]
    test: dict[str, Any]
    seconds: float
    examples_per_second: float


class Observer(Protocol):
    """Is told how a run is going, and may stop it."""

    def stepped(self, epoch: int, step: int, n_steps: int) -> None:
        """Take note that ``step`` of an epoch's ``n_steps`` are done."""

    def proxy_stepped(self, step: int, n_steps: int) -> None:
        """Take note that ``step`` of ``n_steps`` of the proxy's training are done."""

    def proxy_trained(self, report: ProxyReport) -> None:
        """Take note that the proxy was trained and tested."""

    def epoch_ended(self, report: EpochReport) -> None:
        """Take note that an epoch was evaluated and saved."""

    def should_stop(self) -> bool:
        """Whether to save a checkpoint now and return."""
        ...


class Silence:
    """Observes nothing and lets a run go to its end."""

    def stepped(self, epoch: int, step: int, n_steps: int) -> None:
        """Do nothing."""

    def proxy_stepped(self, step: int, n_steps: int) -> None:
        """Do nothing."""

    def proxy_trained(self, report: ProxyReport) -> None:
        """Do nothing."""

    def epoch_ended(self, report: EpochReport) -> None:
        """Do nothing."""

    def should_stop(self) -> bool:
        """Go on."""
        return False


@dataclass(frozen=True)
class Trained:
    """A trained model with what it needs to read new sounds.

    Attributes
    ----------
    model : TimbreModel
        With its trained weights.
    standardization : Standardization
        How spectrograms are brought to what the encoder reads.
    history : list of EpochReport
        One for every epoch.
    finished : bool
        False if the run was stopped before its end.
    proxy : ProxyReport or None
        How good the proxy is; None without one.
    hear : Proxy or None
        The proxy itself.
    """

    model: TimbreModel
    standardization: Standardization
    history: list[EpochReport]
    finished: bool = True
    proxy: ProxyReport | None = None
    hear: Proxy | None = None


class StepReport(NamedTuple):
    """Losses of one step's batch, and whether all numbers were finite, as arrays to wait for."""

    loss: jax.Array
    mse: jax.Array
    kl: jax.Array
    l2: jax.Array
    finite: jax.Array


@dataclass
class RunState:
    """How far a run has come; a checkpoint holds it as JSON.

    Attributes
    ----------
    step : int
        Steps done, over all epochs.
    sums : dict
        Of the current epoch's losses.
    seconds : float
        Time of the current epoch's steps.
    history : list of EpochReport
        The epochs before it.
    proxy : ProxyReport or None
        How good the proxy is; None without one.
    """

    step: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    history: list[EpochReport] = field(default_factory=list)
    proxy: ProxyReport | None = None

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> RunState:
        """Read what ``asdict`` wrote."""
        history = [EpochReport(**report) for report in content["history"]]
        proxy = content.get("proxy")  # version 0.1 had none
        return cls(
            content["step"],
            content["sums"],
            content["seconds"],
            history,
            ProxyReport(**proxy) if proxy else None,
        )


def make_step(
    graph: Any, recipe: Recipe, n_steps: int, seed: int, proxy_graph: Any = None
) -> Callable[..., Any]:
    """Make the jitted step of a run of ``n_steps``.

    With the graph of a proxy it listens: it is then given one thing more, ``listening``, the
    proxy's state, the coefficients of the batch's sounds, and their notes if there are several.

    Returns
    -------
    callable
        ``step(weights, optimizer_state, number, x, labels, listening=None)`` gives new weights, new
        optimizer state and a `StepReport`. It takes over the memory of the first two.
    """
    optimizer = recipe.gradient_transformation(n_steps)
    key = jax.random.key(seed)

    def step(
        weights: Any,
        optimizer_state: Any,
        number: jax.Array,
        x: jax.Array,
        labels: jax.Array,
        listening: tuple[Any, jax.Array, jax.Array] | None = None,
    ):
        if listening:
            proxy_state, sounds, notes = listening
            listening = nnx.merge(proxy_graph, proxy_state), sounds, notes

        def loss_of(weights: Any):
            model = nnx.merge(graph, weights)
            prediction = model(x, nnx.Rngs(jax.random.fold_in(key, number)))
            parts = losses(model, prediction, labels, recipe.spread_reach, listening)
            return parts.total(recipe.weights_at(number, n_steps)), parts

        (loss, parts), gradient = jax.value_and_grad(loss_of, has_aux=True)(weights)
        update, optimizer_state = optimizer.update(gradient, optimizer_state, weights)
        report = StepReport(
            loss,
            jnp.mean(parts.squared_error),
            jnp.mean(parts.kl),
            parts.l2,
            jnp.isfinite(loss) & jnp.isfinite(optax.tree.norm(gradient)),
        )
        return optax.apply_updates(weights, update), optimizer_state, report

    return jax.jit(step, donate_argnums=(0, 1))


def train(
    dataset: Dataset,
    settings: TrainSettings,
    checkpoints: Checkpoints | None = None,
    observer: Observer | None = None,
    recipe: Recipe | None = None,
) -> Trained:
    """Train a model, from its newest checkpoint if there is one.

    Parameters
    ----------
    dataset : Dataset
        The data.
    settings : TrainSettings
        What to train and how.
    checkpoints : Checkpoints, optional
        Where the run is saved, and from where it goes on. They must be of the same settings and
        data.
    observer : Observer, optional
        Is told how the run goes.
    recipe : Recipe, optional
        The one that the run began with, where a newer version may have another of its name.

    Raises
    ------
    SettingsError
        The settings do not fit the data.
    TimbreMapError
        The loss became NaN or infinite. The checkpoint before that is kept.
    """
    check_settings(settings, dataset)
    observer = observer or Silence()
    run = _Run(
        dataset, settings, checkpoints, recipe or find_recipe(settings.recipe, settings.encoder)
    )
    finished = run.go_on(observer)
    return Trained(
        run.trained_model(),
        run.standardization,
        run.state.history,
        finished,
        run.state.proxy,
        run.proxy,
    )


class _Run:
    """The state of a training run, and what moves it."""

    def __init__(
        self,
        dataset: Dataset,
        settings: TrainSettings,
        checkpoints: Checkpoints | None,
        recipe: Recipe,
    ):
        self.dataset = dataset
        self.settings = settings
        self.checkpoints = checkpoints
        self.recipe = recipe
        self.batch_size = batch_size_of(settings)
        self.sharding = batch_sharding(self.batch_size)
        self.steps_per_epoch = len(dataset.training_rows) // self.batch_size
        self.n_steps = settings.epochs * self.steps_per_epoch
        model = untrained_model(settings, dataset.encoder_shape, dataset.labels.shape[1])
        self.graph, state = nnx.split(model)
        weights = nnx.to_pure_dict(state)
        optimizer_state = self.recipe.gradient_transformation(self.n_steps).init(weights)
        saved = checkpoints.latest(weights, optimizer_state) if checkpoints else None
        if saved:
            weights, optimizer_state, self.standardization, run_state, proxy = saved
            self.state = RunState.from_json(run_state)
            self.proxy = Proxy.from_arrays(proxy) if proxy else None
        else:
            self.standardization = dataset.standardization(self.recipe.input)
            self.state = RunState()
            self.proxy = None
        self.proxy_graph: Any = None  # without it nothing is heard
        self.weights, self.optimizer_state = jax.device_put(
            (weights, optimizer_state), replicated(self.sharding)
        )
        self.saved_at = time.monotonic()

    def go_on(self, observer: Observer) -> bool:
        """Train to the end, or until the observer stops it; say which."""
        if self.recipe.proxy and not self.proxy:
            self.proxy, self.state.proxy = train_proxy(
                self.dataset, self.settings.seed, observer.proxy_stepped
            )
            observer.proxy_trained(self.state.proxy)
            if observer.should_stop():
                self._save()
                return False
        self._listen()
        step = make_step(
            self.graph, self.recipe, self.n_steps, self.settings.seed, self.proxy_graph
        )
        while len(self.state.history) < self.settings.epochs:
            if not self._epoch(step, observer):
                return False
        return True

    def _listen(self) -> None:
        """Put the proxy where the weights are, and keep what the test sounds sound like."""
        if not self.proxy or not self.recipe.listen_weight:
            return
        self.proxy_graph, state = nnx.split(self.proxy)
        self.proxy_state = jax.device_put(state, replicated(self.sharding))
        powers = batches_of(self.dataset, self.dataset.test_rows[:MOST_TESTED])
        self.test_sounds = np.concatenate([self.proxy.hear(power) for power in powers])

    def _epoch(self, step: Callable[..., Any], observer: Observer) -> bool:
        """Train to the end of the current epoch; False if stopped before."""
        state = self.state
        epoch = len(state.history)
        done = state.step - epoch * self.steps_per_epoch
        start, seconds = time.perf_counter(), state.seconds
        before: StepReport | None = None
        for x, labels, heard in self._batches(epoch, done):
            self.weights, self.optimizer_state, report = step(
                self.weights,
                self.optimizer_state,
                state.step,
                x,
                labels,
                (self.proxy_state, *heard) if heard else None,
            )
            # The step before is waited for while this one runs.
            self._settle(before)
            before = report
            state.step += 1
            state.seconds = seconds + time.perf_counter() - start
            observer.stepped(
                epoch + 1, state.step - epoch * self.steps_per_epoch, self.steps_per_epoch
            )
            stop = observer.should_stop()
            if stop or time.monotonic() - self.saved_at > CHECKPOINT_SECONDS:
                self._settle(before)
                before = None
                self._save()
            if stop:
                return False
        self._settle(before)
        state.seconds = seconds + time.perf_counter() - start
        report = self._evaluate(epoch + 1)
        state.history.append(report)
        state.sums, state.seconds = {}, 0.0
        self._save()
        observer.epoch_ended(report)
        return not observer.should_stop() or state.step == self.n_steps

    def _batches(
        self, epoch: int, done: int
    ) -> Iterator[tuple[jax.Array, jax.Array, tuple[jax.Array, ...]]]:
        """Give what is left of an epoch's batches, on the devices."""

        def prepare(rows: NDArray[np.int64]) -> tuple[jax.Array, jax.Array, tuple[jax.Array, ...]]:
            power = self.dataset.read(rows)
            x = self.standardization(power, self.dataset.notes_of(rows))
            labels, heard = self.dataset.labels[rows], ()
            if self.proxy and self.proxy_graph:
                notes = self.dataset.notes_of(rows)
                none = np.zeros((len(rows), 0), np.float32)
                heard = self.proxy.hear(power), none if notes is None else notes
            return jax.device_put((x, labels, heard), self.sharding)

        generator = np.random.default_rng([self.settings.seed, epoch])
        rows = list(batches(self.dataset.training_rows, self.batch_size, generator))
        return prefetch(prepare, rows[done:])

    def _settle(self, report: StepReport | None) -> None:
        """Wait for a step and add its losses up."""
        if report is None:
            return
        values = jax.device_get(report)
        if not values.finite:
            epoch, step = divmod(self.state.step - 1, self.steps_per_epoch)
            raise self._diverged(f"epoch {epoch + 1}, step {step + 1}")
        for name in ("loss", "mse", "kl", "l2"):
            self.state.sums[name] = self.state.sums.get(name, 0.0) + float(getattr(values, name))

    def _evaluate(self, epoch: int) -> EpochReport:
        state, dataset = self.state, self.dataset
        training = {name: total / self.steps_per_epoch for name, total in state.sums.items()}
        true = dataset.labels[dataset.test_rows]
        said = encode(
            self.trained_model(),
            self.standardization,
            batches_of(dataset, dataset.test_rows),
            dataset.notes_of(dataset.test_rows),
        )
        if not np.isfinite(said.parameters).all():
            raise self._diverged(f"epoch {epoch}")
        test = summarize(parameter_errors(said.parameters, true, dataset.parameter_names))
        heard = 0.0
        if self.proxy and self.proxy_graph:
            played = dataset.played[dataset.test_rows]
            played[:, : true.shape[1]] = said.parameters
            answers = self.proxy.coefficients(played[: len(self.test_sounds)])
            heard = np.asarray(self.proxy.distance(answers, self.test_sounds))
            test["heard"] = float(heard.mean()) * self.proxy.deviation
        parts = Losses(
            (said.parameters - true) ** 2,
            said.kl,
            training["l2"],
            spread_loss(said.parameters, true, self.recipe.spread_reach),
            overdrive(said.drive),
            heard,
        )
        loss = float(parts.total(self.recipe.weights_at(state.step, self.n_steps)))
        n_examples = self.steps_per_epoch * self.batch_size
        return EpochReport(
            epoch,
            training,
            {"loss": loss, **test},
            state.seconds,
            n_examples / state.seconds,
        )

    def _diverged(self, when: str) -> TimbreMapError:
        kept = (
            f" (the last good checkpoint is kept in {self.checkpoints.folder})"
            if self.checkpoints and self.checkpoints.folder.is_dir()
            else ""
        )
        return TimbreMapError(
            f"the loss became NaN or infinite in {when}; try another seed, a larger batch or"
            f" another encoder in a new folder{kept}"
        )

    def trained_model(self) -> TimbreModel:
        """Return the model with its present weights."""
        return nnx.merge(self.graph, self.weights)

    def _save(self) -> None:
        if self.checkpoints:
            checkpoint = Checkpoint(
                self.weights,
                self.optimizer_state,
                self.standardization,
                asdict(self.state),
                self.proxy.arrays() if self.proxy else {},
            )
            self.checkpoints.save(self.state.step, checkpoint)
        self.saved_at = time.monotonic()

"""How fast do the encoders train, beside PyTorch and beside the original recipe?

    pip install torch
    python benchmarks/bench_training.py

Examples a second: both take whole training steps (dropout, forward, the loss with its divergence
and weight penalty, backward, Adam) on the same batch of 104 frames of 128 mels, in the same
process, in rounds that alternate, so that whatever else the machine does hurts both. Both may use
all cores. PyTorch takes each round twice, with a thread for each core and with one, and counts by
the faster.

PyTorch's OpenMP threads spin while they wait for one another, which takes seconds where something
else holds a core. GOMP_SPINCOUNT=0 spares it that, and is set here unless you set it otherwise.

The limit is the arithmetic of the step alone: three products of matrices for each layer, forward
and back, at the speed at which this machine multiplies large ones.

Epochs to an error: `--recipe original` and the default train on the same sounds for the same number
of epochs. The error to reach is the least that the original had on test sounds after any epoch; the
multiple is the number of epochs it took for that over the number that the default took to be there.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from limits import products_per_second
from race import Race, alternate
from results import Result, run_alone
from sound_data import render

from timbremap_jax.backend.devices import batch_sharding, replicated, use_all_cores
from timbremap_jax.data.dataset import Dataset, load_dataset
from timbremap_jax.data.features.compute import compute_features
from timbremap_jax.data.workers import n_cores
from timbremap_jax.model.build import TimbreModel
from timbremap_jax.model.encoders import CNN, DROPOUT, LSTM
from timbremap_jax.training.loop import make_step, train
from timbremap_jax.training.objective import L2_WEIGHT
from timbremap_jax.training.recipes import Recipe
from timbremap_jax.training.settings import TrainSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    Steps = Callable[[int], None]

N_MELS, N_FRAMES, LATENT_SIZE, N_PARAMETERS = 128, 104, 3, 9
BATCH_SIZE = 32
LEARNING_RATE = 1e-3
N_STEPS = 10_000  # of the run that the schedules are told of
N_ROUNDS, N_ROUNDS_SHORT, STEPS_A_ROUND = 10, 5, 10
STEPS_A_ROUND_DNN = 2
"""A step of the DNN takes ten times as long as one of the LSTM."""
N_SOUNDS, N_SOUNDS_SHORT = 1_500, 200
EPOCHS, EPOCHS_SHORT = 12, 2


def measure(short: bool) -> Result:
    """Race both: steps beside PyTorch, epochs beside the original recipe."""
    jax.config.update("jax_platforms", "cpu")
    use_all_cores()
    result = Result([])
    for kind in ("lstm", "cnn", "dnn"):
        steps(result, kind, N_ROUNDS_SHORT if short else N_ROUNDS)
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder) / "data"
        render(data_dir, N_SOUNDS_SHORT if short else N_SOUNDS)
        compute_features(data_dir)
        epochs(result, load_dataset(data_dir), EPOCHS_SHORT if short else EPOCHS)
    return result


def steps(result: Result, kind: str, n_rounds: int) -> None:
    """Examples a second of one encoder, beside PyTorch where it is installed."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(BATCH_SIZE, N_MELS, N_FRAMES)).astype(np.float32)
    labels = generator.uniform(0, 127, (BATCH_SIZE, N_PARAMETERS)).astype(np.float32)
    model = TimbreModel(
        kind,
        (N_MELS, N_FRAMES),
        latent_size=LATENT_SIZE,
        n_parameters=N_PARAMETERS,
        generative=True,
        rngs=nnx.Rngs(0),
    )
    contestants: dict[str, Steps] = {"ours": in_jax(model, x, labels)}
    try:
        import torch  # pyright: ignore[reportMissingImports]
    except ImportError:
        result.notes.append(f"{kind}: PyTorch does not take part: torch is not installed")
    else:
        theirs = in_torch(torch, model, x, labels)

        def with_threads(n_threads: int) -> Steps:
            def run(n_steps: int) -> None:
                torch.set_num_threads(n_threads)
                theirs(n_steps)

            return run

        contestants |= {"all cores": with_threads(n_cores()), "one core": with_threads(1)}
    n_steps = STEPS_A_ROUND_DNN if kind == "dnn" else STEPS_A_ROUND
    calls = {name: lambda run=run: run(n_steps) for name, run in contestants.items()}
    alternate(calls, 1)
    seconds = alternate(calls, n_rounds)
    examples = BATCH_SIZE * n_steps
    medians = {name: examples / float(np.median(each)) for name, each in seconds.items()}
    result.figures[f"examples/s, {kind}"] = medians
    if len(contestants) > 1:
        faster = np.minimum(seconds["all cores"], seconds["one core"])
        result.races.append(
            Race(
                f"{kind.upper()}, batches of {BATCH_SIZE}",
                "PyTorch",
                float(np.median(faster / seconds["ours"])),
                medians["ours"],
                examples / float(np.median(faster)),
                "examples/s",
                products_per_second() / (3 * products(model)),
            )
        )


def products(model: TimbreModel) -> int:
    """Count the multiplications of an example that goes forward."""
    encoder = model.encoder
    body = encoder.body
    if isinstance(body, LSTM):
        recurrent = body.recurrent
        many = N_FRAMES * (recurrent.input_kernel[...].size + recurrent.recurrent_kernel[...].size)
    elif isinstance(body, CNN):
        many, n_frames = 0, N_FRAMES
        for each in (body.first, body.second):
            filters = each.kernel[...]
            n_frames -= filters.shape[0] - 1
            many += n_frames * filters.size
    else:
        many = body.wide.kernel[...].size + body.narrow.kernel[...].size
    rest: list[Any] = [encoder.dense, encoder.mean, encoder.log_variance, model.regressor.dense]
    return many + sum(layer.kernel[...].size for layer in rest)


def epochs(result: Result, dataset: Dataset, n_epochs: int) -> None:
    """Error after every epoch of both recipes, on the same sounds."""
    errors: dict[str, list[float]] = {}
    for recipe in ("original", "default"):
        start = time.perf_counter()
        history = train(
            dataset, TrainSettings(generative=True, epochs=n_epochs, recipe=recipe)
        ).history
        errors[recipe] = [float(report.test["mse"]) for report in history]
        result.figures[f"seconds, {recipe}"] = time.perf_counter() - start
    result.figures["mean squared error by epoch"] = errors
    target = min(errors["original"])
    theirs = errors["original"].index(target) + 1
    reached = [epoch for epoch, error in enumerate(errors["default"], 1) if error <= target]
    said = f"a mean squared error of {target:.0f} on test sounds, the least of the original recipe"
    case = f"LSTM, {len(dataset)} sounds, {n_epochs} epochs"
    if not reached:
        result.notes.append(
            f"{case}: the default did not reach {said}; it came to {min(errors['default']):.0f}"
        )
        return
    result.races.append(
        Race(case, "--recipe original", theirs / reached[0], reached[0], theirs, "epochs")
    )
    result.notes.append(
        f"{case}: epochs to {said}; in the end the default came to {errors['default'][-1]:.0f},"
        f" the original to {errors['original'][-1]:.0f}"
    )


def in_jax(model: TimbreModel, x: np.ndarray, labels: np.ndarray) -> Steps:
    """Make steps of training as `tm-train` takes them."""
    recipe = Recipe("log", "adam", LEARNING_RATE)
    graph, state = nnx.split(model)
    weights = nnx.to_pure_dict(state)
    optimizer_state = recipe.gradient_transformation(N_STEPS).init(weights)
    # As tm-train has it: every core a device for the LSTM, all of them one device for the others.
    divided = batch_sharding(len(x) if isinstance(model.encoder.body, LSTM) else 1)
    weights, optimizer_state = jax.device_put((weights, optimizer_state), replicated(divided))
    step = make_step(graph, recipe, N_STEPS, seed=0)
    done = 0

    def steps(n_steps: int) -> None:
        nonlocal weights, optimizer_state, done
        for _ in range(n_steps):
            batch = jax.device_put((x, labels), divided)
            weights, optimizer_state, _ = step(weights, optimizer_state, done, *batch)
            done += 1
        jax.block_until_ready(weights)

    return steps


def in_torch(torch: Any, model: TimbreModel, x: np.ndarray, labels: np.ndarray) -> Steps:
    """Make steps of the same model with the same first weights."""
    functional, encoder = torch.nn.functional, model.encoder
    body = encoder.body

    def linear(layer: Any):
        result = torch.nn.Linear(*layer.kernel[...].shape)
        with torch.no_grad():
            result.weight.copy_(torch.tensor(np.asarray(layer.kernel[...].T)))
            result.bias.copy_(torch.tensor(np.asarray(layer.bias[...])))
        return result

    dense, mean, log_variance, regressor = (
        linear(layer)
        for layer in (encoder.dense, encoder.mean, encoder.log_variance, model.regressor.dense)
    )
    if isinstance(body, LSTM):
        hear, own = lstm_in_torch(torch, body, len(x))
    elif isinstance(body, CNN):
        convolutions = [convolution_in_torch(torch, each) for each in (body.first, body.second)]
        hear, own = cnn_in_torch(torch, convolutions), convolutions
    else:
        own = [linear(body.wide), linear(body.narrow)]
        hear = dnn_in_torch(torch, own)
    layers = torch.nn.ModuleList([*own, dense, mean, log_variance, regressor])
    optimizer = torch.optim.Adam(layers.parameters(), LEARNING_RATE)
    true = torch.tensor(labels)

    def predict(training: bool):
        h = functional.relu(dense(hear(torch.from_numpy(x), training)))
        z, log_v = mean(h), log_variance(h)
        point = z + torch.exp(0.5 * log_v) * torch.randn_like(z) if training else z
        return 127.0 * torch.sigmoid(regressor(point)), z, log_v

    def steps(n_steps: int) -> None:
        for _ in range(n_steps):
            optimizer.zero_grad()
            predicted, z, log_v = predict(training=True)
            kl = 0.5 * (log_v.exp() + z**2 - 1 - log_v).sum(-1).mean()
            penalty = L2_WEIGHT * (dense.weight**2).sum()
            (((predicted - true) ** 2).mean() + kl + penalty).backward()
            optimizer.step()

    with torch.no_grad():
        predicted = predict(training=False)[0].numpy()
    # Single precision over all the frames, of 127.
    np.testing.assert_allclose(model(jnp.asarray(x)).parameters, predicted, rtol=0, atol=1e-3)
    return steps


def lstm_in_torch(torch: Any, body: LSTM, batch_size: int) -> tuple[Any, list[Any]]:
    """Make the LSTM: what maps a batch to vectors, and its layers."""
    lstm = torch.nn.LSTM(N_MELS, body.output_size, batch_first=True)
    with torch.no_grad():
        for parameter, value in (
            (lstm.weight_ih_l0, body.recurrent.input_kernel[...].T),
            (lstm.weight_hh_l0, body.recurrent.recurrent_kernel[...].T),
            (lstm.bias_ih_l0, body.recurrent.bias[...]),
        ):
            parameter.copy_(torch.tensor(np.asarray(value)))
        lstm.bias_hh_l0.zero_()

    def hear(x: Any, training: bool) -> Any:
        # One mask for all frames of a sound.
        ones = torch.ones(batch_size, 1, N_MELS)
        mask = torch.nn.functional.dropout(ones, DROPOUT, training)
        return lstm(x.transpose(1, 2) * mask)[1][0][0]

    return hear, [lstm]


def convolution_in_torch(torch: Any, layer: Any) -> Any:
    """Make a convolution over the frames with the same weights."""
    size, n_in, n_out = layer.kernel[...].shape
    result = torch.nn.Conv1d(n_in, n_out, size)
    with torch.no_grad():
        result.weight.copy_(torch.tensor(np.asarray(layer.kernel[...].transpose(2, 1, 0))))
        result.bias.copy_(torch.tensor(np.asarray(layer.bias[...])))
    return result


def cnn_in_torch(torch: Any, convolutions: list[Any]) -> Any:
    """Make what maps a batch to vectors, frames first as ours has them."""
    relu = torch.nn.functional.relu

    def hear(x: Any, training: bool) -> Any:
        for convolution in convolutions:
            x = relu(convolution(x))
        return x.transpose(1, 2).flatten(1)

    return hear


def dnn_in_torch(torch: Any, layers: list[Any]) -> Any:
    """Make what maps a batch to vectors."""
    relu = torch.nn.functional.relu

    def hear(x: Any, training: bool) -> Any:
        x = x.flatten(1)
        for layer in layers:
            x = relu(layer(x))
        return x

    return hear


if __name__ == "__main__":
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    run_alone(measure, __doc__)

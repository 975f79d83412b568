"""How many examples a second does the LSTM encoder train on, beside the same model in PyTorch?

    pip install torch
    python benchmarks/bench_training.py

Both take whole training steps (dropout, forward, the loss with its divergence and weight penalty,
backward, Adam) on the same batch of 104 frames of 128 mels, in the same process, in rounds that
alternate, so that whatever else the machine does hurts both. Both may use all cores. PyTorch takes
each round twice, with a thread for each core and with one, and counts by the faster. The number
that counts is the multiple: the examples a second of TimbreMap over those of PyTorch, the median
over all rounds (and the 10th percentile, the tail). Milliseconds are of this machine alone.

PyTorch's OpenMP threads spin while they wait for one another, which takes seconds where something
else holds a core. On a machine that is not idle, set GOMP_SPINCOUNT=0 to spare it that.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from timbremap_jax.devices import batch_sharding, n_cores, replicated, use_all_cores
from timbremap_jax.encoders import DROPOUT
from timbremap_jax.model import TimbreModel
from timbremap_jax.objective import L2_WEIGHT
from timbremap_jax.recipes import Recipe
from timbremap_jax.training import make_step

if TYPE_CHECKING:
    from collections.abc import Callable

    Steps = Callable[[int], None]

N_MELS, N_FRAMES, LATENT_SIZE, N_PARAMETERS = 128, 104, 3, 9
LEARNING_RATE = 1e-3
N_STEPS = 10_000  # of the run that the schedules are told of


def main() -> None:
    parser = argparse.ArgumentParser(description="Training the LSTM encoder, beside PyTorch.")
    parser.add_argument("--batch", type=int, default=32, help="examples a step")
    parser.add_argument("--rounds", type=int, default=20, help="rounds of 10 steps each")
    args = parser.parse_args()
    try:
        import torch  # pyright: ignore[reportMissingImports]
    except ImportError:
        sys.exit("PyTorch is not installed: run  pip install torch")
    jax.config.update("jax_platforms", "cpu")
    use_all_cores()
    generator = np.random.default_rng(0)
    x = generator.normal(size=(args.batch, N_MELS, N_FRAMES)).astype(np.float32)
    labels = generator.uniform(0, 127, (args.batch, N_PARAMETERS)).astype(np.float32)
    model = TimbreModel(
        "lstm",
        (N_MELS, N_FRAMES),
        latent_size=LATENT_SIZE,
        n_parameters=N_PARAMETERS,
        generative=True,
        rngs=nnx.Rngs(0),
    )
    theirs = in_torch(torch, model, x, labels)
    ours = in_jax(model, x, labels)

    def with_threads(n_threads: int) -> Steps:
        def steps(n_steps: int) -> None:
            torch.set_num_threads(n_threads)
            theirs(n_steps)

        return steps

    ours_ms, all_ms, one_ms = alternate(
        (ours, with_threads(n_cores()), with_threads(1)), args.rounds
    )
    multiples = np.minimum(all_ms, one_ms) / ours_ms
    devices = jax.devices()
    for name, step_ms in (
        (f"TimbreMap, {len(devices)} {devices[0].platform} devices", ours_ms),
        (f"PyTorch {torch.__version__}, {n_cores()} threads", all_ms),
        (f"PyTorch {torch.__version__}, 1 thread", one_ms),
    ):
        median = np.median(step_ms)
        print(f"{name:32} {median:7.2f} ms a step {args.batch / median * 1e3:7.0f} examples/s")
    print(
        f"TimbreMap / PyTorch: median {np.median(multiples):.2f},"
        f" 10th percentile {np.percentile(multiples, 10):.2f}"
    )


def in_jax(model: TimbreModel, x: np.ndarray, labels: np.ndarray) -> Steps:
    """Steps of training as `tm-train` takes them."""
    recipe = Recipe("log", "adam", LEARNING_RATE)
    graph, state = nnx.split(model)
    weights = nnx.to_pure_dict(state)
    optimizer_state = recipe.gradient_transformation(N_STEPS).init(weights)
    divided = batch_sharding(len(x))
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
    """Steps of the same model with the same first weights."""
    functional, encoder = torch.nn.functional, model.encoder
    lstm = torch.nn.LSTM(N_MELS, encoder.body.output_size, batch_first=True)
    with torch.no_grad():
        for parameter, value in (
            (lstm.weight_ih_l0, encoder.body.recurrent.input_kernel[...].T),
            (lstm.weight_hh_l0, encoder.body.recurrent.recurrent_kernel[...].T),
            (lstm.bias_ih_l0, encoder.body.recurrent.bias[...]),
        ):
            parameter.copy_(torch.tensor(np.asarray(value)))
        lstm.bias_hh_l0.zero_()

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
    layers = torch.nn.ModuleList([lstm, dense, mean, log_variance, regressor])
    optimizer = torch.optim.Adam(layers.parameters(), LEARNING_RATE)
    true = torch.tensor(labels)

    def predict(training: bool):
        # One mask for all frames of a sound.
        mask = functional.dropout(torch.ones(len(x), 1, N_MELS), DROPOUT, training)
        h = lstm(torch.from_numpy(x).transpose(1, 2) * mask)[1][0][0]
        h = functional.relu(dense(h))
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


def alternate(frameworks: tuple[Steps, ...], n_rounds: int) -> np.ndarray:
    """Milliseconds a step, a row for each of ``frameworks``, round by round."""
    for steps in frameworks:
        round_ms(steps)
    return np.array([[round_ms(steps) for steps in frameworks] for _ in range(n_rounds)]).T


def round_ms(steps: Steps, n_steps: int = 10) -> float:
    start = time.perf_counter()
    steps(n_steps)
    return (time.perf_counter() - start) / n_steps * 1e3


if __name__ == "__main__":
    main()

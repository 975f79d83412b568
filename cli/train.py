"""tm-train: learn a mapping from a data set."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from timbremap_jax.training.settings import TrainSettings

from ._common import as_typed, command, parser, positive, seed

if TYPE_CHECKING:
    from tqdm import tqdm

    from timbremap_jax.data.dataset import Dataset
    from timbremap_jax.training.loop import EpochReport
    from timbremap_jax.training.proxy import ProxyReport

FEW = 500
"""Sounds; with fewer, hardly anything can be learned."""

FEW_TESTS = 10
"""Test sounds; the errors over fewer are a matter of chance."""

COLLAPSED = 0.05
"""A model whose answers to the training sounds vary less than that, as a share of what the true
values do, has learned nothing of the sounds."""


@command
def main(argv: list[str] | None = None) -> None:
    """Train a model and export its mapping."""
    arguments = parser(
        "Learn to play an instrument's parameters from a small latent space of its sound.",
        "tm-train --encoder lstm --gen --pca data/fm models/fm",
    )
    add = arguments.add_argument
    defaults = TrainSettings()
    encoder = arguments.add_mutually_exclusive_group()
    encoder.add_argument(
        "--encoder",
        metavar="NAME",
        default=defaults.encoder,
        help="what hears the sounds: lstm, cnn or dnn",
    )
    for kind in ("dnn", "cnn", "lstm"):
        encoder.add_argument(
            f"--{kind}",
            dest="encoder",
            action="store_const",
            const=kind,
            help=f"same as --encoder {kind}",
        )
    switch = argparse.BooleanOptionalAction
    add(
        "--gen",
        action=switch,
        default=defaults.generative,
        help="a variational (generative) encoder",
    )
    add(
        "--pca",
        action=switch,
        default=defaults.pca,
        help="turn the point's axes to the latent space's main axes",
    )
    add("--epochs", type=positive, default=defaults.epochs, help="passes over the training sounds")
    add("--batch", type=positive, help="sounds a step (default: the recipe's)")
    add(
        "--latent-size",
        "--latent_size",
        type=positive,
        default=defaults.latent_size,
        help="how many coordinates a point has",
    )
    add("--seed", type=seed, default=defaults.seed, help="the same seed gives the same model")
    add(
        "--recipe",
        metavar="NAME",
        default=defaults.recipe,
        help="how the model is trained: default; listen, for answers that sound nearer; or"
        " original, as in the system of 2019",
    )
    add(
        "--resume",
        action="store_true",
        help="go on where the run in MODEL_DIR was stopped; with more --epochs, train it further",
    )
    add("data_dir", type=Path, help="a folder that tm-features completed")
    add("model_dir", type=Path, help="a new folder for the model")
    args = arguments.parse_args(argv)
    settings = TrainSettings(
        encoder=args.encoder,
        generative=args.gen,
        pca=args.pca,
        latent_size=args.latent_size,
        epochs=args.epochs,
        batch_size=args.batch,
        seed=args.seed,
        recipe=args.recipe,
    )

    from timbremap_jax.backend.compilation import keep_compilations
    from timbremap_jax.backend.devices import use_all_cores

    if args.encoder == "lstm":
        use_all_cores()  # before JAX starts: what it has started with cannot be changed
    keep_compilations()

    from timbremap_jax.data.dataset import load_dataset
    from timbremap_jax.data.lock import at_work_in
    from timbremap_jax.training.prepare import check_settings

    dataset = load_dataset(args.data_dir, args.seed)
    check_settings(settings, dataset)
    if len(dataset) < FEW:
        note(f"only {len(dataset)} sounds: expect large errors; start with 1000, better 10000")
    for notice in dataset.notices:
        note(notice)
    typed = [word for word in as_typed("tm-train", argv) if word != "--resume"]
    with at_work_in(args.model_dir, typed):
        metrics = run(dataset, settings, args.data_dir, args.model_dir, args.resume, typed)
    if metrics is None:
        print(f"{args.model_dir}: already trained")
        return
    for name, error in metrics["test"]["parameters"].items():
        ratio = error["spread"]
        print(
            f"  {name}: {error['mae']:.1f} of 127 off on average"
            + ("" if ratio is None else f", spread ratio {ratio:.2f}")
        )
    print(f"{args.model_dir}: mean squared error on test sounds {metrics['test']['mse']:.1f}")
    n_test = len(dataset.test_rows)
    if n_test < FEW_TESTS:
        note(f"only {n_test} test sound{'s' * (n_test > 1)}: these errors say little")
    ratios = [error["spread"] for error in metrics["training"]["parameters"].values()]
    known = [ratio for ratio in ratios if ratio is not None]
    if known and max(known) < COLLAPSED:
        note(
            "the model gives the same answer to every sound, so it cannot be played; try more"
            " sounds or epochs, or another --encoder"
        )


def run(
    dataset: Dataset,
    settings: TrainSettings,
    data_dir: Path,
    model_dir: Path,
    resume: bool,
    typed: list[str],
) -> dict[str, Any] | None:
    """Train in a model folder and complete it; return its metrics, None if it was complete."""
    from timbremap_jax.model_folder.config import recipe_of
    from timbremap_jax.model_folder.run import checkpoints_of, open_run
    from timbremap_jax.training.loop import train

    if open_run(model_dir, data_dir, dataset, settings, resume=resume, command=typed):
        return None
    with stop_asked() as should_stop:
        show = EpochLines(settings.epochs, should_stop)
        trained = train(dataset, settings, checkpoints_of(model_dir), show, recipe_of(model_dir))
    if not trained.finished:
        raise KeyboardInterrupt(
            f"stopped and saved; go on with  {shlex.join([*typed, '--resume'])}"
        )

    from timbremap_jax.model_folder.write import save_model

    return save_model(model_dir, dataset, settings, trained)


def note(text: str) -> None:
    """Print what the user should know."""
    print(f"note: {text}", file=sys.stderr)


@contextmanager
def stop_asked() -> Iterator[Callable[[], bool]]:
    """Give a function that says whether Ctrl-C was pressed; pressed twice it stops at once."""
    asked = False

    def ask(number: int, _: Any) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        print("\nsaving, one moment ... (again to stop at once)", file=sys.stderr)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class EpochLines:
    """Shows a run: a bar inside the epoch, and a line when it has ended."""

    def __init__(self, n_epochs: int, should_stop: Callable[[], bool]):
        self.n_epochs = n_epochs
        self.should_stop = should_stop
        self.bar: tqdm[Any] | None = None

    def stepped(self, epoch: int, step: int, n_steps: int) -> None:
        """Move the bar."""
        self._show(f"epoch {epoch}/{self.n_epochs}", step, n_steps, " batches")

    def proxy_stepped(self, step: int, n_steps: int) -> None:
        """Move the bar."""
        self._show("proxy of the synth", step, n_steps, " passes")

    def _show(self, what: str, step: int, n_steps: int, unit: str) -> None:
        if self.bar is None:
            from tqdm import tqdm

            self.bar = tqdm(
                desc=what,
                initial=step - 1,
                total=n_steps,
                unit=unit,
                leave=False,
                disable=None,
                file=sys.stderr,
            )
        self.bar.update()

    def _end(self) -> None:
        if self.bar is not None:
            self.bar.close()
            self.bar = None

    def proxy_trained(self, report: ProxyReport) -> None:
        """Print how good the proxy is."""
        self._end()
        print(
            f"proxy of the synth: {report.db:.2f} dB off on test sounds, R2 {report.r2:.2f};"
            f" {report.seconds:.0f} s",
            flush=True,
        )

    def epoch_ended(self, report: EpochReport) -> None:
        """Print one line in place of the bar."""
        self._end()
        heard = report.test.get("heard")
        sound = "" if heard is None else f", in sound {heard:.2f} dB"
        off = ", ".join(f"{n} {e['mae']:.1f}" for n, e in report.test["parameters"].items())
        print(
            f"epoch {report.epoch}/{self.n_epochs}: loss {report.training['loss']:.1f} in training,"
            f" {report.test['loss']:.1f} in test; off by {off}{sound};"
            f" {report.examples_per_second:.0f} sounds/s",
            flush=True,
        )

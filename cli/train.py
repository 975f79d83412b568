"""tm-train: learn a mapping from a data set."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._common import command, command_line, parser, positive, seed

if TYPE_CHECKING:
    from tqdm import tqdm

    from timbremap_jax.training.loop import EpochReport

FEW = 500
"""Sounds; with fewer, hardly anything can be learned."""

COLLAPSED = 0.05
"""A model whose answers spread less than that has learned nothing of the sounds."""


@command
def main(argv: list[str] | None = None) -> None:
    """Train a model and export its mapping."""
    arguments = parser(
        "Learn to play an instrument's parameters from a small latent space of its sound.",
        "tm-train --encoder lstm --gen --pca data/fm models/fm",
    )
    add = arguments.add_argument
    encoder = arguments.add_mutually_exclusive_group()
    encoder.add_argument(
        "--encoder", choices=("dnn", "cnn", "lstm"), default="lstm", help="what hears the sounds"
    )
    for kind in ("dnn", "cnn", "lstm"):
        encoder.add_argument(
            f"--{kind}",
            dest="encoder",
            action="store_const",
            const=kind,
            help=f"same as --encoder {kind}",
        )
    add("--gen", action="store_true", help="a variational (generative) encoder")
    add("--pca", action="store_true", help="turn the controls to the latent space's main axes")
    add("--epochs", type=positive, default=10, help="passes over the training sounds")
    add("--batch", type=positive, help="sounds a step (default: 16; original: 32)")
    add("--latent-size", "--latent_size", type=positive, default=3, help="how many controls")
    add("--seed", type=seed, default=0, help="the same seed gives the same model")
    add(
        "--recipe",
        choices=("default", "original"),
        default="default",
        help="how it is trained; original: as the system of 2019 was",
    )
    add("--resume", action="store_true", help="go on where the run in MODEL_DIR was stopped")
    add("data_dir", type=Path, help="a folder that tm-features completed")
    add("model_dir", type=Path, help="a new folder for the model")
    args = arguments.parse_args(argv)

    from timbremap_jax.backend.compilation import keep_compilations
    from timbremap_jax.backend.devices import use_all_cores

    if args.encoder == "lstm":
        use_all_cores()  # before JAX starts: what it has started with cannot be changed
    keep_compilations()

    from timbremap_jax.data.dataset import load_dataset
    from timbremap_jax.model_folder.write import checkpoints_of, open_run, save_model
    from timbremap_jax.training.loop import train
    from timbremap_jax.training.settings import TrainSettings

    settings = TrainSettings(
        encoder=args.encoder,
        generative=args.gen,
        pca=args.pca,
        latent_size=args.latent_size,
        epochs=args.epochs,
        batch_size=args.batch or 0,
        seed=args.seed,
        recipe=args.recipe,
    )
    dataset = load_dataset(args.data_dir, args.seed)
    settings.check(dataset)
    if len(dataset) < FEW:
        print(
            f"note: {len(dataset)} sounds are few: answers will be far off; 1000 are a start, 10000"
            " are better",
            file=sys.stderr,
        )
    for notice in dataset.notices:
        print(f"note: {notice}", file=sys.stderr)
    if open_run(args.model_dir, args.data_dir, dataset, settings, resume=args.resume):
        print(f"{args.model_dir}: is trained already")
        return
    with stop_asked() as should_stop:
        show = EpochLines(settings.epochs, should_stop)
        trained = train(dataset, settings, checkpoints_of(args.model_dir), show)
    if not trained.finished:
        again = command_line("tm-train", argv, "--resume")
        raise KeyboardInterrupt(f"stopped and saved; go on with  {again}")
    test = save_model(args.model_dir, dataset, settings, trained)["test"]
    for name, error in test["parameters"].items():
        print(f"  {name}: {error['mae']:.1f} of 127 off on average, spread {error['spread']:.2f}")
    print(f"{args.model_dir}: mean squared error on test sounds {test['mse']:.1f}")
    if max(error["spread"] for error in test["parameters"].values()) < COLLAPSED:
        print(
            "note: the model answers the same to every sound, so it cannot be played: try more"
            " sounds or epochs, or another --encoder",
            file=sys.stderr,
        )


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
        if self.bar is None:
            from tqdm import tqdm

            self.bar = tqdm(
                desc=f"epoch {epoch}/{self.n_epochs}",
                initial=step - 1,
                total=n_steps,
                unit=" batches",
                leave=False,
                disable=None,
                file=sys.stderr,
            )
        self.bar.update()

    def epoch_ended(self, report: EpochReport) -> None:
        """Print one line in place of the bar."""
        if self.bar is not None:
            self.bar.close()
            self.bar = None
        off = ", ".join(f"{n} {e['mae']:.1f}" for n, e in report.test["parameters"].items())
        print(
            f"epoch {report.epoch}/{self.n_epochs}: loss {report.training['loss']:.1f} in training,"
            f" {report.test['loss']:.1f} in test; off by {off};"
            f" {report.examples_per_second:.0f} sounds/s",
            flush=True,
        )

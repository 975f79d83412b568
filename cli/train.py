"""tm-train: learn a mapping from a data set."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ._common import command, parser

if TYPE_CHECKING:
    from timbremap_jax.training import EpochReport


@command
def main(argv: list[str] | None = None) -> None:
    """Train a model and export its mapping."""
    arguments = parser(
        "Learn to play an instrument's parameters from a small latent space of its sound.",
        "tm-train --encoder lstm --gen --pca data/fm models/fm",
    )
    add = arguments.add_argument
    encoder = arguments.add_mutually_exclusive_group()
    encoder.add_argument("--encoder", choices=("dnn", "cnn", "lstm"), default="lstm")
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
    add("--epochs", type=int, default=10, help="passes over the training sounds")
    add("--batch", type=int, default=32, help="sounds a step")
    add("--latent-size", "--latent_size", type=int, default=3, help="how many controls")
    add("--seed", type=int, default=0, help="the same seed gives the same model")
    add("data_dir", type=Path, help="a folder that tm-features completed")
    add("model_dir", type=Path, help="a new folder for the model")
    args = arguments.parse_args(argv)

    from timbremap_jax.artifacts import require_free, save_model
    from timbremap_jax.data.dataset import load_dataset
    from timbremap_jax.training import TrainSettings, train

    require_free(args.model_dir)
    settings = TrainSettings(
        encoder=args.encoder,
        generative=args.gen,
        pca=args.pca,
        latent_size=args.latent_size,
        epochs=args.epochs,
        batch_size=args.batch,
        seed=args.seed,
    )
    dataset = load_dataset(args.data_dir, args.seed)
    for notice in dataset.notices:
        print(f"note: {notice}", file=sys.stderr)
    trained = train(dataset, settings, report=print_epoch)
    metrics = save_model(args.model_dir, args.data_dir, dataset, settings, trained)
    for name, error in metrics["test"]["parameters"].items():
        print(f"  {name}: {error['mae']:.1f} of 127 off on average, spread {error['spread']:.2f}")
    print(f"{args.model_dir}: mean squared error on test sounds {metrics['test']['mse']:.1f}")


def print_epoch(report: EpochReport) -> None:
    """Print one line an epoch."""
    print(
        f"epoch {report.epoch}: mean squared error {report.training_error:.1f} in training,"
        f" {report.test_error:.1f} in test, {report.seconds:.1f} s",
        flush=True,
    )

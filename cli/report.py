"""tm-report: a map's report card, by ear."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from timbremap_runtime.core.model_folder import find_model

from ._common import add_scale, as_typed, bar, command, parser, seed

if TYPE_CHECKING:
    from timbremap_jax.report.settings import ReportSettings

COMPARISON = "comparison.html"


@command
def main(argv: list[str] | None = None) -> None:
    """Judge models by their sounds."""
    arguments = parser(
        "Judge a map by its sounds: render it again on its instrument, print ten lines, and write\n"
        "report.json and report.html (to look at and listen to) into the model folder. Of several\n"
        "models, print one table and write comparison.html; reports that are there are kept.",
        "tm-report models/fm\n"
        "  tm-report models/fm models/fm_longer\n"
        "  tm-report patches/subtractive/lfo4/models/am --quick\n"
        "  tm-report timbremap --patch patches/subtractive/lfo4 --variant am",
    )
    add = arguments.add_argument
    add("models", type=Path, nargs="+", metavar="MODEL", help="a model or timbremap folder")
    add("--patch", type=Path, metavar="PATCH_DIR", help="the instrument (default: the model's)")
    add("--variant", help="which of its variants (default: the model's)")
    add("--quick", action="store_true", help="listen to a tenth of the sounds")
    add("--seed", type=seed, default=0, help="the same seed gives the same figures")
    add_scale(arguments)
    add(
        "--floor",
        type=float,
        metavar="POWER",
        help="mel power that counts as silence (default: 80 dB below the loudest)",
    )
    add("--live", action="store_true", help="record an instrument that plays in real time")
    add(
        "--output",
        type=Path,
        metavar="DIR",
        help="where to write (default: the model folder; of a comparison the current folder)",
    )
    args = arguments.parse_args(argv)

    from timbremap_jax.report.settings import ReportSettings

    settings = ReportSettings(seed=args.seed, scale=args.scale, floor=args.floor)
    if args.quick:
        settings = settings.quick()
    words = as_typed("tm-report", argv)
    if len(args.models) == 1:
        one(args, settings, words)
    else:
        several(args, settings, words)


def one(args: argparse.Namespace, settings: ReportSettings, words: list[str]) -> None:
    """Report on one model."""
    from timbremap_jax.report.card import PAGE
    from timbremap_jax.report.words import ten_lines

    (model,) = args.models
    report, folder = render(model, args, settings, words, args.output)
    print("\n".join(ten_lines(report)))
    print(folder / PAGE)


def several(args: argparse.Namespace, settings: ReportSettings, words: list[str]) -> None:
    """Put models side by side."""
    from timbremap_jax.data.files import save_bytes
    from timbremap_jax.report.card import find_report
    from timbremap_jax.report.comparison import comparison_lines, comparison_page, names_of

    reports: list[dict[str, Any]] = []
    for model in args.models:
        found = find_report(model, settings, args.patch, args.variant)
        reports.append(found or render(model, args, settings, words, None)[0])
    names = names_of(reports, args.models)
    print("\n".join(comparison_lines(reports, names)))
    file = (args.output or Path()) / COMPARISON
    save_bytes(file, comparison_page(reports, names).encode())
    print(file)


def render(
    model: Path,
    args: argparse.Namespace,
    settings: ReportSettings,
    words: list[str],
    output: Path | None,
) -> tuple[dict[str, Any], Path]:
    """Make a report, and print what its reader should know; return also where it is."""
    from timbremap_jax.report.card import make_report

    report = make_report(
        model,
        settings,
        args.patch,
        args.variant,
        output=output,
        live=args.live,
        announce=lambda sentence: print(f"note: {sentence}", file=sys.stderr, flush=True),
        command=words,
        progress=bar("sounds"),
    )
    for notice in report["notices"]:
        print(f"note: {notice}", file=sys.stderr)
    return report, output or find_model(model)


if __name__ == "__main__":
    raise SystemExit(main())

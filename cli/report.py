"""tm-report: a map's report card, by ear."""

from __future__ import annotations

import sys
from pathlib import Path

from ._common import as_typed, bar, command, parser, seed


@command
def main(argv: list[str] | None = None) -> None:
    """Judge models by their sounds."""
    arguments = parser(
        "Judge a map by its sounds: render it again on its instrument, print ten lines, and write\n"
        "report.json and report.html (to look at and listen to) into the model folder.",
        "tm-report models/fm\n"
        "  tm-report patches/subtractive/lfo4/models/am --quick\n"
        "  tm-report timbremap --patch patches/subtractive/lfo4 --variant am",
    )
    add = arguments.add_argument
    add("model", type=Path, metavar="MODEL", help="a model folder, or its timbremap folder")
    add("--patch", type=Path, metavar="PATCH_DIR", help="the instrument (default: the model's)")
    add("--variant", help="which of its variants (default: the model's)")
    add("--quick", action="store_true", help="listen to a tenth of the sounds")
    add("--seed", type=seed, default=0, help="the same seed gives the same figures")
    add("--scale", choices=("normal", "uniform"), default="normal", help="of the control space")
    add(
        "--floor",
        type=float,
        metavar="POWER",
        help="mel power that counts as silence (default: 80 dB below the loudest)",
    )
    add("--live", action="store_true", help="record an instrument that plays in real time")
    add("--output", type=Path, metavar="DIR", help="where to write (default: the model folder)")
    args = arguments.parse_args(argv)

    from timbremap_jax.report.card import PAGE, make_report
    from timbremap_jax.report.settings import ReportSettings
    from timbremap_jax.report.words import ten_lines

    settings = ReportSettings(seed=args.seed, scale=args.scale, floor=args.floor)
    report = make_report(
        args.model,
        settings.quick() if args.quick else settings,
        args.patch,
        args.variant,
        output=args.output,
        live=args.live,
        command=as_typed("tm-report", argv),
        progress=bar("sounds"),
    )
    for notice in report["notices"]:
        print(f"note: {notice}", file=sys.stderr)
    print("\n".join(ten_lines(report)))
    print((args.output or args.model) / PAGE)


if __name__ == "__main__":
    raise SystemExit(main())

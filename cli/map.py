"""tm-map: control points to parameters, or back."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import timbremap_runtime as tm
from timbremap_runtime.errors import FormatError, SettingsError

from ._common import command, find_mapping, parser


@command
def main(argv: list[str] | None = None) -> None:
    """Map values given on the command line or on standard input."""
    arguments = parser(
        "Map control points (0 to 1) to parameters (0 to 127), or back with --inverse.\n"
        "Without VALUES, rows of comma-separated numbers are read from standard input.",
        "tm-map models/fm 0.5 0.5 0.5",
    )
    add = arguments.add_argument
    add("model", type=Path, help="a model folder, or its timbremap folder")
    add("values", type=float, nargs="*", metavar="VALUE", help="one point")
    add("--inverse", action="store_true", help="parameters to control point")
    add("--scale", choices=("normal", "uniform"), default="normal", help="of the control space")
    args = arguments.parse_intermixed_args(argv)  # --inverse may stand before the values

    mapping = tm.load(find_mapping(args.model), scale=args.scale)
    size = mapping.parameter_size if args.inverse else mapping.control_size
    apply = mapping.inverse if args.inverse else mapping.forward
    if args.values:
        if len(args.values) != size:
            raise SettingsError(f"{len(args.values)} values given: {args.model} takes {size}")
        if not all(map(math.isfinite, args.values)):
            raise SettingsError(f"{args.values}: a value is not a number that can be mapped")
        rows = iter([args.values])
    else:
        rows = read_rows(size)
    for row in rows:
        print(",".join(f"{value:.6g}" for value in apply(np.array(row))), flush=True)


def read_rows(size: int) -> Iterator[list[float]]:
    """Read rows of ``size`` numbers from standard input."""
    for number, line in enumerate(sys.stdin, start=1):
        if not line.strip():
            continue
        try:
            row = [float(word) for word in line.split(",")]
        except ValueError:
            raise FormatError(
                f"standard input, line {number}: {line.strip()!r} is not numbers with commas"
            ) from None
        if len(row) != size:
            raise FormatError(
                f"standard input, line {number}: {len(row)} values, this model takes {size}"
            )
        if not all(map(math.isfinite, row)):
            raise FormatError(
                f"standard input, line {number}: {line.strip()!r} has a value that is no number"
            )
        yield row

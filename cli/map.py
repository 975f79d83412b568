"""tm-map: points to parameters, or back; and what they sound like."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import timbremap_runtime as tm
from timbremap_runtime.core.model_folder import find_model
from timbremap_runtime.core.types import PARAMETER_MAX
from timbremap_runtime.errors import SettingsError

from ._common import add_scale, command, parser, pitch
from ._rows import read_rows


@command
def main(argv: list[str] | None = None) -> None:
    """Map values given on the command line or on standard input."""
    arguments = parser(
        "Map points (0 to 1) to parameters (0 to 127), or back with --inverse.\n"
        "Without VALUES, rows of numbers with commas between are read from standard input.",
        "tm-map models/fm 0.2 0.8 0.5\n"
        "  tm-map models/fm 0.2 0.8 0.5 --wav point.wav --sustain 1500\n"
        "  tm-map models/fm --wav tour.wav --sustain 8000 < path.csv",
    )
    add = arguments.add_argument
    add("model", type=Path, help="a model folder, or its timbremap folder")
    add("values", type=float, nargs="*", metavar="VALUE", help="the coordinates of one point")
    add("--inverse", action="store_true", help="parameters to a point")
    add_scale(arguments)
    add(
        "--wav",
        type=Path,
        metavar="FILE",
        help="play the point on the instrument into a WAV; several rows are a glide in one note",
    )
    add("--patch", type=Path, metavar="PATCH_DIR", help="the instrument (default: the model's)")
    add("--variant", help="which of its variants (default: the model's)")
    add("--note", type=pitch, help="MIDI note, 0 to 127 or like A2 (default: as trained on)")
    add("--sustain", type=float, metavar="MS", help="note on to note off (default: as trained on)")
    add("--release", type=float, metavar="MS", help="note off to the end (default: as trained on)")
    args = arguments.parse_intermixed_args(argv)  # --inverse may stand before the values

    mapping = tm.load(args.model, scale=args.scale)
    size = mapping.parameter_size if args.inverse else mapping.control_size
    apply = mapping.inverse if args.inverse else mapping.forward
    check_sound(args)
    if args.values:
        if len(args.values) != size:
            raise SettingsError(f"got {len(args.values)} values; {args.model} takes {size}")
        if not all(map(math.isfinite, args.values)):
            raise SettingsError(f"{args.values}: a value is not finite; use numbers")
        rows = iter([args.values])
    else:
        rows = read_rows(size)
    path: list[NDArray[np.float64]] = []
    for row in noticing_the_ends(rows, float(PARAMETER_MAX) if args.inverse else 1.0):
        mapped = apply(np.array(row))
        print(",".join(f"{value:.6g}" for value in mapped), flush=True)
        if args.wav:
            path.append(mapped)
    if args.wav:
        if not path:
            raise SettingsError("standard input has no point to play; write one in each line")
        hear(args, np.array(path) if len(path) > 1 else path[0])


def check_sound(args: argparse.Namespace) -> None:
    """Check that the options of a sound go together."""
    if args.wav is None:
        for name in ("patch", "variant", "note", "sustain", "release"):
            if getattr(args, name) is not None:
                raise SettingsError(f"--{name} is for a sound; name its file with  --wav FILE")
    elif args.inverse:
        raise SettingsError("--wav plays points; leave out --inverse")
    elif args.wav.suffix.lower() != ".wav":
        raise SettingsError(f"{args.wav}: not the name of a WAV; give a name that ends in .wav")


def noticing_the_ends(rows: Iterable[list[float]], highest: float) -> Iterator[list[float]]:
    """Say once that a value outside 0 to ``highest`` was clamped to the nearest end."""
    said = False
    for row in rows:
        outside = [value for value in row if not 0 <= value <= highest]
        if outside and not said:
            said = True
            print(
                f"note: values run from 0 to {highest:g}; {outside[0]:g} was clamped to the nearest"
                " end",
                file=sys.stderr,
            )
        yield row


def hear(args: argparse.Namespace, values: NDArray[np.float64]) -> None:
    """Play parameters on the instrument that the model was trained on, or on the one given."""
    from timbremap_jax.data.patch import load_patch
    from timbremap_jax.data.render.audition import audition, instrument_of

    model: Path = args.model
    if args.patch:
        patch = load_patch(args.patch, args.variant)
        note = patch.note
    else:
        patch, note = instrument_of(find_model(model), args.variant)
    if values.shape[-1] != len(patch.parameters):
        raise SettingsError(
            f"{model}: plays {values.shape[-1]} parameters, but {patch.file} has"
            f" {len(patch.parameters)}; name the model's instrument with  --patch PATCH_DIR"
        )
    note = note.with_changes(pitch=args.note, sustain_ms=args.sustain, release_ms=args.release)
    audition(patch, values, note, args.wav)
    print(f"{args.wav}: {patch.name} {patch.variant or ''}".rstrip(), file=sys.stderr)

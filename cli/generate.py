"""tm-generate: render sounds of an instrument with random parameters."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from timbremap_runtime.errors import SettingsError, TimbreMapError

from ._common import bar, command, parser, pitch, positive, seed

N_EXAMPLES = 10_000
EVERY_ROW = -1
"""Of ``--resume`` without a row: whatever is missing."""


@command
def main(argv: list[str] | None = None) -> None:
    """Render a data set."""
    arguments = parser(
        "Set an instrument's parameters at random and record each setting as a short WAV.",
        "tm-generate patches/subtractive/lfo4 data/fm --variant fm --examples 1000\n"
        "  tm-generate --describe /usr/lib/vst3/Synth.vst3 my_synth",
    )
    add = arguments.add_argument
    add("patch_dir", type=Path, help="the instrument's folder, with its patch.toml")
    add("data_dir", type=Path, nargs="?", help="where labels.csv and wavs/ go")
    add(
        "--describe",
        metavar="PLUGIN",
        help="write PATCH_DIR/patch.toml for a VST3, VST2 or LV2 plug-in, ready to edit",
    )
    add("--variant", help="which of the instrument's variants (default: its first)")
    add(
        "--examples",
        type=int,
        help=f"how many sounds (default: {N_EXAMPLES}, or as many as the folder was begun with)",
    )
    add("--seed", type=seed, default=0, help="the same seed gives the same sounds")
    add(
        "--sampling",
        choices=("uniform", "sobol"),
        default="uniform",
        help="independent random values, or ones that cover the space evenly",
    )
    add("--note", type=pitch, help="MIDI note, 0 to 127 or like A2 (default: the patch's)")
    add("--velocity", type=int, help="1 to 127 (default: the patch's)")
    add(
        "--notes",
        type=listed(pitch),
        default=(),
        metavar="NOTE,NOTE,...",
        help="several notes, of which each sound plays one: for a map that holds over the keyboard",
    )
    add(
        "--velocities",
        type=listed(int),
        default=(),
        metavar="N,N,...",
        help="several velocities, of which each sound plays one",
    )
    add("--sustain", type=float, metavar="MS", help="note on to note off (default: the patch's)")
    add("--release", type=float, metavar="MS", help="note off to the end (default: the patch's)")
    add("--format", choices=("pcm24", "float"), default="pcm24", help="samples of the WAV files")
    add("--workers", type=positive, help="processes to render with (default: one a processor)")
    again = arguments.add_mutually_exclusive_group()
    again.add_argument(
        "--resume",
        nargs="?",
        type=int,
        const=EVERY_ROW,
        metavar="ROW",
        help="go on where an interrupted run stopped; with ROW, render that row and all after it",
    )
    again.add_argument(
        "--only", type=row_list, metavar="ROWS", help="render some rows again, e.g. 3,17,40-50"
    )
    args = arguments.parse_args(argv)
    if args.describe:
        describe(args.describe, args.patch_dir)
        return
    if args.data_dir is None:
        arguments.error("the following arguments are required: data_dir")

    from timbremap_jax.data.folder import DataFolder
    from timbremap_jax.data.manifest import ranges, read_manifest
    from timbremap_jax.data.patch import load_patch
    from timbremap_jax.data.render.generate import generate
    from timbremap_jax.data.render.sampling import GenerateSettings

    again = args.resume is not None or args.only is not None
    earlier = read_manifest(args.data_dir) if again else None
    n_examples = args.examples
    if n_examples is None:
        n_examples = earlier["n_examples"] if earlier else N_EXAMPLES
    for one, several in (("note", "notes"), ("velocity", "velocities")):
        if getattr(args, one) is not None and getattr(args, several):
            raise SettingsError(f"--{one} and --{several}: give one of both")
    patch = load_patch(args.patch_dir, args.variant)
    typed = without_again(argv, args)
    note = patch.note.with_changes(
        pitch=args.note,
        velocity=args.velocity,
        sustain_ms=args.sustain,
        release_ms=args.release,
    )
    settings = GenerateSettings(
        n_examples, args.seed, args.sampling, args.format, args.notes, args.velocities
    )
    try:
        faults = generate(
            patch,
            args.data_dir,
            settings,
            note,
            resume=args.resume is not None,
            first_row=None if args.resume == EVERY_ROW else args.resume,
            only=args.only,
            n_workers=args.workers,
            command=typed,
            progress=bar("sounds"),
        )
    except KeyboardInterrupt:
        more = ["--only", ranges(sorted(set(args.only)))] if args.only else ["--resume"]
        go_on = shlex.join([*typed, *more])
        n_there = len(list(DataFolder(args.data_dir).wavs.glob("ex_*.wav")))
        raise KeyboardInterrupt(
            f"stopped, {n_there} of {n_examples} sounds are there; go on with  {go_on}"
        ) from None
    manifest = read_manifest(args.data_dir) or {}
    if not manifest.get("repeatable", True) and patch.engine != "osc":
        print(
            f"note: {patch.name} does not sound the same twice with the same parameters, so a row"
            " that is rendered again will differ a little",
            file=sys.stderr,
        )
    for row, fault in faults.items():
        print(f"row {row}: the sound {fault}", file=sys.stderr)
    if faults:
        rows = ranges(list(faults))
        raise TimbreMapError(
            f"{args.data_dir}: {len(faults)} of {n_examples} sounds came out broken; go on"
            " without them (tm-features leaves them out), or render them again with "
            f" {shlex.join([*typed, '--only', rows])}"
        )
    print(f"{args.data_dir}: {n_examples} sounds of {', '.join(patch.parameter_names)}")


def describe(plugin: str, folder: Path) -> None:
    """Write the first patch.toml of a plug-in."""
    from timbremap_jax.data.engines.scaffold import write_scaffold

    parameters = write_scaffold(plugin, folder)
    print(f"{folder / 'patch.toml'}: {len(parameters)} parameters; choose those to play in there")


def without_again(argv: list[str] | None, args: argparse.Namespace) -> list[str]:
    """Return what was typed without ``--resume`` and ``--only``: what a folder is begun with."""
    words = iter(sys.argv[1:] if argv is None else argv)
    typed = ["tm-generate"]
    for word in words:
        option, equals, _ = word.partition("=")
        # Options may be shortened; no other begins with --res or --o.
        resume, only = option.startswith("--res"), option.startswith("--o")
        if not (resume or only):
            typed.append(word)
        elif not equals and (only or args.resume != EVERY_ROW):
            next(words)  # its value
    return typed


def listed(kind: Callable[[str], int]) -> Callable[[str], tuple[int, ...]]:
    """Return what reads numbers with commas between, as an argument's type."""

    def read(text: str) -> tuple[int, ...]:
        try:
            return tuple(kind(word) for word in text.split(","))
        except ValueError:
            raise argparse.ArgumentTypeError(
                f"'{text}' is not a list of numbers, such as 50,100"
            ) from None

    return read


def row_list(text: str) -> list[int]:
    """Read rows such as ``3,17,40-50``."""
    rows: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        try:
            rows.extend(range(int(first), int(last or first) + 1))
        except ValueError:
            raise argparse.ArgumentTypeError(
                f"'{part}' is not a row or a range of rows, such as 17 or 40-50"
            ) from None
    return rows

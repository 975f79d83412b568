"""tm-export: a map as code for other hosts."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import timbremap_runtime as tm
from timbremap_runtime.core.model_folder import find_model
from timbremap_runtime.errors import MissingExtra, PathError, SettingsError
from timbremap_runtime.export import HOSTS, WITH_VOICE, describe_model, write

from ._common import add_scale, command, parser

if TYPE_CHECKING:
    from timbremap_jax.data.patch import Patch
    from timbremap_runtime.export.voice import Voice


@command
def main(argv: list[str] | None = None) -> None:
    """Write a map as code for a host."""
    arguments = parser(
        "Write a map as code, so that it plays where Python does not.\n"
        + "\n".join(f"  {host:13} {what}" for host, what in HOSTS.items()),
        "tm-export models/fm --to js\n  tm-export models/fm --to c --out firmware/src",
    )
    add = arguments.add_argument
    add("model", type=Path, help="a model folder, or its timbremap folder")
    add("--to", required=True, metavar="HOST", help=f"one of {', '.join(HOSTS)}")
    add("--out", type=Path, default=Path(), metavar="FOLDER", help="where to write (default: here)")
    add_scale(arguments)
    add(
        "--instrument",
        type=Path,
        metavar="PATCH_DIR",
        help="the Faust instrument to build in (default: the model's)",
    )
    add("--variant", help="which of its variants (default: the model's)")
    add("--force", action="store_true", help="replace files that are there")
    args = arguments.parse_args(argv)

    mapping = tm.load(args.model, scale=args.scale)
    chain = describe_model(args.model, mapping, tm.__version__)
    save(write(chain, args.to, find_voice(args)), args)


def find_voice(args: argparse.Namespace) -> Voice | None:
    """Find the instrument that is to be built in; None for a host that takes none."""
    if args.to not in WITH_VOICE:
        for name in ("instrument", "variant"):
            if getattr(args, name) is not None:
                raise SettingsError(
                    f"--{name} goes with  --to {' or '.join(WITH_VOICE)}; leave it out"
                )
        return None
    from timbremap_jax.data.patch import load_patch
    from timbremap_jax.data.render.audition import instrument_of

    compiled = args.to == "page"
    if args.instrument:
        return voice_of(load_patch(args.instrument, args.variant), compiled)
    try:
        patch, _ = instrument_of(find_model(args.model), args.variant, "--instrument")
    except SettingsError as error:
        print(f"note: only the map is written: {error}", file=sys.stderr)
        return None
    return voice_of(patch, compiled) if patch.engine == "faust" else None


def voice_of(patch: Patch, compiled: bool = False) -> Voice:
    """Take the voice of a Faust instrument, compiled for a page if that is wanted.

    Raises
    ------
    SettingsError
        The instrument is not one for Faust.
    FormatError
        The voice does not compile, or lacks a control that the instrument names.
    MissingExtra
        It has to be compiled for a page, and DawDreamer is not installed.
    """
    if patch.engine != "faust":
        raise SettingsError(f"{patch.file}: its engine is {patch.engine}; name a Faust instrument")
    from timbremap_jax.data.engines import faust_wasm, open_engine

    with contextlib.suppress(MissingExtra):  # without DawDreamer the voice is taken as it is
        open_engine(patch)
    return faust_wasm.voice_of(patch, compiled)


def save(files: dict[str, str], args: argparse.Namespace) -> None:
    """Write all files, or none if one is there."""
    from timbremap_jax.data.files import save_bytes

    there = [args.out / name for name in files if (args.out / name).exists()]
    if there and not args.force:
        raise PathError(f"{there[0]}: already exists; give another --out, or replace it by --force")
    args.out.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        save_bytes(args.out / name, text.encode())
        print(args.out / name)


if __name__ == "__main__":
    raise SystemExit(main())

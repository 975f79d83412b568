"""What all commands share: one-line errors, help, types of arguments, progress bars."""

from __future__ import annotations

import argparse
import difflib
import errno
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any, NoReturn, Protocol, get_args

from timbremap_runtime.core.types import Scale
from timbremap_runtime.errors import MissingExtra, TimbreMapError

HIGHEST_SEED = 2**32 - 1
"""JAX makes the same numbers of 0 and of 2^32: it keeps 32 bits."""

WAY_OUT = {
    errno.ENOENT: "check the path",
    errno.EACCES: "choose another folder, or ask for permission",
    errno.EPERM: "choose another folder, or ask for permission",
    errno.EROFS: "choose another folder",
    errno.ENOSPC: "choose another folder or make room",
    errno.EDQUOT: "choose another folder or make room",
    errno.EEXIST: "choose another name",
    errno.EISDIR: "name a file in it",
    errno.ENOTDIR: "name a folder",
}
"""What to do about an error of the operating system."""


class Command(Protocol):
    """What the name of an installed command stands for."""

    def __call__(self, argv: list[str] | None = None) -> int:
        """Run with these words, or with those of the command line; return the exit status."""
        ...


def command(main: Callable[[list[str] | None], None]) -> Command:
    """Make ``main`` a command: errors become one line on standard error and an exit status.

    Status 0 is done, 1 failed, 2 wrong usage, 130 stopped by hand. Of an error that nobody foresaw,
    a report is written to a file, and the line names it.
    """

    @wraps(main)
    def run(argv: list[str] | None = None) -> int:
        say_anything()
        try:
            main(argv)
            sys.stdout.flush()
        except KeyboardInterrupt as stop:
            print(stop.args[0] if stop.args else "stopped", file=sys.stderr)
            return 130
        except Exception as error:
            if isinstance(error, BrokenPipeError) and reader_has_gone():
                return 1
            line = explain(error)
            if line is None:
                from ._report import report

                name = f"tm-{main.__module__.rpartition('.')[2]}"
                line = report(error, shlex.join(as_typed(name, argv)))
            print("error:", re.sub(r"\s*\n\s*", " ", line), file=sys.stderr)
            return 1
        return 0

    return run


def say_anything() -> None:
    """Let characters that the terminal or file cannot take be written as escapes.

    A Windows console or a redirected output may have another code page than UTF-8, and a file name
    of another system may not be text at all.
    """
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="backslashreplace")


def reader_has_gone() -> bool:
    """Ask whether what reads standard output has ended, as ``head`` does; then write no more."""
    try:
        print(flush=True)  # a second flush alone succeeds: what could not be written is dropped
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes at its end
        return True
    return False


def explain(error: Exception) -> str | None:
    """Return one line for an error that was foreseen, None for any other."""
    if isinstance(error, TimbreMapError):
        return str(error)
    if isinstance(error, ModuleNotFoundError):
        # The trainer's modules import their packages at the top.
        package = (error.name or "").partition(".")[0]
        if package and not package.startswith("timbremap"):
            return str(MissingExtra(package, "all"))
    if isinstance(error, OSError):
        where = f"{error.filename}: " if isinstance(error.filename, str) else ""
        what = error.strerror or str(error) or type(error).__name__
        way_out = WAY_OUT.get(error.errno or 0)
        return where + what[0].lower() + what[1:] + (f"; {way_out}" if way_out else "")
    if isinstance(error, UnicodeEncodeError) and any(
        "\udc80" <= c <= "\udcff" for c in error.object
    ):
        return f"{error.object}: this name is not {error.encoding} text; rename the file or folder"
    if isinstance(error, UnicodeDecodeError):
        return (
            f"the input is not {error.encoding} text (byte {error.object[error.start]:#04x} at"
            f" {error.start}); save it as UTF-8"
        )
    if isinstance(error, MemoryError):
        return "not enough memory; close other programs, or use fewer sounds or --workers"
    return None


def parser(description: str, example: str) -> argparse.ArgumentParser:
    """Return an argument parser with ``--version``, whose help ends with an example."""
    made = _Parser(
        description=description,
        epilog=f"example:\n  {example}",
        formatter_class=_HelpFormatter,
    )
    made.add_argument("--version", action=_Version, nargs=0, help="show the version, and end")
    return made


class _Version(argparse.Action):
    """Prints the version, which is looked up among the installed packages only when asked."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        from importlib import metadata

        print(f"{parser.prog} {metadata.version('timbremap')}")
        parser.exit()


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """Print the line and end."""
        if message.startswith("unrecognized"):
            for word in re.findall(r"--[\w-]+", message):
                near = difflib.get_close_matches(word, self._option_string_actions, 1)
                message += f"; did you mean {near[0]}?" if near else ""
        self.exit(2, f"error: {message}; see  {self.prog} --help\n")


class _HelpFormatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Shows defaults where there are any, and leaves the example as it is written."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default is None or action.default is False or "(default" in (action.help or ""):
            return action.help
        return super()._get_help_string(action)


def as_typed(name: str, argv: list[str] | None) -> list[str]:
    """Return the words of a command as they were typed."""
    return [name, *(sys.argv[1:] if argv is None else argv)]


def positive(text: str) -> int:
    """Read a whole number above zero, as an argument's type."""
    if not _is_whole(text) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number above zero")
    return int(text)


def seed(text: str) -> int:
    """Read the seed of random numbers, 0 to 2^32 - 1, as an argument's type."""
    if not _is_whole(text) or int(text) > HIGHEST_SEED:
        raise argparse.ArgumentTypeError(
            f"'{text}' is not a seed; use a whole number from 0 to {HIGHEST_SEED}"
        )
    return int(text)


def _is_whole(text: str) -> bool:
    # 20 digits: Python refuses to read thousands of them, and nothing here counts so far.
    return text.isascii() and text.isdecimal() and len(text) <= 20


def pitch(text: str) -> int:
    """Read a MIDI note as a number or a name (C4 is 60), as an argument's type."""
    named = re.fullmatch(r"([A-Ga-g])([#b]?)(-?\d)", text)
    if named:
        letter, accidental, octave = named.groups()
        step = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}[letter.upper()]
        return 12 * (int(octave) + 1) + step + {"": 0, "#": 1, "b": -1}[accidental]
    if not _is_whole(text.removeprefix("-")):
        raise argparse.ArgumentTypeError(
            f"invalid note '{text}'; use 0 to 127 or a name such as A2"
        )
    return int(text)


def add_scale(arguments: argparse.ArgumentParser) -> None:
    """Add ``--scale``, whose default is None: what each map has."""
    arguments.add_argument(
        "--scale",
        choices=get_args(Scale),
        help="of the pad (default: even where the map has it, else normal)",
    )


def bar(unit: str) -> Callable[[Iterable[Any], int], Iterable[Any]]:
    """Return a function that shows the way through so many items; silent when not a terminal."""

    def wrap(items: Iterable[Any], n_items: int) -> Iterable[Any]:
        from tqdm import tqdm

        return tqdm(items, total=n_items, unit=f" {unit}", disable=None, file=sys.stderr)

    return wrap

"""What all commands share: one-line errors, help, progress bars."""

from __future__ import annotations

import argparse
import difflib
import re
import shlex
import sys
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, NoReturn, Protocol

from timbremap_runtime.errors import MissingExtra, TimbreMapError


class Command(Protocol):
    """What the name of an installed command stands for."""

    def __call__(self, argv: list[str] | None = None) -> int:
        """Run with these words, or with those of the command line; return the exit status."""
        ...


def command(main: Callable[[list[str] | None], None]) -> Command:
    """Make ``main`` a command: errors become one line on standard error and an exit status.

    Status 0 is done, 1 failed, 2 wrong usage.
    """

    @wraps(main)
    def run(argv: list[str] | None = None) -> int:
        try:
            main(argv)
        except (TimbreMapError, OSError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        except ModuleNotFoundError as error:
            # The trainer's modules import their packages at the top.
            package = (error.name or "").partition(".")[0]
            if not package or package.startswith("timbremap"):
                raise
            print(f"error: {MissingExtra(package, 'all')}", file=sys.stderr)
            return 1
        except KeyboardInterrupt as stop:
            print(stop.args[0] if stop.args else "stopped", file=sys.stderr)
            return 130
        return 0

    return run


def parser(description: str, example: str) -> argparse.ArgumentParser:
    """Return an argument parser whose help ends with an example."""
    return _Parser(
        description=description,
        epilog=f"example:\n  {example}",
        formatter_class=_HelpFormatter,
    )


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


def command_line(name: str, argv: list[str] | None, *more: str) -> str:
    """Return what was typed, with ``more`` behind it if it is not there."""
    words = [name, *(sys.argv[1:] if argv is None else argv)]
    return shlex.join([*words, *(word for word in more if word not in words)])


def positive(text: str) -> int:
    """Read a whole number above zero, as an argument's type."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number above zero")
    return number


def pitch(text: str) -> int:
    """Read a MIDI note as a number or a name (C4 is 60), as an argument's type."""
    named = re.fullmatch(r"([A-Ga-g])([#b]?)(-?\d)", text)
    if named:
        letter, accidental, octave = named.groups()
        step = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}[letter.upper()]
        return 12 * (int(octave) + 1) + step + {"": 0, "#": 1, "b": -1}[accidental]
    if not text.lstrip("-").isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' is no note: give 0 to 127, or a name like A2")
    return int(text)


def bar(unit: str) -> Callable[[Iterable[Any], int], Iterable[Any]]:
    """Return a function that shows the way through so many items; silent when not a terminal."""

    def wrap(items: Iterable[Any], n_items: int) -> Iterable[Any]:
        from tqdm import tqdm

        return tqdm(items, total=n_items, unit=f" {unit}", disable=None, file=sys.stderr)

    return wrap

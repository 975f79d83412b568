"""What all commands share: one-line errors, progress bars, where a mapping lies."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import Any

from timbremap_runtime.errors import FolderError, MissingExtra, TimbreMapError


def command(main: Callable[[list[str] | None], None]) -> Callable[..., int]:
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
    return argparse.ArgumentParser(
        description=description,
        epilog=f"example:\n  {example}",
        formatter_class=_HelpFormatter,
    )


class _HelpFormatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Shows defaults, and leaves the example as it is written."""


def positive(text: str) -> int:
    """Read a whole number above zero, as an argument's type."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number above zero")
    return number


def bar(unit: str) -> Callable[[Iterable[Any], int], Iterable[Any]]:
    """Return a function that shows the way through so many items; silent when not a terminal."""

    def wrap(items: Iterable[Any], n_items: int) -> Iterable[Any]:
        from tqdm import tqdm

        return tqdm(items, total=n_items, unit=f" {unit}", disable=None, file=sys.stderr)

    return wrap


def find_mapping(path: Path) -> Path:
    """Return the ``timbremap`` folder of a model folder, or ``path`` itself if it is one."""
    if (path / "timbremap").is_dir():
        return path / "timbremap"
    if not path.is_dir():
        raise FolderError(f"{path}: no such folder; give one that tm-train wrote")
    return path

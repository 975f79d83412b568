"""Files that a source file names, and those that they name in turn."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path


def follow(start: Path, named_in: Callable[[Path, str], Iterable[Path]]) -> list[Path]:
    """Find all that ``start`` needs.

    Parameters
    ----------
    start : Path
        A text file.
    named_in : callable
        Of a file and its text, the paths that may be meant by words in it. Those that are no files
        are passed over.

    Returns
    -------
    list of Path
        Without ``start``, each once.
    """
    found: dict[Path, None] = {}
    waiting = [start]
    while waiting:
        file = waiting.pop()
        if file.suffix.lower() not in TEXT:
            continue
        text = file.read_text(encoding="utf-8", errors="replace")
        for path in named_in(file, text):
            # Unlike Path.is_file, it takes anything that may stand in a text for a path.
            if os.path.isfile(path) and path != start and path not in found:
                found[path] = None
                waiting.append(path)
    return list(found)


TEXT = (".dsp", ".lib", ".pd")
"""Endings of files that may name others."""

"""Rows of numbers on standard input, as scripts, spreadsheets and terminals write them.

A row is a line of numbers with commas between; with semicolons or tabs a comma may be the decimal
mark, as spreadsheets of many countries save it. Text is UTF-8, or UTF-16 with a byte order mark
(Excel's "Unicode text", and what PowerShell sends to a file).
"""

from __future__ import annotations

import codecs
import io
import math
import sys
from collections.abc import Iterator

from timbremap_runtime.errors import FormatError

WHERE = "standard input"
PIECE = 65_536
"""Bytes read at once, at most."""


def read_rows(size: int) -> Iterator[list[float]]:
    """Read rows of ``size`` finite numbers from standard input, each as soon as it is there.

    Raises
    ------
    FormatError
        A line is not such a row, or not text; the message names it.
    """
    binary: io.BufferedIOBase | None = getattr(sys.stdin, "buffer", None)
    for number, line in enumerate(sys.stdin if binary is None else _lines(binary), start=1):
        if not line.strip():
            continue
        where = f"{WHERE}, line {number}"
        try:
            row = [float(word) for word in _words(line)]
        except ValueError:
            raise FormatError(
                f"{where}: {line.strip()!r:.80} is not a row of numbers; write {size} numbers with"
                " commas between"
            ) from None
        if len(row) != size:
            raise FormatError(f"{where}: has {len(row)} values; this model takes {size}")
        if not all(map(math.isfinite, row)):
            raise FormatError(
                f"{where}: {line.strip()!r:.80} has a value that is not finite; use numbers"
            )
        yield row


def _words(line: str) -> list[str]:
    separator = next((mark for mark in ";\t" if mark in line.strip()), ",")
    if separator != ",":
        line = line.replace(",", ".")
    return line.split(separator)


def _lines(binary: io.BufferedIOBase) -> Iterator[str]:
    """Decode lines as they come: a program may wait for the answer to each."""
    rest, decoder = "", None
    while piece := binary.read1(PIECE):
        if decoder is None:
            wide = piece.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
            decoder = codecs.getincrementaldecoder("utf-16" if wide else "utf-8-sig")()
        try:
            text = decoder.decode(piece)
        except UnicodeDecodeError:
            raise FormatError(f"{WHERE}: not UTF-8 text; save it as UTF-8") from None
        if "\0" in text:
            raise FormatError(f"{WHERE}: UTF-16 without a byte order mark; save it as UTF-8")
        *whole, rest = (rest + text).split("\n")
        yield from whole
    yield rest

"""Labels: the parameters of each sound, ``labels.csv``.

Every line is a row of numbers from 0 to 127: line i is the sound ``ex_i.wav``. So a blank line or a
comment among the rows is refused, for nobody can say whether it stands for a sound. A header (names
of the parameters, or lines that begin with ``#``) may come first. What spreadsheets write is read
too: semicolons or tabs with decimal commas, quotes, any ends of lines, UTF-8 with a byte order mark
and UTF-16.
"""

from __future__ import annotations

import codecs
import csv
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timbremap_jax.data.patch import PARAMETER_MAX
from timbremap_runtime.errors import FormatError, PathError

NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
PADDED = re.compile(r"0\d+")
"""A number that nobody writes: it comes from 5,00 with its comma taken for a separator."""

N_COUNTED = 10
"""So many rows that are numbered in their first column are no coincidence."""


def read_labels(file: Path) -> NDArray[np.float32]:
    """Read the parameters of all rows.

    Returns
    -------
    ndarray of float32, shape (n_rows, n_parameters)
        Each 0..127.

    Raises
    ------
    PathError
        The file is missing or may not be read.
    FormatError
        A line is not a row of numbers from 0 to 127; the message names it.
    """
    rows: list[list[float]] = []
    for number, cells in enumerate(_cells(file), 1):
        if not rows and _is_header(cells):
            continue
        rows.append(_row(cells, f"{file}, line {number}"))
        if len(rows[-1]) != len(rows[0]):
            raise FormatError(
                f"{file}, line {number}: number of values is {len(rows[-1])}, but"
                f" {len(rows[0])} in the first row; give every row the same number"
            )
    if not rows:
        raise FormatError(f"{file}: is empty; give a line of numbers for each sound")
    labels = np.array(rows)
    _require_no_index(labels, file)
    require_parameters(labels, file)
    return labels.astype(np.float32)


def require_parameters(labels: NDArray[Any], file: Path) -> None:
    """Check that labels are numbers from 0 to 127, and not all of them from 0 to 1.

    Parameters
    ----------
    labels : ndarray, shape (n_rows, n_parameters)
        The labels.
    file : Path
        Where they were read, for the message.

    Raises
    ------
    FormatError
        They are not; the message names the row.
    """
    outside = ~((labels >= 0.0) & (labels <= PARAMETER_MAX))  # of what is not a number, too
    if outside.any():
        row, column = np.argwhere(outside)[0]
        raise FormatError(
            f"{file}: parameter {column} of row {row} is {labels[row, column]:g}; parameters run"
            f" from 0 to {PARAMETER_MAX}"
        )
    if labels.max(initial=0.0) <= 1.0:
        raise FormatError(
            f"{file}: no parameter is above 1; parameters run from 0 to {PARAMETER_MAX}: if these"
            f" run from 0 to 1, multiply them by {PARAMETER_MAX}"
        )


def _cells(file: Path) -> list[list[str]]:
    """Split a file into the cells of its lines, without the blank lines at its end."""
    try:
        content = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise PathError(f"{file}: no such file; tm-generate writes it") from None
    except OSError as error:
        raise PathError(f"{file}: cannot be read ({error.strerror})") from None
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = 1 + len(re.findall(rb"\r\n|\r|\n", content[: error.start]))
        raise FormatError(f"{file}, line {line}: is not UTF-8 text; save it as UTF-8") from None
    lines = re.split(r"\r\n|\r|\n", text)
    while lines and not lines[-1].strip():
        lines.pop()
    # The last line is a row: a header may hold any mark.
    separator = next((mark for mark in ";\t" if lines and mark in lines[-1]), ",")
    if separator != ",":
        lines = [line.replace(",", ".") for line in lines]
    try:
        return [next(csv.reader([line], delimiter=separator), []) for line in lines]
    except csv.Error as error:
        raise FormatError(f"{file}: not rows of numbers ({error})") from None


def _is_header(cells: list[str]) -> bool:
    """Whether a line before the first row names the columns, or is a remark."""
    if not cells:
        return False
    first, *others = (cell.strip() for cell in cells)
    remark = first.startswith("#")
    names = [name for name in (first.lstrip("# "), *others) if name]
    # A row behind a # may be one that somebody took out, and then all others move.
    if any(NUMBER.fullmatch(name) for name in names):
        return False
    return remark or (len(names) == len(cells) and any(map(str.isalpha, "".join(names))))


def _row(cells: list[str], where: str) -> list[float]:
    if not any(cell.strip() for cell in cells):
        raise FormatError(
            f"{where}: is blank, and every line belongs to a sound; remove the line, or restore"
            " its row"
        )
    if cells[0].lstrip().startswith("#"):
        raise FormatError(
            f"{where}: is a comment, and every line belongs to a sound; remove the line, or"
            " restore its row"
        )
    for at, cell in enumerate(map(str.strip, cells)):
        if not NUMBER.fullmatch(cell):
            said = f"'{cell[:40]}' is not a number" if cell else f"value {at + 1} is missing"
            raise FormatError(f"{where}: {said}; give numbers separated by commas")
        if PADDED.fullmatch(cell):
            raise FormatError(
                f"{where}: '{cell}' looks like the decimals of a number with a decimal comma;"
                " write decimal points, or separate the values by semicolons"
            )
    return [float(cell) for cell in cells]


def _require_no_index(labels: NDArray[np.float64], file: Path) -> None:
    """Refuse a first column that numbers the rows, as a table exported with its index has."""
    n_rows, n_columns = labels.shape
    if n_columns > 1 and n_rows >= N_COUNTED:
        for start in (0, 1):
            if np.array_equal(labels[:, 0], np.arange(start, start + n_rows)):
                raise FormatError(
                    f"{file}: the first column numbers the rows ({start}, {start + 1},"
                    f" {start + 2} ...); remove it"
                )

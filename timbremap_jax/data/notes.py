"""The notes of a data set whose sounds play several: ``notes.csv``, beside the labels.

Line i is the pitch and the velocity that sound i plays, below a header. A data set that plays one
note throughout has no such file: its note stands in the manifest.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from timbremap_runtime.errors import FormatError

HEADER = "pitch,velocity"

N_NOTE_BANDS = 2
"""By which an encoder is told the note."""

MIDDLE_PITCH, OCTAVE = 60.0, 12.0
MIDDLE_VELOCITY, VELOCITY_UNIT = 64.0, 32.0


def as_csv(notes: NDArray[np.int64]) -> bytes:
    """Return the content of ``notes.csv``, of pitches and velocities (n_rows, 2)."""
    return "".join(f"{line}\n" for line in (HEADER, *(f"{p},{v}" for p, v in notes))).encode()


def read_notes(file: Path) -> NDArray[np.float32] | None:
    """Read pitches and velocities of all rows, (n_rows, 2); None without the file.

    Raises
    ------
    FormatError
        It is not what ``tm-generate`` writes.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not text"
        raise FormatError(f"{file}: cannot be read ({reason}); restore it") from None
    rows: list[list[int]] = []
    for number, line in enumerate(lines, 1):
        cells = line.split(",")
        if number == 1 and line == HEADER:
            continue
        if len(cells) != 2 or not all(cell.isdecimal() and int(cell) <= 127 for cell in cells):
            raise FormatError(
                f"{file}, line {number}: expected a pitch and a velocity, 0 to 127; restore it"
            )
        rows.append([int(cell) for cell in cells])
    return np.array(rows, np.float32).reshape(-1, 2)


def as_bands(notes: NDArray[np.floating], n_frames: int) -> NDArray[np.float32]:
    """Write notes as two more bands of a standardized spectrogram.

    So an encoder of any kind is told the note, and nothing else of it changes.

    Parameters
    ----------
    notes : ndarray, shape (N, 2)
        Pitch and velocity of each sound.
    n_frames : int
        Width of the spectrograms.

    Returns
    -------
    ndarray of float32, shape (N, 2, n_frames)
        Octaves from the middle C, and velocity; both some units wide, as the other bands.
    """
    middle, unit = (MIDDLE_PITCH, MIDDLE_VELOCITY), (OCTAVE, VELOCITY_UNIT)
    values = ((notes - np.array(middle)) / np.array(unit)).astype(np.float32)
    return np.repeat(values[:, :, None], n_frames, axis=2)

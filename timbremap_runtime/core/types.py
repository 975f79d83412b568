"""Types and numbers that several files share."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np

# Written out: numpy.typing, whose NDArray they are, takes as long to import as half this package.
FloatArray: TypeAlias = np.ndarray[tuple[Any, ...], np.dtype[np.float64]]
"""What every layer takes and gives: float64, whatever the shape."""

BoolArray: TypeAlias = np.ndarray[tuple[Any, ...], np.dtype[np.bool_]]

Scale = Literal["normal", "uniform", "even"]
"""How the point's [0, 1] becomes Z*.

By the normal quantile; linearly from min to max; or along the way that was measured for the map, on
which equal steps change the sound equally."""

PARAMETER_MAX = 127
"""Parameters run from 0 to this, as a MIDI controller does."""

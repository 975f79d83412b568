"""Types and numbers that several files share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# As strings: numpy.typing takes as long to import as half of this package.
FloatArray: TypeAlias = "NDArray[np.float64]"
"""What every layer takes and gives: float64, whatever the shape."""

BoolArray: TypeAlias = "NDArray[np.bool_]"

Scale = Literal["normal", "uniform", "even"]
"""How the point's [0, 1] becomes Z*.

By the normal quantile; linearly from min to max; or along the way that was measured for the map, on
which equal steps change the sound equally."""

PARAMETER_MAX = 127
"""Parameters run from 0 to this, as a MIDI controller does."""

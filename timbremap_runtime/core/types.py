"""Types that several files share."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]
"""What every layer takes and gives: float64, whatever the shape."""

BoolArray: TypeAlias = NDArray[np.bool_]

Scale = Literal["normal", "uniform"]
"""How the point's [0, 1] becomes Z*: by the normal quantile, or linearly from min to max."""

"""Where things are, and the commands that are installed."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PATCHES = REPOSITORY / "patches"
LFO4 = PATCHES / "subtractive" / "lfo4"

N_SOUNDS = 60
"""Of the data set that tests share: see conftest."""


def command(name: str) -> str:
    """Path of an installed command."""
    path = shutil.which(name, path=str(Path(sys.executable).parent))
    assert path, f"{name} is not installed beside {sys.executable}"
    return path

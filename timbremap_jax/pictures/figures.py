"""What all pictures share: the caption, plain text and how they are written."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from timbremap_jax.data.files import replacing
from timbremap_runtime.core.types import PARAMETER_MAX

DPI = 120
PARAMETER_TICKS = (0, 64, PARAMETER_MAX)


def caption(figure: Figure, question: str, *paragraphs: str) -> None:
    """Write above a figure the question that it answers, and below it how to read it."""
    figure.suptitle(question, fontsize=13)
    n_letters = int(figure.get_size_inches()[0] * 72 / 4.7)  # one of 9 points is about half as wide
    lines = "\n".join(textwrap.fill(paragraph, n_letters) for paragraph in paragraphs)
    figure.supxlabel(lines, x=0.01, ha="left", fontsize=9)


def shortened(name: str) -> str:
    """Keep both ends of a name too long for a panel."""
    return name if len(name) <= 18 else f"{name[:8]}…{name[-9:]}"


def plain_text() -> Any:
    """Return a context in which a dollar sign in a name is a dollar sign."""
    return rc_context({"text.parse_math": False})


def save_figure(figure: Figure, file: Path) -> None:
    """Write a figure, whole or not at all; the ending of the file says the format."""
    with replacing(file) as temporary:
        figure.savefig(temporary, dpi=DPI)

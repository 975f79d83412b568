"""Write pages of every module from its docstrings into ``api/``: what ``make api`` runs."""

import sys
import warnings

import numpy.typing
from pdoc.__main__ import cli


class ArrayLike:
    """What NumPy makes an array of. Its own name for it is written out as a screenful of types."""

    __module__ = "numpy.typing"


def main(folder: str) -> None:
    """Write the pages."""
    numpy.typing.ArrayLike = ArrayLike  # pyright: ignore[reportAttributeAccessIssue]
    # Types that only type checkers import are shown by their names.
    warnings.filterwarnings("ignore", "Error parsing type annotation")
    cli(["--docformat", "numpy", "-o", folder, "timbremap_runtime", "timbremap_jax"])


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["api"]))

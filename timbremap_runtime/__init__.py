"""Play a synthesizer by its timbre: from a point on a pad to all its parameters, and back.

    >>> import timbremap_runtime as tm
    >>> mapping = tm.load("models/fm/timbremap")   # doctest: +SKIP
    >>> p = mapping.forward([0.5, 0.5, 0.5])       # doctest: +SKIP
    >>> c = mapping.inverse(p)                     # doctest: +SKIP

`forward` is always point to parameters. The point's coordinates run from 0 to 1, parameters from 0
to 127.
"""

from timbremap_runtime.core.layers import DenseLayer, PCALayer, VecScale
from timbremap_runtime.core.mapping import TimbreMap, Trace
from timbremap_runtime.core.textformat import load, save
from timbremap_runtime.errors import (
    ConnectionFailed,
    FormatError,
    MissingExtra,
    MissingProgram,
    PathError,
    SettingsError,
    ShapeError,
    TimbreMapError,
)
from timbremap_runtime.performance.performer import Performer, Reading

__all__ = [
    "ConnectionFailed",
    "DenseLayer",
    "FormatError",
    "MissingExtra",
    "MissingProgram",
    "PCALayer",
    "PathError",
    "Performer",
    "Reading",
    "SettingsError",
    "ShapeError",
    "TimbreMap",
    "TimbreMapError",
    "Trace",
    "VecScale",
    "load",
    "save",
]


def __getattr__(name: str) -> str:
    if name == "__version__":
        from importlib import metadata  # takes longer to import than all of this package

        return metadata.version("timbremap")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

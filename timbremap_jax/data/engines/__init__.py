"""Engines: whatever turns parameter settings into samples, one file each.

A new engine is a new file with a class that has `Engine`'s attributes and method, and a line in
`ENGINES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from importlib import import_module
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from timbremap_jax.data.patch import Note, Patch
from timbremap_runtime.errors import FormatError, MissingExtra, SettingsError, TimbreMapError

T = TypeVar("T")

ENGINES = {
    "faust": "FaustEngine",
    "plugin": "PluginEngine",
    "pd": "PdEngine",
    "osc": "OscEngine",
}
"""The class of each engine, in the module of its name."""

FOREIGN = ("plugin", "pd")
"""Engines that run code of others, which may crash, hang, or sound different every time."""

SAMPLE_RATE = 44_100
"""Samples per second of every sound that is rendered here."""


class NoSound(TimbreMapError):
    """Nothing that could be used came out for these settings; another try may bring it."""


class Engine(Protocol):
    """Settings in, samples out. What comes out depends on what goes in alone.

    Attributes
    ----------
    sample_rate : int
        Samples per second of what comes out.
    """

    sample_rate: int

    def render(self, values: Sequence[float], note: Note) -> NDArray[np.float32]:
        """Play one note.

        Parameters
        ----------
        values : sequence of float
            The learned parameters 0..127, in the patch's order.
        note : Note
            What to play and how long.

        Returns
        -------
        ndarray of float32, shape (n_samples,)
            Mono samples, full scale at 1.0.

        Raises
        ------
        NoSound
            Nothing came out.
        """
        ...


@runtime_checkable
class LiveEngine(Engine, Protocol):
    """An engine that plays in real time, one sound after the other, and never twice the same."""

    def conduct(
        self, rows: Sequence[int], n_rows: int, render: Callable[[int], str | None]
    ) -> Iterator[tuple[int, str | None]]:
        """Render rows; yield each and what is wrong with it.

        Parameters
        ----------
        rows : sequence of int
            What is to be rendered.
        n_rows : int
            Of the whole data set.
        render : callable
            Renders a row and says what is wrong with it.
        """
        ...


def open_engine(patch: Patch) -> Engine:
    """Return the engine that ``patch`` asks for, with the patch loaded.

    Raises
    ------
    SettingsError
        There is no such engine.
    FormatError
        The engine cannot read the patch's source.
    MissingExtra
        The package that the engine needs is not installed.
    FolderError
        The program that the engine needs is not installed.
    """
    if patch.engine not in ENGINES:
        raise SettingsError(
            f"{patch.file}: no engine '{patch.engine}'; there are {', '.join(ENGINES)}"
        )
    module = import_module(f"{__name__}.{patch.engine}")
    return getattr(module, ENGINES[patch.engine])(patch)


def open_host(block_size: int) -> Any:
    """Return a DawDreamer engine that renders ``block_size`` samples at a time.

    Raises
    ------
    MissingExtra
        DawDreamer is not installed.
    """
    try:
        dawdreamer: Any = import_module("dawdreamer")  # it has no types
    except ImportError:
        raise MissingExtra("dawdreamer", "render") from None
    return dawdreamer.RenderEngine(SAMPLE_RATE, block_size)


def read_options(patch: Patch, kind: type[T]) -> T:
    """Make ``kind``, a dataclass of defaults, from the patch's table of the engine's name.

    Raises
    ------
    FormatError
        The table has a key that ``kind`` has not got, or a value of another type.
    """
    defaults = {field.name: field.default for field in fields(kind)}  # pyright: ignore[reportArgumentType]
    for key, value in patch.options.items():
        if key not in defaults:
            known = ", ".join(defaults)
            raise FormatError(f"{patch.file}: [{patch.engine}] has no '{key}'; known are {known}")
        wanted = type(defaults[key])
        if type(value) is not wanted and not (wanted is float and type(value) is int):
            raise FormatError(
                f"{patch.file}: '{key}' of [{patch.engine}] should be like {defaults[key]!r},"
                f" not {value!r}"
            )
    try:
        return kind(**patch.options)
    except SettingsError as error:
        raise FormatError(f"{patch.file}: [{patch.engine}]: {error}") from None


def require_controls(names: Sequence[str], there: Sequence[str], lead: str) -> None:
    """Raise a `FormatError` that begins with ``lead`` when a control is not there."""
    missing = [name for name in names if name not in there]
    if missing:
        raise FormatError(
            f"{lead} the control '{missing[0]}', which is not there; there are {', '.join(there)}"
        )

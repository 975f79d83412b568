"""Engines: whatever turns parameter settings into samples, one file each.

A new engine is a new file with a class that has the attributes and the method of
`timbremap_jax.data.engines.base.Engine`, and a line in `ENGINES`.
"""

from __future__ import annotations

from importlib import import_module

from timbremap_jax.data.engines.base import Engine
from timbremap_jax.data.patch import Patch
from timbremap_runtime.errors import SettingsError

ENGINES = {
    "faust": "FaustEngine",
    "plugin": "PluginEngine",
    "pd": "PdEngine",
    "osc": "OscEngine",
}
"""The class of each engine, in the module of its name."""

FOREIGN = ("plugin", "pd")
"""Engines that run code of others, which may crash, hang, or sound different every time."""


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
    PathError
        The program that the engine needs is not installed.
    """
    if patch.engine not in ENGINES:
        raise SettingsError(
            f"{patch.file}: no engine '{patch.engine}'; there are {', '.join(ENGINES)}"
        )
    module = import_module(f"{__name__}.{patch.engine}")
    return getattr(module, ENGINES[patch.engine])(patch)

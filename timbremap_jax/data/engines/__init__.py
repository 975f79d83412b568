"""Engines: whatever turns parameter values into samples, one file each.

A new engine is a new file with a class that has the attributes and the method of
`timbremap_jax.data.engines.base.Engine`, and a line in `ENGINES`.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from timbremap_jax.data.engines.base import Engine
from timbremap_jax.data.patch import Patch
from timbremap_runtime.errors import FormatError

ENGINES = {
    "faust": "FaustEngine",
    "plugin": "PluginEngine",
    "pd": "PdEngine",
    "osc": "OscEngine",
}
"""The class of each engine, in the module of its name."""

FOREIGN = ("plugin", "pd")
"""Engines that run code of others, which may crash, hang, or sound different every time."""

HOLDING = ("plugin",)
"""Those of them that take long to open and can be held open (`forked.HoldingEngine`)."""


def open_engine(patch: Patch) -> Engine:
    """Return the engine that ``patch`` asks for, with the patch loaded.

    Raises
    ------
    FormatError
        There is no such engine, or it cannot play what ``patch.toml`` says.
    MissingExtra, MissingProgram
        The package, or the program, that the engine needs is not installed.
    """
    return _class_of(patch)(patch)


def is_live(patch: Patch) -> bool:
    """Whether the engine plays in real time: whether it is a `base.LiveEngine`."""
    return hasattr(_class_of(patch), "conduct")


def sources_of(patch: Patch) -> tuple[Path, ...]:
    """Return every file that decides what is heard.

    They are those that ``patch.toml`` names, and those that an engine's function ``more_sources``
    finds in them.
    """
    more = getattr(_module_of(patch), "more_sources", None)
    return tuple(dict.fromkeys((*patch.files, *(more(patch) if more else ()))))


def program_versions(patch: Patch) -> dict[str, str | None]:
    """Return the versions of programs that decide what is heard, by an engine's own function."""
    versions = getattr(_module_of(patch), "program_versions", None)
    return versions(patch) if versions else {}


def _class_of(patch: Patch) -> Any:
    module = _module_of(patch)
    return getattr(module, ENGINES[patch.engine])


def _module_of(patch: Patch) -> ModuleType:
    if patch.engine not in ENGINES:
        raise FormatError(
            f"{patch.file}: no engine '{patch.engine}'; there are {', '.join(ENGINES)}"
        )
    return import_module(f"{__name__}.{patch.engine}")

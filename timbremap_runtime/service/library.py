"""The models that a performance may load, by name.

A library is one ``timbremap`` folder, one model folder, or a folder of model folders. Only what
lies in it can be loaded: a name is looked up among those found, and is never used as a path.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from timbremap_runtime.core.mapping import TimbreMap
from timbremap_runtime.core.textformat import find_map, load
from timbremap_runtime.core.types import Scale
from timbremap_runtime.errors import PathError, SettingsError


class NamedMap(NamedTuple):
    """A map with its name and those of its parameters."""

    name: str
    mapping: TimbreMap
    parameter_names: tuple[str, ...]


class Library:
    """A folder of models.

    Parameters
    ----------
    folder : Path
        A ``timbremap`` folder, a model folder that holds one, or a folder of either.

    Raises
    ------
    PathError
        There is no model in it.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        if not self.names():
            raise PathError(f"{folder}: no model in it; give a folder that tm-train wrote")

    def names(self) -> list[str]:
        """Names of the models there are, in order."""
        return sorted(self._find())

    def load(self, name: str, scale: Scale = "normal") -> NamedMap:
        """Read a model.

        Raises
        ------
        SettingsError
            There is none of that name; the message holds those there are.
        FormatError
            It cannot be read.
        """
        found = self._find()
        if name not in found:
            raise SettingsError(f"no model '{name}': there are {', '.join(sorted(found))}")
        mapping = load(found[name], scale)
        return NamedMap(name, mapping, _parameter_names(found[name], mapping.parameter_size))

    def _find(self) -> dict[str, Path]:
        """Names of the models, with their ``timbremap`` folders."""
        root = self.folder.resolve()
        own = _map_folder(root, root.parent if root.name == "timbremap" else root)
        if own:
            return {(root.parent if root.name == "timbremap" else root).name: own}
        if not root.is_dir():
            return {}
        found = {child.name: _map_folder(child, root) for child in root.iterdir()}
        return {name: folder for name, folder in found.items() if folder}


def _map_folder(folder: Path, root: Path) -> Path | None:
    """Return the folder of a model's layers; None if there is none, or if a link leads out."""
    found = find_map(folder)
    if found and all(path.resolve().is_relative_to(root) for path in found.rglob("*")):
        return found
    return None


def _parameter_names(map_folder: Path, n: int) -> tuple[str, ...]:
    """Names of the parameters as training noted them; p0, p1 and so on where nobody says."""
    try:
        config = json.loads((map_folder.parent / "config.json").read_text(encoding="utf-8"))
        names = tuple(map(str, config["parameters"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        names = ()
    return names if len(names) == n else tuple(f"p{i}" for i in range(n))

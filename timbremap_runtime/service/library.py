"""The models that a performance may load, by name.

A library is one ``timbremap`` folder, one model folder, or a folder of model folders, or several
of these. Only what lies in them can be loaded: a name is looked up among those found, and is never
used as a path. Where two folders have a model of the same name, the later one is called after its
folder too: ``model``, then ``second model``.

Names are compared as a reader sees them: an accented letter is the same whether it is written as
one character or as two. A number stands for the folder of that name, as Pure Data sends ``2`` as a
number.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from timbremap_runtime.core.mapping import TimbreMap
from timbremap_runtime.core.model_folder import find_map, find_model, parameter_names
from timbremap_runtime.core.textformat import load
from timbremap_runtime.core.types import Scale
from timbremap_runtime.errors import PathError, SettingsError
from timbremap_runtime.service.names import composed


class NamedMap(NamedTuple):
    """A map with its name and those of its parameters."""

    name: str
    mapping: TimbreMap
    parameter_names: tuple[str, ...]


class Library:
    """Folders of models.

    Parameters
    ----------
    folders : Path
        Each a ``timbremap`` folder, a model folder that holds one, or a folder of either.

    Raises
    ------
    PathError
        There is no model in one of them.
    """

    def __init__(self, *folders: Path):
        self._roots = [folder.resolve() for folder in folders]
        for folder, root in zip(folders, self._roots, strict=True):
            if not _find(root):
                raise PathError(f"{folder}: contains no model; give a folder that tm-train wrote")

    def names(self) -> list[str]:
        """Names of the models there are, in order."""
        return sorted(self.folders())

    def load(self, name: str | float, scale: Scale | None = None) -> NamedMap:
        """Read a model, in the even scale where it has one unless another is asked for.

        Raises
        ------
        SettingsError
            There is none of that name; the message holds those there are. Or it has no even scale.
        FormatError
            It cannot be read.
        """
        found = self.folders()
        match = _matching(name, list(found))
        if match is None:
            said = name if isinstance(name, str) else f"{name:g}"
            raise SettingsError(f"no model '{said}'; choose one of {', '.join(sorted(found))}")
        mapping = load(found[match], scale)
        names = parameter_names(found[match], mapping.parameter_size)
        return NamedMap(composed(match), mapping, tuple(map(composed, names)))

    def folders(self) -> dict[str, Path]:
        """Return the ``timbremap`` folder of each model, by the model's name."""
        found: dict[str, Path] = {}
        for root in self._roots:
            for name, folder in _find(root).items():
                if folder in found.values():
                    continue
                while name in found:
                    name = f"{find_model(folder).parent.name} {name}"
                found[name] = folder
        return found


def _find(root: Path) -> dict[str, Path]:
    """Names of the models in a folder, with their ``timbremap`` folders."""
    model = find_model(root)
    own = _map_folder(root, model)
    if own:
        return {model.name: own}
    if not root.is_dir():
        return {}
    found = {child.name: _map_folder(child, root) for child in sorted(root.iterdir())}
    return {name: folder for name, folder in found.items() if folder}


def _map_folder(folder: Path, root: Path) -> Path | None:
    """Return the folder of a model's layers; None if there is none, or if a link leads out."""
    found = find_map(folder)
    if found and all(path.resolve().is_relative_to(root) for path in found.rglob("*")):
        return found
    return None


def _matching(name: str | float, names: list[str]) -> str | None:
    """Find the name that is meant; None if there is none, or more than one might be."""
    if isinstance(name, str):
        alike = [each for each in names if composed(each) == composed(name)]
        return name if name in names else _only(alike)
    alike = [each for each in names if _single(each) == _single(name)]
    return f"{name:g}" if f"{name:g}" in alike else _only(alike)


def _only(names: list[str]) -> str | None:
    return names[0] if len(names) == 1 else None


def _single(name: str | float) -> np.float32 | None:
    """Read a name as the number that OSC makes of it, in single precision."""
    try:
        with np.errstate(over="ignore"):
            return np.float32(name)
    except ValueError:
        return None

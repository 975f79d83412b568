"""What the runtime knows of a model folder: where its map lies, and ``config.json``.

::

    model/
      timbremap/     the map, in the text format
      config.json    what was trained: the parameters' names, the instrument, the command
      metrics.json   how good it is

A map's folder may be given wherever a model folder may, and the other way round.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, cast

from timbremap_runtime.errors import FormatError, PathError

if TYPE_CHECKING:
    from pathlib import Path

MAP = "timbremap"
"""The map's folder in a model folder."""

CONFIG = "config.json"
"""Written when training begins; shipped models and maps of other origin may be without it."""

METRICS = "metrics.json"
"""Written when training ends."""


def find_map(folder: Path) -> Path | None:
    """Return the map's folder of a model folder, or `folder` if it is one; else None."""
    for candidate in (folder / MAP, folder):
        if (candidate / "vec_scale").is_dir():
            return candidate
    return None


def find_model(folder: Path) -> Path:
    """Return the model folder in which a map's folder lies, or `folder` if it is not in one."""
    found = folder.resolve()
    return found.parent if found.name == MAP and find_map(found) == found else folder


def read_config(model_dir: Path) -> dict[str, Any]:
    """Read ``config.json`` of a model folder.

    Raises
    ------
    PathError
        The file is missing.
    FormatError
        It is not JSON, or not an object.
    """
    import json  # not every map has one, and reading a map is to start at once

    file = model_dir / CONFIG
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise PathError(f"{file}: no such file; give a folder that tm-train wrote") from None
    except (ValueError, RecursionError):
        raise FormatError(f"{file}: not valid JSON; train the model again") from None
    if not isinstance(content, dict):
        raise FormatError(f"{file}: not what tm-train writes; train the model again")
    return cast("dict[str, Any]", content)


def day_of(folder: Path) -> str:
    """Return the day on which a model's training began, as 2026-11-25; empty if it is unknown."""
    try:
        return date.fromisoformat(read_config(find_model(folder))["begun"]).isoformat()
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def parameter_names(folder: Path, n: int) -> tuple[str, ...]:
    """Return the names of a model's n parameters; p0, p1 and so on if they are unknown.

    Parameters
    ----------
    folder : Path
        The model folder, or its map's.
    n : int
        How many parameters the map has. Names of another number are not its own.
    """
    try:
        names = tuple(map(str, read_config(find_model(folder))["parameters"]))
    except (OSError, ValueError, LookupError, TypeError):
        names = ()
    return names if len(names) == n else tuple(f"p{i}" for i in range(n))

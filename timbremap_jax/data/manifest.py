"""The manifest of a data folder, ``generate.json``: how its sounds were made.

This file alone knows what is in it. It needs no engine, so that whoever reads sounds or features
may ask where they come from.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from timbremap_jax.data.files import save_json
from timbremap_runtime.errors import FormatError, PathError

KINDS: dict[str, type | tuple[type, ...]] = {
    "patch_dir": str,
    "variant": (str, type(None)),
    "parameters": list,
    "note": dict,
    "n_examples": int,
    "seed": int,
    "sampling": str,
    "sample_format": str,
}
"""What every manifest has, of which type. Later versions of ``tm-generate`` added more."""


def manifest_path(data_dir: Path) -> Path:
    """Where the manifest of a data folder lies."""
    return data_dir / "generate.json"


def write_manifest(data_dir: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest, whole or not at all."""
    save_json(manifest_path(data_dir), manifest)


def read_manifest(data_dir: Path) -> dict[str, Any] | None:
    """Read the manifest of a data folder.

    Returns
    -------
    dict or None
        What decides the sounds, with at least the keys of `KINDS`. None if there is no manifest:
        somebody else made the sounds.

    Raises
    ------
    PathError
        It may not be read.
    FormatError
        It is not what ``tm-generate`` writes.
    """
    file = manifest_path(data_dir)
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise PathError(f"{file}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError):
        raise FormatError(
            f"{file}: not valid JSON; restore it, or render into another folder"
        ) from None
    if not isinstance(manifest, dict) or not all(
        isinstance(manifest.get(key, ...), kind) for key, kind in KINDS.items()
    ):
        raise FormatError(f"{file}: not what tm-generate writes; restore it, or delete it")
    return manifest


def next_command(data_dir: Path, *options: str) -> str | None:
    """Return the command that made a data folder as it was typed, with more options behind it.

    A folder that was moved is named as it is called now. None if there is none on record: the
    folder was made from Python, by an earlier version, or by somebody else.

    Examples
    --------
    >>> next_command(Path("data/fm"), "--only", "3,17")
    'tm-generate patches/subtractive/lfo4 data/fm --examples 1000 --only 3,17'
    """
    manifest = read_manifest(data_dir) or {}
    words, made_as = manifest.get("command"), manifest.get("data_dir")
    if not words or not isinstance(words, list) or not all(isinstance(w, str) for w in words):
        return None
    if isinstance(made_as, str):
        words = [str(data_dir) if Path(word) == Path(made_as) else word for word in words]
    return shlex.join([*words, *options])


def ranges(rows: Sequence[int]) -> str:
    """Write sorted rows briefly, as ``--only`` takes them: 3,17,40-50."""
    parts: list[list[int]] = []
    for row in rows:
        if parts and row == parts[-1][1] + 1:
            parts[-1][1] = row
        else:
            parts.append([row, row])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in parts)

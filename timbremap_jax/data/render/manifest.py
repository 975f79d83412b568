"""How the sounds of a data folder were made: ``generate.json``."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from timbremap_jax.data.patch import SAMPLE_RATE, Note, Patch
from timbremap_jax.data.render.sampling import GenerateSettings
from timbremap_runtime.errors import FormatError, PathError, SettingsError

WRITTEN = (
    "patch_dir", "variant", "parameters", "note", "n_examples", "seed", "sampling",
    "sample_format",
)  # fmt: skip
"""What others read of a description."""


def describe(patch: Patch, note: Note, settings: GenerateSettings) -> dict[str, Any]:
    """Return everything that decides what the sounds are, ready for JSON."""
    digest = hashlib.sha256()
    for file in patch.files:
        digest.update(file.read_bytes())
    return {
        "patch": patch.name,
        "patch_dir": str(patch.folder),
        "patch_sha256": digest.hexdigest(),
        "variant": patch.variant,
        "parameters": list(patch.parameter_names),
        "note": asdict(note),
        "sample_rate": SAMPLE_RATE,
        **asdict(settings),
        "versions": {name: _version(name) for name in ("timbremap", "numpy", "dawdreamer")},
    }


def command_again(data_dir: Path, rows: Sequence[int] | None = None) -> str | None:
    """Return the command that renders ``rows`` of a data folder again, if we made it.

    Without ``rows``, the one that renders what is missing.
    """
    description = load_description(data_dir)
    if description is None:
        return None
    note = description["note"]
    options = {
        "variant": description["variant"],
        "examples": description["n_examples"],
        "seed": description["seed"],
        "sampling": description["sampling"],
        "format": description["sample_format"],
        "note": note["pitch"],
        "velocity": note["velocity"],
        "sustain": note["sustain_ms"],
        "release": note["release_ms"],
        "only": ranges(rows) if rows is not None else None,
    }
    words = ["tm-generate", description["patch_dir"], str(data_dir)]
    for name, value in options.items():
        words += [f"--{name}", str(value)] if value is not None else []
    return shlex.join([*words, "--resume"] if rows is None else words)


def ranges(rows: Sequence[int]) -> str:
    """Write sorted rows briefly, as ``--only`` takes them: 3,17,40-50."""
    parts: list[list[int]] = []
    for row in rows:
        if parts and row == parts[-1][1] + 1:
            parts[-1][1] = row
        else:
            parts.append([row, row])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in parts)


def load_description(data_dir: Path) -> dict[str, Any] | None:
    """Read ``generate.json`` of a data folder; None where there is none."""
    file = data_dir / "generate.json"
    try:
        description = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError:
        raise FormatError(
            f"{file}: not valid JSON: restore it, or render into another folder"
        ) from None
    if not isinstance(description, dict) or not set(WRITTEN) <= set(description):
        raise FormatError(f"{file}: not what tm-generate writes: restore it, or delete it")
    return description


def require_same(
    data_dir: Path, description: dict[str, Any], *, again: bool, may_grow: bool = False
) -> None:
    """Check that a folder is new or, with ``again``, one that was begun with the same description.

    With ``may_grow`` it may be one of fewer sounds.

    Raises
    ------
    PathError
        It holds something else.
    SettingsError
        It was made from another patch or with other settings.
    """
    earlier = load_description(data_dir)
    if earlier is None:
        there = [file.name for file in data_dir.iterdir()] if data_dir.is_dir() else []
        if "labels.csv" in there:
            raise PathError(
                f"{data_dir} holds a labels.csv but no generate.json that says how it was made:"
                " give another folder"
            )
        if any(name != "wavs" and not name.startswith(".") for name in there):
            raise PathError(f"{data_dir} holds other things: give a folder of its own")
        return
    if not again:
        raise PathError(
            f"{data_dir} holds a data set already: go on with --resume, or give another folder"
        )
    for key, now in description.items():
        # A patch may move: what it says is in its hash. Chance may hide that it varies.
        if key in ("patch_dir", "repeatable"):
            continue
        then = earlier.get(key)
        if key == "n_examples" and may_grow and isinstance(then, int) and then < now:
            continue  # the rows that are there stay what they are
        if key == "patch_sha256" and then != now:
            raise SettingsError(
                f"{data_dir} was made before {description['patch_dir']} was changed (patch.toml or"
                " a file beside it): give another folder, or bring the instrument back"
            )
        if then != now:
            if isinstance(then, dict) and isinstance(now, dict):
                changed = [part for part in now if then.get(part) != now[part]]
                then, now = (
                    ", ".join(f"{part} {each.get(part)}" for part in changed)
                    for each in (then, now)
                )
            raise SettingsError(
                f"{data_dir} was made with another {key} ({_short(then)}, now {_short(now)}):"
                f" give another folder, or go on as it was begun:  {command_again(data_dir)}"
            )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _short(value: Any) -> str:
    """Write a value of a description in a few characters."""
    text = str(value)
    return text if len(text) <= 60 else f"{text[:12]}..."

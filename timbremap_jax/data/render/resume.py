"""What decides the sounds of a run, and whether a folder may be continued with it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from timbremap_jax.data.engines import program_versions, sources_of
from timbremap_jax.data.folder import DataFolder
from timbremap_jax.data.manifest import next_command, read_manifest
from timbremap_jax.data.patch import SAMPLE_RATE, Note, Patch
from timbremap_jax.data.render.sampling import GenerateSettings
from timbremap_runtime.errors import PathError, SettingsError

NOT_COMPARED = ("patch_dir", "data_dir", "repeatable", "forked", "command")
"""Parts of a manifest that may differ: folders may move (what an instrument says is in its hash),
chance may hide that it varies, and one run may be typed in several ways."""


SINCE: dict[str, list[int]] = {"pitches": [], "velocities": []}
"""What manifests of earlier versions lack, and how it was then."""


def make_manifest(patch: Patch, note: Note, settings: GenerateSettings) -> dict[str, Any]:
    """Return everything that decides what the sounds are, ready for JSON."""
    return {
        "patch": patch.name,
        "patch_dir": str(patch.folder),
        "patch_sha256": hash_together(patch.files),
        "files": {
            _name_of(file, patch): hash_together([file]) for file in sorted(sources_of(patch))
        },
        "variant": patch.variant,
        "parameters": list(patch.parameter_names),
        "note": asdict(note),
        "sample_rate": SAMPLE_RATE,
        **{
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(settings).items()
        },
        "versions": {name: _version(name) for name in ("timbremap", "numpy", "dawdreamer")}
        | program_versions(patch),
    }


def hash_together(files: Iterable[Path]) -> str:
    """Return the SHA-256 of the content of files, one after the other."""
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as opened:
            while block := opened.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _name_of(file: Path, patch: Patch) -> str:
    """Name a file as it is called within the instrument, wherever that lies."""
    # A source elsewhere counts with what lies beside it: the files of a plug-in's folder.
    for folder in (patch.folder, Path(patch.source).parent):
        if file.is_relative_to(folder):
            return file.relative_to(folder).as_posix()
    return file.as_posix()


def require_own(data_dir: Path, *, again: bool) -> None:
    """Check that a folder is new or, with ``again``, one that ``tm-generate`` began.

    Raises
    ------
    PathError
        It holds something else, or a data set without ``again``.
    """
    if read_manifest(data_dir) is None:
        _require_new(data_dir)
    elif not again:
        raise PathError(
            f"{data_dir}: holds a data set already; continue it with --resume, or choose another"
            " folder"
        )


def require_same(data_dir: Path, manifest: dict[str, Any], *, may_grow: bool = False) -> None:
    """Check that a folder, if it was begun, was begun with the same manifest.

    With ``may_grow`` it may be one of fewer sounds.

    Raises
    ------
    SettingsError
        It was made from another patch or with other settings.
    """
    earlier = read_manifest(data_dir)
    if earlier is None:
        return
    for key, now in manifest.items():
        then = earlier.get(key, SINCE.get(key))
        if key in NOT_COMPARED or then == now:
            continue
        if key == "n_examples" and may_grow and isinstance(then, int) and then < now:
            continue  # the rows that are there stay what they are
        if key == "patch_sha256" and "files" in earlier:
            continue  # the files are known one by one
        if key in ("files", "patch_sha256"):
            changed = _changed(then, now) if key == "files" else "patch.toml or a file it names"
            if changed:
                raise SettingsError(
                    f"{data_dir}: was made before {manifest['patch_dir']} was changed ({changed});"
                    " choose another folder, or undo the change"
                )
            continue
        if key == "versions" and isinstance(then, dict):
            then = {**now, **then}  # earlier versions kept fewer
            if then == now:
                continue
        raise SettingsError(
            f"{data_dir}: was made with another {key} ({_difference(then, now)});"
            f" choose another folder, or resume with the original options{_typed(data_dir)}"
        )


def _changed(then: Any, now: dict[str, str]) -> str:
    """Say which files differ; nothing where only hashes of one file for all were kept."""
    if not isinstance(then, dict):
        return ""
    names = {**now, **then}
    return ", ".join(
        f"{name} is {'new' if name not in then else 'missing' if name not in now else 'changed'}"
        for name in names
        if then.get(name) != now.get(name)
    )


def _require_new(data_dir: Path) -> None:
    folder = DataFolder(data_dir)
    there = list(data_dir.iterdir()) if data_dir.is_dir() else []
    if folder.labels_csv in there:
        raise PathError(
            f"{data_dir}: holds a labels.csv but no generate.json that says how it was made;"
            " choose another folder"
        )
    if any(file != folder.wavs and not file.name.startswith(".") for file in there):
        raise PathError(f"{data_dir}: holds other things; choose a folder of its own")


def _difference(then: Any, now: Any) -> str:
    if isinstance(then, dict) and isinstance(now, dict):
        changed = [part for part in now if then.get(part) != now[part]]
        then, now = (
            ", ".join(f"{part} {each.get(part)}" for part in changed) for each in (then, now)
        )
    return f"{_short(then)}, now {_short(now)}"


def _short(value: Any) -> str:
    """Write a value of a manifest in a few characters."""
    text = str(value)
    return text if len(text) <= 60 else f"{text[:12]}..."


def _typed(data_dir: Path) -> str:
    command = next_command(data_dir, "--resume")
    return f":  {command}" if command else ""


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None

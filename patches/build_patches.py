"""Writes the Pure Data and Max patches of the instruments with a Faust voice, and their maps.

    python patches/build_patches.py

A patch is a long list of boxes and cords; in one written by hand, the tenth slider is wired wrong.
What the patches share (sliders, pad, the link to tm-serve) is written once. The files are kept
beside the instruments, so nobody has to run this to play them.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import timbremap_runtime as tm
from timbremap_runtime.export import describe_model, js_host, write
from timbremap_runtime.service.library import Library

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from max_patch import max_patch  # noqa: E402
from pd_built_in import MAPS  # noqa: E402
from pd_patch import pd_patch  # noqa: E402
from pd_voices import clonewheel_voice, lfo4_voice  # noqa: E402


def instruments() -> dict[Path, dict[str, Any]]:
    """Return the folders of the instruments, with what their patches need to know."""
    found: dict[Path, dict[str, Any]] = {}
    for folder, voice, start in (
        (HERE / "subtractive" / "lfo4", lfo4_voice, [64, 64, 0, 64]),
        (HERE / "additive" / "clonewheel", clonewheel_voice, [127] * 3 + [0] * 6),
    ):
        content = tomllib.loads((folder / "patch.toml").read_text(encoding="utf-8"))
        found[folder] = {
            "title": content["name"],
            "names": [parameter["name"] for parameter in content["parameters"]],
            "variants": content.get("variants", {}),
            "models": models(folder, content.get("variants", {})),
            "pitch": content["note"]["pitch"],
            "voice": voice,
            # What Pure Data plays until the map answers.
            "start": start,
        }
    return found


def models(folder: Path, variants: Iterable[str]) -> list[str]:
    """Return the names of an instrument's models, those of its variants first."""
    there = Library(folder / "models").names()
    first = [variant for variant in variants if variant in there]
    return first + [name for name in there if name not in first]


def build_maps(folder: Path, models: Iterable[str]) -> dict[Path, str]:
    """Return the maps of an instrument for its patches, as ``tm-export`` writes them."""
    files: dict[Path, str] = {}
    for name in models:
        model = folder / "models" / name
        chain = describe_model(model, tm.load(model, scale=None), tm.__version__)
        file = f"{chain.identifier}.pd"
        files[folder / MAPS / file] = write(chain, "pd")[file]
        # Max looks for a script beside the patch, and not in folders there.
        files |= {folder / file: text for file, text in js_host.script(chain).items()}
    return files


def build() -> dict[Path, str]:
    """Return every patch's file with its content."""
    files: dict[Path, str] = {}
    for folder, instrument in instruments().items():
        files |= build_maps(folder, instrument["models"])
        files[folder / f"{folder.name}.pd"] = pd_patch(**instrument)
        del instrument["voice"], instrument["start"]
        patch = json.dumps(max_patch(**instrument), indent=1)
        files[folder / f"{folder.name}.maxpat"] = patch + "\n"
    return files


if __name__ == "__main__":
    for file, content in build().items():
        file.parent.mkdir(exist_ok=True)
        file.write_text(content, encoding="utf-8", newline="\n")
        print(file)

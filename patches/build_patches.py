"""Writes the Pure Data and Max patches of the instruments with a Faust voice.

    python patches/build_patches.py

A patch is a long list of boxes and cords; in one written by hand, the tenth slider is wired wrong.
What the patches share (sliders, pad, the link to tm-serve) is written once. The files are kept
beside the instruments, so nobody has to run this to play them.
"""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from max_patch import max_patch  # noqa: E402
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
            "pitch": content["note"]["pitch"],
            "voice": voice,
            # What Pure Data plays until tm-serve answers.
            "start": start,
        }
    return found


def build() -> dict[Path, str]:
    """Return every patch's file with its content."""
    files: dict[Path, str] = {}
    for folder, instrument in instruments().items():
        files[folder / f"{folder.name}.pd"] = pd_patch(**instrument)
        del instrument["voice"], instrument["start"]
        patch = json.dumps(max_patch(**instrument), indent=1)
        files[folder / f"{folder.name}.maxpat"] = patch + "\n"
    return files


if __name__ == "__main__":
    for file, content in build().items():
        file.write_text(content, encoding="utf-8", newline="\n")
        print(file)

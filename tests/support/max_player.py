"""A Max patch that is played without Max: see tests/patches/max/player.mjs."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.paths import REPOSITORY

PLAYER = REPOSITORY / "tests" / "patches" / "max" / "player.mjs"

needs_node = pytest.mark.skipif(not shutil.which("node"), reason="needs Node.js (node)")


class MaxPatch:
    """A patch whose boxes are found by what is written on them.

    Parameters
    ----------
    file : Path
        The patch.
    """

    def __init__(self, file: Path):
        self.file = file
        content = json.loads(file.read_text(encoding="utf-8"))["patcher"]
        self.boxes: list[dict[str, Any]] = [item["box"] for item in content["boxes"]]

    def box(self, what: str, number: int = 0) -> str:
        """Return the id of the box with this text, or the nth of this kind from left to right."""
        found = [box for box in self.boxes if what in (box.get("text"), box["maxclass"])]
        found.sort(key=lambda box: box["patching_rect"][0])
        return found[number]["id"]

    def play(self, steps: list[tuple[str, int, list[Any]]], folder: Path) -> list[dict[str, Any]]:
        """Give messages to boxes; return packets, sends and what is shown after each."""
        (folder / "steps.json").write_text(json.dumps(steps))
        command = ["node", str(PLAYER), str(self.file), str(folder / "steps.json")]
        return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)

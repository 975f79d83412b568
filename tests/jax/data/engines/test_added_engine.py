"""An engine is added as docs/architecture.md tells, word for word, to a copy of the packages."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from tests.support.paths import REPOSITORY

PACKAGES = {"timbremap_runtime": "", "timbremap_jax": "", "cli": "timbremap_cli"}
COMMAND = "from timbremap_cli.generate import main; raise SystemExit(main())"


def test_an_engine_is_two_files_as_the_page_says(tmp_path: Path):
    page = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = page.partition("## Adding an engine")[2].partition("\n## ")[0]
    (_, module), (_, line), (_, toml) = re.findall(r"```(python|toml)\n(.*?)```", section, re.S)
    for folder, name in PACKAGES.items():
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / folder, tmp_path / (name or folder), ignore=ignored)
    engines = tmp_path / "timbremap_jax" / "data" / "engines"
    (engines / "noise.py").write_text(module)
    table = (engines / "__init__.py").read_text()
    assert "ENGINES = {\n" in table
    table = table.replace("ENGINES = {\n", "ENGINES = {\n" + line, 1)
    (engines / "__init__.py").write_text(table)
    (tmp_path / "hiss").mkdir()
    (tmp_path / "hiss" / "patch.toml").write_text(toml)
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, "hiss", "data", "--examples", "3"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "data: 3 sounds of level" in done.stdout
    labels = (tmp_path / "data" / "labels.csv").read_text().split()
    for row, label in enumerate(labels):
        sound, _ = soundfile.read(tmp_path / "data" / "wavs" / f"ex_{row}.wav")
        assert abs(sound).max() == pytest.approx(0.1 + 0.8 * int(label) / 127, rel=0.01)

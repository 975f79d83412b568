"""The section "Adding a command" of docs/architecture.md, done word for word."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import timbremap_runtime as tm
from tests.support.osc_client import make_map
from tests.support.paths import REPOSITORY


def run(folder: Path, module: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Start a command of the copy of ``cli/`` in a folder."""
    start = f"import sys; from timbremap_cli.{module} import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", start, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
def test_a_command_added_as_the_page_says_works_as_the_others_do(tmp_path: Path):
    page = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = page.partition("## Adding a command\n")[2].partition("\n## ")[0]
    code, script, stub = re.findall(r"```\w+\n(.*?)```", section, re.S)
    assert script == 'tm-sizes = "timbremap_cli.sizes:main"\n'
    assert stub == "from cli import sizes as sizes\n"
    shutil.copytree(REPOSITORY / "cli", tmp_path / "timbremap_cli")
    (tmp_path / "timbremap_cli" / "sizes.py").write_text(code, encoding="utf-8")
    tm.save(make_map(0), tmp_path / "models" / "fm" / "timbremap")

    done = run(tmp_path, "sizes", "models/fm")
    assert (done.returncode, done.stdout) == (0, "3 coordinates, 4 parameters\n"), done.stderr
    failed = run(tmp_path, "sizes", "nowhere")
    assert failed.returncode == 1
    assert re.fullmatch(r"error: .*nowhere.*\n", failed.stderr)
    assert run(tmp_path, "sizes").returncode == 2
    assert version("timbremap") in run(tmp_path, "sizes", "--version").stdout

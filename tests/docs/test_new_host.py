"""The page says how a host is added; here that is done, with the page's own code, in a real awk."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from timbremap_cli import export

import timbremap_runtime as tm
from tests.support.maps import random_map
from tests.support.paths import REPOSITORY
from timbremap_runtime.export import HOSTS

PAGE = REPOSITORY / "docs" / "architecture.md"


@pytest.fixture
def awk_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the file of the section, and the line of the table."""
    section = PAGE.read_text(encoding="utf-8").split("## Adding a host\n")[1]
    file, line = re.findall(r"```python\n(.*?)```", section.split("\n## ")[0], re.DOTALL)
    module = ModuleType("timbremap_runtime.export.awk_host")
    exec(file, vars(module))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    table = dict(HOSTS)
    exec(line, {"HOSTS": table})
    monkeypatch.setitem(HOSTS, "awk", table["awk"])


@pytest.mark.usefixtures("awk_host")
@pytest.mark.skipif(not shutil.which("awk"), reason="needs awk")
@pytest.mark.parametrize("scale", ["normal", "uniform"])
def test_the_host_of_the_page_plays(tmp_path: Path, scale: str):
    mapping = random_map(np.random.default_rng(0))
    tm.save(mapping, tmp_path / "pad" / "timbremap")
    options = ["--to", "awk", "--out", str(tmp_path), "--scale", scale]
    assert export.main([str(tmp_path / "pad"), *options]) == 0
    c = np.random.default_rng(1).uniform(0.001, 0.999, (1000, 3))
    said = subprocess.run(
        ["awk", "-f", tmp_path / "pad.awk"],
        input="".join(f"{x!r} {y!r} {z!r}\n" for x, y, z in c.tolist()),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    p = np.array([line.split() for line in said.splitlines()], np.float64)
    expected = tm.load(tmp_path / "pad", scale="normal" if scale == "normal" else "uniform")
    np.testing.assert_allclose(p, expected.forward(c), rtol=0, atol=1e-6)

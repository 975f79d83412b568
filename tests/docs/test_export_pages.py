"""What the page of each host shows is run there, with what its command has exported.

The pages of Pure Data and SuperCollider are run by test_pd.py and test_supercollider.py; on that of
Max there is nothing that runs elsewhere.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from timbremap_cli import export

import timbremap_runtime as tm
from tests.support.paths import LFO4, REPOSITORY

pytestmark = pytest.mark.slow

PAGES = REPOSITORY / "docs" / "export"
POINT = [0.2, 0.8, 0.5]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder from which the pages' commands find the models."""
    place = LFO4.relative_to(REPOSITORY)
    shutil.copytree(LFO4, tmp_path / place)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def expected() -> np.ndarray:
    return tm.load(LFO4 / "models" / "fm", scale=None).forward(POINT)


def blocks(page: str, language: str) -> list[str]:
    text = (PAGES / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.S)


def run_commands(page: str) -> None:
    """Run what the page tells to type."""
    for line in "".join(blocks(page, "sh")).splitlines():
        name, *words = shlex.split(line)
        if name == "tm-export":
            assert export.main(words) == 0
        else:
            subprocess.run([name, *words], check=True)


def check_note(file: Path) -> None:
    sound, rate = soundfile.read(file)
    assert len(sound) >= 0.9 * rate and 0.05 < np.abs(sound).max() < 1.0


@pytest.mark.skipif(
    sys.platform == "win32" or not shutil.which("cc"), reason="needs a C compiler (cc) and a shell"
)
def test_c(here: Path, expected: np.ndarray):
    run_commands("c.md")
    check_note(here / "note.wav")
    (block,) = blocks("c.md", "c")
    include, _, statements = block.partition("\n")
    (here / "page.c").write_text(
        f"#include <stdio.h>\n{include}\nint main(void) {{\n{statements}"
        'for (int i = 0; i < FM_PARAMETERS; i++) printf("%.9f ", p[i]);\n'
        'for (int i = 0; i < FM_COORDINATES; i++) printf("%.9f ", c[i]);\nreturn 0;\n}\n'
    )
    subprocess.run(["cc", "-Wall", "-Werror", "page.c", "-o", "page", "-lm"], check=True)
    said = subprocess.run(["./page"], capture_output=True, text=True, check=True).stdout
    np.testing.assert_allclose(list(map(float, said.split())), [*expected, *POINT], atol=1e-8)


@pytest.mark.skipif(not shutil.which("node"), reason="needs Node.js (node)")
def test_javascript(here: Path, expected: np.ndarray):
    run_commands("javascript.md")
    module, script = blocks("javascript.md", "js")
    shown = "console.log(JSON.stringify([p, c, performer.p, performer.c]));"
    (here / "page.mjs").write_text(f"{module}{shown}")
    (here / "page.cjs").write_text(f"{script}console.log(JSON.stringify(map.forward({POINT})));")
    results = []
    for program in ("page.mjs", "page.cjs"):
        said = subprocess.run(["node", program], capture_output=True, text=True, check=True)
        results.append(eval(said.stdout))  # lists of numbers
    (p, c, released, moved), required = results
    np.testing.assert_allclose([p, required], [expected] * 2, atol=1e-9)
    np.testing.assert_allclose(c, POINT, atol=1e-9)
    performer = tm.Performer(tm.load(LFO4 / "models" / "fm", scale=None))
    performer.move(POINT)
    performer.set(0, 100)
    performer.release()
    np.testing.assert_allclose(released, performer.p, atol=1e-8)
    np.testing.assert_allclose(moved, performer.c, atol=1e-9)


def test_faust(here: Path):
    pytest.importorskip("dawdreamer", reason="needs DawDreamer")
    run_commands("faust.md")
    (block,) = blocks("faust.md", "python")
    exec(block, {})
    check_note(here / "note.wav")


@pytest.mark.usefixtures("here")
def test_json():
    run_commands("json.md")
    (block,) = blocks("json.md", "python")
    names: dict[str, object] = {}
    exec(block, names)
    expected = tm.load(LFO4 / "models" / "fm", scale="normal").forward(POINT)
    np.testing.assert_allclose(names["p"], expected, atol=1e-9)  # type: ignore[arg-type]


@pytest.mark.parametrize("page", ["max.md", "page.md", "pure_data.md", "supercollider.md"])
@pytest.mark.usefixtures("here")
def test_the_others_write_the_files_that_they_speak_of(page: str, tmp_path: Path):
    run_commands(page)
    text = (PAGES / page).read_text(encoding="utf-8")
    told = set(re.findall(r"`(?:\w+ )?(fm\w*\.\w+)`", text))
    made = {file.name for file in tmp_path.rglob("fm*.*")}
    assert told and told <= made

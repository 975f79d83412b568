"""What the documentation tells to type is what the programs take."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from conftest import REPOSITORY
from timbremap_cli import (  # pyright: ignore[reportMissingImports]
    encode,
    features,
    generate,
    map,
    plot,
    serve,
    train,
)

MAINS = {
    "tm-encode": encode.main,
    "tm-features": features.main,
    "tm-generate": generate.main,
    "tm-map": map.main,
    "tm-plot": plot.main,
    "tm-serve": serve.main,
    "tm-train": train.main,
}
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
PAGES += sorted((REPOSITORY / "patches").rglob("README.md"))


def commands(page: Path) -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.S)
    return [line for block in blocks for line in block.splitlines() if line.startswith("tm-")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_has_the_options_it_is_told_with(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """Run in an empty folder, a command ends for want of a file, and not of an option."""
    monkeypatch.chdir(tmp_path)
    for line in commands(page):
        name, *arguments = shlex.split(line, comments=True)
        status = MAINS[name](arguments)  # a wrong option would raise SystemExit with 2
        said = capsys.readouterr().err
        assert status == 1 or "--midi list" in line, line
        assert said.startswith("error: ") or "--midi list" in line, said


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{page}: {target}"

"""What the documentation tells to type is what the programs take."""

from __future__ import annotations

import re
import shlex
import shutil
import warnings
from pathlib import Path

import pytest

from tests.support.commands import COMMANDS
from tests.support.paths import REPOSITORY
from timbremap_jax.data.engines.options import read_options
from timbremap_jax.data.engines.osc import OscOptions
from timbremap_jax.data.engines.pd import PdOptions
from timbremap_jax.data.engines.plugin import PluginOptions
from timbremap_jax.data.patch import load_patch

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
PAGES += sorted((REPOSITORY / "patches").rglob("README.md"))


def shell_lines(page: Path) -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.S)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


def commands(page: Path) -> list[str]:
    return [line for line in shell_lines(page) if line.startswith("tm-") and "--help" not in line]


WITH_COMMANDS = [page for page in PAGES if commands(page)]


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.name)
def test_every_command_has_the_options_it_is_told_with(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """Run in an empty folder, a command ends for want of a file, and not of an option."""
    monkeypatch.chdir(tmp_path)
    for line in commands(page):
        name, *arguments = shlex.split(line, comments=True)
        if name == "tm-studio":
            arguments.append("--list")  # else it would serve for ever: it has models of its own
        status = COMMANDS[name](arguments)  # a wrong option would raise SystemExit with 2
        said = capsys.readouterr().err
        if status != 0:
            assert (status, said[:7]) == (1, "error: "), line
        else:  # there may be MIDI ports here, or the plug-in that is described
            assert any(word in line for word in ("--midi list", "--describe", "tm-studio")), line


def patches_shown(page: Path) -> list[str]:
    return re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.S)


WITH_PATCHES = [page for page in PAGES if patches_shown(page)]


@pytest.mark.parametrize("page", WITH_PATCHES, ids=lambda page: page.name)
def test_every_patch_that_is_shown_can_be_read(page: Path, tmp_path: Path):
    """A part of one is put into a whole one."""
    for block in patches_shown(page):
        engine = re.search(r'^engine = "(\w+)"', block, re.M)
        if engine is None:
            block = f'engine = "plugin"\nsource = "x"\n{block}'
        if "name = " not in block.partition("[")[0]:
            block = f'name = "x"\n{block}'
        if "parameters" not in block:
            block = block.replace("\n[", '\nparameters = [{ name = "p" }]\n[', 1)
        (tmp_path / "x").touch()
        (tmp_path / "fm2.pd").touch()
        (tmp_path / "patch.toml").write_text(block, encoding="utf-8")
        patch = load_patch(tmp_path)
        kinds = {"plugin": PluginOptions, "osc": OscOptions, "pd": PdOptions}
        if patch.engine in kinds:
            read_options(patch, kinds[patch.engine])
        else:
            assert patch.engine == "noise"  # the one that a page shows how to add


def anchors(page: Path) -> set[str]:
    """What a link may name behind ``#``: the headings, as GitHub writes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


WITH_LINKS = [
    page for page in [*PAGES, REPOSITORY / "CONTRIBUTING.md"] if "](" in page.read_text("utf-8")
]


@pytest.mark.parametrize("page", WITH_LINKS, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path):
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith("http"):
            continue
        name, _, anchor = target.partition("#")
        there = page.parent / name if name else page
        assert there.exists(), f"{page}: {target}"
        assert not anchor or anchor in anchors(there), f"{page}: {target}"


@pytest.mark.parametrize("page", ["README.md", "docs/research.md", "docs/listening.md"])
def test_python_runs(
    page: str,
    model_dir: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    """In the order of the page, where its model is the demo's."""
    shutil.copytree(model_dir, tmp_path / "demo" / "model")
    monkeypatch.chdir(tmp_path)
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.S)
    assert blocks
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # a script need not close what it read
        exec("".join(blocks), {})
    if "research" in page:
        lines = capsys.readouterr().out.splitlines()
        assert [line[0] for line in lines] == ["x", "y", "z"]
        assert "rate" in lines[0]

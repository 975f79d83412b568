"""The index in docs/architecture.md names every module once, and nothing that is not there."""

from __future__ import annotations

import re

import pytest

from tests.support.paths import REPOSITORY

FOLDERS = (
    "timbremap_runtime",
    "timbremap_jax",
    "timbremap_studio",
    "cli",
    "patches",
    "benchmarks",
    "tests/support",
)
PAGE = REPOSITORY / "docs" / "architecture.md"


def indexed() -> dict[str, str]:
    """Modules of the index with what it says of each."""
    text = PAGE.read_text(encoding="utf-8")
    index = text[text.index("## Where to find what") : text.index("## Glossary")]
    modules: dict[str, str] = {}
    folder = ""
    for line in index.splitlines():
        if heading := re.match(r"### `(\S+)/`", line):
            folder = heading[1]
        elif entry := re.match(r"\| `([^`]+\.py)` \| (.+) \|$", line):
            module = f"{folder}/{entry[1]}"
            assert module not in modules, f"{module} is named twice"
            modules[module] = entry[2]
    return modules


def modules_of(folder: str) -> set[str]:
    """Modules with code: a package's own file that is a docstring alone is told by its folder."""
    found = (REPOSITORY / folder).rglob("*.py")
    return {
        file.relative_to(REPOSITORY).as_posix()
        for file in found
        if file.name != "__init__.py" or "import" in file.read_text(encoding="utf-8")
    }


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_module_is_in_the_index(folder: str):
    there = modules_of(folder)
    assert there
    assert there == {module for module in indexed() if module.startswith(f"{folder}/")}


def test_every_entry_is_in_a_folder_of_the_index():
    assert {f"{folder}/" for folder in FOLDERS} == {
        next((f"{folder}/" for folder in FOLDERS if module.startswith(f"{folder}/")), module)
        for module in indexed()
    }

"""The commands that are installed, as ``pyproject.toml`` lists them."""

from __future__ import annotations

import tomllib
from importlib import import_module

from timbremap_cli import _common

from tests.support.paths import REPOSITORY


def _find(entry_point: str) -> _common.Command:
    module, _, name = entry_point.partition(":")
    return getattr(import_module(module), name)


_PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
COMMANDS = {name: _find(entry_point) for name, entry_point in _PROJECT["scripts"].items()}
"""Every command by its name."""

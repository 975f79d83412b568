"""What importing the package gives, and what it costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import metadata, resources
from pathlib import Path

import pytest

import timbremap_runtime as tm

PUBLIC = [
    "ConnectionFailed",
    "DenseLayer",
    "FormatError",
    "MissingExtra",
    "MissingProgram",
    "PCALayer",
    "PathError",
    "Performer",
    "Reading",
    "SettingsError",
    "ShapeError",
    "TimbreMap",
    "TimbreMapError",
    "Trace",
    "VecScale",
    "load",
    "save",
]

# Beyond these and what NumPy has loaded already, an import would be a choice to think about.
SMALL_MODULES = {"__future__", "_statistics"}


def test_the_public_names_are_these():
    assert tm.__all__ == PUBLIC
    assert all(hasattr(tm, name) for name in PUBLIC)


def test_the_version_is_that_of_the_installed_package():
    assert tm.__version__ == metadata.version("timbremap")
    with pytest.raises(AttributeError, match="no attribute 'version'"):
        tm.version  # noqa: B018


def test_the_package_is_typed():
    assert (resources.files(tm) / "py.typed").is_file()


def test_importing_loads_numpy_and_nothing_heavier():
    script = (
        "import sys, numpy\n"
        "before = set(sys.modules)\n"
        "import timbremap_runtime\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    run = [sys.executable, "-c", script]
    loaded = subprocess.run(run, capture_output=True, text=True, check=True).stdout.split()
    others = {name for name in loaded if not name.startswith("timbremap_runtime")}
    assert others <= SMALL_MODULES


@pytest.mark.parametrize("path", sorted(Path(str(resources.files(tm))).rglob("*.py")), ids=str)
def test_only_numpy_and_the_standard_library_are_imported(path: Path):
    if path.stem in ("packet", "midi_ports"):
        pytest.skip("has an extra of its own")
    allowed = {"numpy", "timbremap_runtime", *sys.stdlib_module_names}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert {alias.name.split(".")[0] for alias in node.names} <= allowed
        elif isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] in allowed

"""The list of packages in pyproject.toml, without building anything."""

from __future__ import annotations

import tomllib

from tests.support.paths import REPOSITORY


def test_every_folder_of_code_is_a_package_that_is_listed():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    listed = project["tool"]["setuptools"]["packages"]
    found: list[str] = []
    for top, name in (
        ("timbremap_runtime", "timbremap_runtime"),
        ("timbremap_jax", "timbremap_jax"),
        ("timbremap_studio", "timbremap_studio"),
        ("cli", "timbremap_cli"),
    ):
        for folder in {file.parent for file in (REPOSITORY / top).rglob("*.py")}:
            assert (folder / "__init__.py").is_file(), folder
            found.append(".".join([name, *folder.relative_to(REPOSITORY / top).parts]))
    assert sorted(name for name in listed if not name.startswith("timbremap_patches.")) == sorted(
        found
    )

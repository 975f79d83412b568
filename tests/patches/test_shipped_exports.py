"""The maps that the patches play are those of the models beside them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from timbremap_cli import export

from tests.support.paths import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "patches"))

from build_patches import MAPS, instruments

INSTRUMENTS = instruments()


@pytest.mark.parametrize("folder", INSTRUMENTS, ids=lambda folder: folder.name)
def test_they_are_what_tm_export_writes_now(folder: Path, tmp_path: Path):
    pd, js = tmp_path / "pd", tmp_path / "js"
    for name in INSTRUMENTS[folder]["models"]:
        model = str(folder / "models" / name)
        assert export.main([model, "--to", "pd", "--out", str(pd)]) == 0
        assert export.main([model, "--to", "js", "--out", str(js)]) == 0
    for made, shipped in (
        ((file for file in pd.iterdir() if "_example" not in file.name), (folder / MAPS).iterdir()),
        (js.glob("*.js"), folder.glob("*.js")),
    ):
        assert {file.name: file.read_bytes() for file in made} == {
            file.name: file.read_bytes() for file in shipped
        }, "run  python patches/build_patches.py"

"""The pages of every module are written, and hold what the docstrings say."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import timbremap_jax
import timbremap_runtime
from tests.support.paths import REPOSITORY

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("api")
    done = subprocess.run(
        [sys.executable, REPOSITORY / "docs" / "make_api.py", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return folder


def test_every_module_of_the_trainer_has_a_page(pages: Path):
    modules = [
        info.name for info in pkgutil.walk_packages(timbremap_jax.__path__, "timbremap_jax.")
    ]
    assert "timbremap_jax.data.engines.faust" in modules
    missing = [name for name in modules if not (pages / f"{name.replace('.', '/')}.html").exists()]
    assert missing == []


def test_the_runtime_is_one_page_of_what_it_offers(pages: Path):
    text = (pages / "timbremap_runtime.html").read_text(encoding="utf-8")
    assert [name for name in timbremap_runtime.__all__ if f'id="{name}"' not in text] == []
    assert "What lies outside counts as the nearer end" in text
    assert 'id="TimbreMap.forward"' in text

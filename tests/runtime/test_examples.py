from __future__ import annotations

import doctest
import shutil
from pathlib import Path

import pytest

from tests.support.paths import REPOSITORY
from timbremap_runtime.core import gaussian, mapping, unrolled
from timbremap_runtime.core.layers import vec_scale
from timbremap_runtime.performance import performer

PAGE = REPOSITORY / "docs" / "runtime.md"


def test_every_example_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    model = "patches/additive/clonewheel/models/clonewheel"
    shutil.copytree(REPOSITORY / model, tmp_path / model)
    monkeypatch.chdir(tmp_path)
    failures, n_examples = doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8")
    assert n_examples > 20
    assert failures == 0


@pytest.mark.parametrize("module", [gaussian, mapping, performer, unrolled, vec_scale])
def test_every_example_of_a_docstring_runs(module):
    failures, n_examples = doctest.testmod(module)
    assert n_examples > 0
    assert failures == 0

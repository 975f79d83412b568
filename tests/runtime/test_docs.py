from __future__ import annotations

import doctest
from pathlib import Path

import numpy as np
import pytest

import timbremap_runtime as tm
from timbremap_runtime import gaussian, layers, mapping, performer

from .maps import random_map

PAGE = Path(__file__).parents[2] / "docs" / "runtime.md"


def test_every_example_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("fm", "pwm")):
        tm.save(random_map(np.random.default_rng(seed)), f"models/{name}/timbremap")
    failures, n_examples = doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8")
    assert n_examples > 20
    assert failures == 0


@pytest.mark.parametrize("module", [gaussian, layers, mapping, performer])
def test_every_example_of_a_docstring_runs(module):
    failures, n_examples = doctest.testmod(module)
    assert n_examples > 0
    assert failures == 0

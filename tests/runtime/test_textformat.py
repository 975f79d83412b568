from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import timbremap_runtime as tm

from .maps import random_map


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_load_then_save_of_float32_numbers_gives_the_same_bytes(tmp_path: Path):
    mapping = random_map(np.random.default_rng(0), dtype=np.float32)
    tm.save(mapping, tmp_path / "a")
    tm.save(tm.load(tmp_path / "a"), tmp_path / "b")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


@pytest.mark.parametrize("suffix", ["", ".npy"])
def test_text_alone_and_npy_alone_load_the_same_map(tmp_path: Path, suffix: str):
    mapping = random_map(np.random.default_rng(1), dtype=np.float32)
    tm.save(mapping, tmp_path / "model")
    for path in tmp_path.rglob("*"):
        if path.is_file() and path.name != "activation" and path.suffix != suffix:
            path.unlink()
    c = np.full(3, 0.3)
    np.testing.assert_array_equal(tm.load(tmp_path / "model").forward(c), mapping.forward(c))

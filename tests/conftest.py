"""Real data, made once a run: sounds, their features, a trained model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from timbremap_cli import features, generate, train

from tests.support.browser import real_browser
from tests.support.once import make_once
from tests.support.paths import LFO4, N_SOUNDS
from timbremap_jax.data.dataset import load_dataset


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A real browser. Not longer than a module: while it runs, no test can run an event loop."""
    with real_browser() as opened:
        yield opened


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sounds of lfo4 fm with their features. Tests only read it."""

    def make(folder: Path) -> None:
        options = ["--variant", "fm", "--examples", str(N_SOUNDS)]
        assert generate.main([str(LFO4), str(folder), *options]) == 0
        assert features.main([str(folder)]) == 0
        load_dataset(folder)  # writes the partition

    return make_once(tmp_path_factory, "data/fm", make)


@pytest.fixture(scope="session")
def model_dir(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model of those sounds. Tests only read it."""

    def make(folder: Path) -> None:
        options = ["--encoder", "cnn", "--gen", "--pca", "--epochs", "3", "--batch", "16"]
        assert train.main([*options, str(data_dir), str(folder)]) == 0

    return make_once(tmp_path_factory, "model/fm", make)

"""Real data, made once a session: sounds, their features, a trained model."""

from __future__ import annotations

from pathlib import Path

import pytest
from timbremap_cli import features, generate, train

from tests.support.paths import LFO4, N_SOUNDS


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sounds of lfo4 fm with their features. Tests only read it."""
    folder = tmp_path_factory.mktemp("data") / "fm"
    assert (
        generate.main([str(LFO4), str(folder), "--variant", "fm", "--examples", str(N_SOUNDS)]) == 0
    )
    assert features.main([str(folder)]) == 0
    return folder


@pytest.fixture(scope="session")
def model_dir(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model of those sounds. Tests only read it."""
    folder = tmp_path_factory.mktemp("model") / "fm"
    arguments = ["--encoder", "cnn", "--gen", "--pca", "--epochs", "3", "--batch", "16"]
    assert train.main([*arguments, str(data_dir), str(folder)]) == 0
    return folder

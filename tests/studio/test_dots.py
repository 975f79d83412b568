"""Where the dots of a model lie, and how fast the sound changes there."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.support.paths import LFO4, N_SOUNDS
from timbremap_jax.data.folder import DataFolder
from timbremap_runtime.errors import PathError
from timbremap_studio.dots import dots_of, speed_of_sound
from timbremap_studio.models import Models


def test_without_recordings_the_dots_are_presets_where_the_map_comes_nearest():
    model = Models([LFO4 / "models" / "fm"]).get("fm")
    dots = dots_of(model)
    assert not dots.heard
    assert dots.parameters.min() > 0
    assert dots.parameters.max() < 127
    np.testing.assert_array_equal(dots.points, model.named.mapping.inverse(dots.parameters))
    assert (dots.speed > 0).all()
    again = np.frombuffer(dots.packed(), "<f4").reshape(len(dots), 3 + 4 + 1)
    np.testing.assert_array_equal(again[:, :3], dots.points.astype("<f4"))
    with pytest.raises(PathError, match="no recording"):
        dots.sound(0)


def test_speed_is_decibels_for_the_length_of_the_pad():
    points = np.random.default_rng(0).uniform(size=(1500, 3))
    spectra = (points[:, :1] * np.ones(40) * 30.0).astype(np.float32)  # 30 dB along x alone
    speed = speed_of_sound(points, spectra)
    # A direction at random has half its length along one of three axes.
    assert np.median(speed) == pytest.approx(15.0, rel=0.1)
    assert speed_of_sound(points[:1], spectra[:1]).tolist() == [0.0]


@pytest.mark.slow
def test_a_trained_model_knows_where_it_heard_each_sound(model_dir: Path, data_dir: Path):
    model = Models([model_dir]).get(model_dir.name)
    dots = dots_of(model)
    assert len(dots) == N_SOUNDS
    assert dots.heard
    labels = np.load(DataFolder(data_dir).labels)
    assert dots.sound(17) == DataFolder(data_dir).wav(17)
    np.testing.assert_array_equal(dots.parameters, labels)
    assert ((dots.points >= 0) & (dots.points <= 1)).all()
    assert (dots.speed > 0).all()
    with pytest.raises(PathError, match="no recording"):
        dots.sound(N_SOUNDS)


@pytest.mark.slow
def test_a_link_out_of_the_recordings_is_not_followed(
    model_dir: Path, data_dir: Path, tmp_path: Path
):
    data = tmp_path / "data"
    shutil.copytree(data_dir, data)
    secret = tmp_path / "secret"
    secret.write_text("secret")
    wav = DataFolder(data).wav(3)
    wav.unlink()
    wav.symlink_to(secret)
    folder = tmp_path / "model"
    shutil.copytree(model_dir, folder)
    config = (folder / "config.json").read_text()
    (folder / "config.json").write_text(config.replace(str(data_dir), str(data)))
    dots = dots_of(Models([folder]).get("model"))
    assert dots.sound(4) == DataFolder(data).wav(4)
    with pytest.raises(PathError, match="leads out"):
        dots.sound(3)

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from timbremap_jax.data.audio.sounds import read_wav
from timbremap_jax.data.dataset import load_dataset
from timbremap_jax.data.features.mel import spectrograms
from timbremap_jax.data.features.settings import FeatureSettings
from timbremap_jax.data.folder import DataFolder
from timbremap_jax.data.restoration import TrainingSounds, measure, restore
from timbremap_jax.model.inference import batches_of
from timbremap_runtime.errors import FormatError

Sound = np.ndarray
SETTINGS = FeatureSettings()
N_SOUNDS = 8
N_FRAMES = 104


@pytest.fixture(scope="module")
def sounds(data_dir: Path) -> TrainingSounds:
    dataset = load_dataset(data_dir)
    return measure(lambda: batches_of(dataset, np.arange(len(dataset))))


@pytest.fixture(scope="module")
def samples(data_dir: Path) -> list[Sound]:
    folder = DataFolder(data_dir)
    return [read_wav(folder.wav(row), SETTINGS.sample_rate) for row in range(N_SOUNDS)]


def heard(samples: list[Sound]) -> Sound:
    return spectrograms([each.astype(np.float32) for each in samples], SETTINGS, N_FRAMES)


def distance(a: Sound, b: Sound) -> float:
    """In nats, over bands and frames."""
    a, b = (np.log(each + 1e-6) for each in (a, b))
    return float(np.sqrt(np.mean((a - b) ** 2)))


def test_a_sound_like_the_training_sounds_passes_unchanged(
    samples: list[Sound], sounds: TrainingSounds
):
    for power in heard(samples):
        restored, notes = restore(power, sounds)
        assert restored is power
        assert notes == ()


@pytest.mark.parametrize(("db", "word"), [(-12.0, "softer"), (-30.0, "softer"), (12.0, "louder")])
def test_another_level_is_brought_back(
    db: float, word: str, samples: list[Sound], sounds: TrainingSounds
):
    changed = heard([10 ** (db / 20) * each for each in samples])
    for power, true in zip(changed, heard(samples), strict=True):
        restored, (note, *_) = restore(power, sounds)
        assert f"dB {word} than the sounds" in note
        assert distance(restored, true) < 0.3 < 1.0 < distance(power, true)


def test_bands_that_were_cut_are_filled_in(samples: list[Sound], sounds: TrainingSounds):
    for power in heard(samples):
        cut = power.copy()
        cut[80:] = 0.0
        restored, (note,) = restore(cut, sounds)
        assert "frequency bands" in note
        assert distance(restored, power) < 0.3 * distance(cut, power)


def test_noise_is_taken_out(samples: list[Sound], sounds: TrainingSounds):
    generator = np.random.default_rng(0)
    noisy = heard([each + 1e-3 * generator.normal(size=len(each)) for each in samples])
    for power, true in zip(noisy, heard(samples), strict=True):
        restored, (note, *_) = restore(power, sounds)
        assert "noise" in note
        assert distance(restored, true) < 0.5 * distance(power, true)


def test_what_is_not_the_instrument_stays_as_it_is_and_is_strange(
    samples: list[Sound], sounds: TrainingSounds
):
    noise = 0.3 * np.random.default_rng(0).normal(size=len(samples[0])).clip(-3, 3)
    (power,) = heard([noise])
    restored, notes = restore(power, sounds)
    assert restored is power
    assert notes == ()
    known = sounds.strangeness(heard(samples))
    assert known.max() < 1.7 < sounds.strangeness(power[None]).min()


def test_they_are_read_as_they_were_written(sounds: TrainingSounds, tmp_path: Path):
    file = tmp_path / "sounds.npz"
    assert TrainingSounds.load(file) is None
    sounds.save(file)
    again = TrainingSounds.load(file)
    assert again is not None
    for name in TrainingSounds.__annotations__:
        assert np.array_equal(getattr(again, name), getattr(sounds, name))
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(FormatError, match=r"sounds\.npz: cannot be read; delete it"):
        TrainingSounds.load(file)

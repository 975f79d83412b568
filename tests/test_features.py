from __future__ import annotations

import shutil
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile
from conftest import N_SOUNDS

from timbremap_jax.data.features import compute_features
from timbremap_runtime.errors import FolderError, FormatError


def test_features_are_those_of_librosa(data_dir: Path):
    features = np.load(data_dir / "features.npy")
    assert features.shape == (N_SOUNDS, 128, 104)
    assert features.dtype == np.float32
    for row in range(0, N_SOUNDS, 7):
        samples, rate = soundfile.read(data_dir / "wavs" / f"ex_{row}.wav")
        expected = librosa.feature.melspectrogram(
            y=samples, sr=rate, n_fft=2048, hop_length=128, power=2
        )
        # Single precision through an FFT of 2048 and a sum of its bins.
        assert np.abs(features[row] - expected).max() < 1e-5 * expected.max()


def test_a_missing_sound_does_not_shift_labels(data_dir: Path, tmp_path: Path):
    folder = tmp_path / "copy"
    shutil.copytree(data_dir, folder)
    (folder / "wavs" / "ex_2.wav").unlink()
    compute_features(folder)
    kept = [row for row in range(N_SOUNDS) if row != 2]
    assert np.array_equal(np.load(folder / "labels.npy"), np.load(data_dir / "labels.npy")[kept])
    assert np.array_equal(
        np.load(folder / "features.npy"), np.load(data_dir / "features.npy")[kept]
    )


def test_widths_are_brought_to_the_median(tmp_path: Path):
    (tmp_path / "wavs").mkdir()
    noise = np.random.default_rng(0).normal(0, 0.1, 44_100).astype(np.float32)
    for row, length in enumerate((4000, 5000, 6000)):
        soundfile.write(tmp_path / "wavs" / f"ex_{row}.wav", noise[:length], 44_100, "FLOAT")
    (tmp_path / "labels.csv").write_text("1,2\n3,4\n5,6\n")
    assert compute_features(tmp_path) == (3, 128, 1 + 5000 // 128)
    features = np.load(tmp_path / "features.npy")
    assert not features[0, :, 1 + 4000 // 128 :].any()
    assert features[2].all()


def sound(folder: Path, samples: np.ndarray, rate: int = 44_100) -> Path:
    (folder / "wavs").mkdir()
    soundfile.write(folder / "wavs" / "ex_0.wav", samples, rate)
    (folder / "labels.csv").write_text("1,2\n")
    return folder


def test_a_folder_without_sounds_says_how_to_make_them(tmp_path: Path):
    with pytest.raises(FolderError, match=r"no sounds named ex_0\.wav.*tm-generate"):
        compute_features(tmp_path)


def test_stereo_is_refused(tmp_path: Path):
    with pytest.raises(FormatError, match=r"ex_0\.wav: has 2 channels"):
        compute_features(sound(tmp_path, np.zeros((9000, 2))))


def test_another_sample_rate_is_refused(tmp_path: Path):
    with pytest.raises(FormatError, match=r"ex_0\.wav: is at 48000 Hz"):
        compute_features(sound(tmp_path, np.zeros(9000), 48_000))


def test_a_file_that_is_no_sound_is_refused(tmp_path: Path):
    sound(tmp_path, np.zeros(9000))
    (tmp_path / "wavs" / "ex_0.wav").write_text("not audio")
    with pytest.raises(FormatError, match=r"ex_0\.wav: not a sound that can be read"):
        compute_features(tmp_path)


def test_an_empty_sound_is_refused(tmp_path: Path):
    with pytest.raises(FormatError, match=r"ex_0\.wav: is empty"):
        compute_features(sound(tmp_path, np.zeros(0)))

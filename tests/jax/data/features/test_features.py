from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile
from timbremap_cli import features as tm_features
from timbremap_cli import generate as tm_generate

from tests.support.paths import N_SOUNDS
from timbremap_jax.data.features.compute import BrokenSounds, compute_features
from timbremap_jax.data.features.mel import MelSpectrogram
from timbremap_jax.data.features.settings import FeatureSettings
from timbremap_jax.data.lock import at_work_in
from timbremap_runtime.errors import FormatError, PathError, SettingsError


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


@pytest.mark.parametrize(
    "settings",
    [
        FeatureSettings(),
        FeatureSettings(n_fft=1024, hop_length=512, n_mels=40, f_min_hz=50, f_max_hz=8000),
        FeatureSettings(sample_rate=22_050),
    ],
)
@pytest.mark.parametrize("n_samples", [1, 100, 13_230])
@pytest.mark.filterwarnings(
    "ignore:n_fft=.* is too large:UserWarning"
)  # librosa's, of short sounds
def test_any_setting_and_length_is_that_of_librosa(settings: FeatureSettings, n_samples: int):
    samples = np.random.default_rng(0).normal(0, 0.1, n_samples).astype(np.float32)
    expected = librosa.feature.melspectrogram(
        y=samples.astype(np.float64),
        sr=settings.sample_rate,
        n_fft=settings.n_fft,
        hop_length=settings.hop_length,
        n_mels=settings.n_mels,
        fmin=settings.f_min_hz,
        fmax=settings.f_max_hz,
        power=2,
    )
    spectrogram = MelSpectrogram(settings)(samples)
    assert spectrogram.shape == expected.shape == (settings.n_mels, settings.n_frames(n_samples))
    assert np.abs(spectrogram - expected).max() < 1e-5 * expected.max()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_fft": 0}, "n_fft is 0"),
        ({"n_fft": 1025}, "give an even number"),
        ({"f_min_hz": 9000.0, "f_max_hz": 8000.0}, "give a range between 0 and 22050 Hz"),
        ({"f_max_hz": 30_000.0}, "give a range"),
        ({"f_max_hz": 0.0}, "give a range"),
        ({"n_mels": 513}, "n_mels is 513: give at most 512"),
    ],
)
def test_settings_that_cannot_be_are_refused(change: dict[str, float], message: str):
    with pytest.raises(SettingsError, match=message):
        FeatureSettings(**change)  # pyright: ignore[reportArgumentType]


@pytest.fixture
def copy(data_dir: Path, tmp_path: Path) -> Path:
    shutil.copytree(data_dir, tmp_path / "copy")
    return tmp_path / "copy"


def wav(folder: Path, row: int) -> Path:
    return folder / "wavs" / f"ex_{row}.wav"


def test_a_missing_sound_does_not_shift_labels(
    data_dir: Path, copy: Path, capsys: pytest.CaptureFixture[str]
):
    for row in (2, 30, 31, 32):
        wav(copy, row).unlink()
    assert tm_features.main([str(copy)]) == 0
    assert "4 rows of labels.csv have no sound and are left out: 2,30-32" in capsys.readouterr().err
    kept = [row for row in range(N_SOUNDS) if row not in (2, 30, 31, 32)]
    for name in ("labels.npy", "features.npy"):
        assert np.array_equal(np.load(copy / name), np.load(data_dir / name)[kept])


def test_a_sound_without_a_label_is_refused(copy: Path):
    shutil.copy(wav(copy, 0), wav(copy, N_SOUNDS))
    with pytest.raises(FormatError, match=r"ex_60\.wav has no row in .*labels\.csv, which has 60"):
        compute_features(copy)


def test_files_of_other_names_are_not_sounds(copy: Path):
    (copy / "wavs" / "ex_old.wav").write_text("not audio")
    (copy / "wavs" / "notes.txt").write_text("not audio")
    assert compute_features(copy).shape[0] == N_SOUNDS


def test_widths_are_brought_to_the_median(tmp_path: Path):
    (tmp_path / "wavs").mkdir()
    noise = np.random.default_rng(0).normal(0, 0.1, 44_100).astype(np.float32)
    for row, length in enumerate((4000, 5000, 6000)):
        soundfile.write(wav(tmp_path, row), noise[:length], 44_100, "FLOAT")
    (tmp_path / "labels.csv").write_text("1,2\n3,4\n5,6\n")
    assert compute_features(tmp_path).shape == (3, 128, 1 + 5000 // 128)
    features = np.load(tmp_path / "features.npy")
    assert not features[0, :, 1 + 4000 // 128 :].any()
    assert features[2].all()


def test_the_median_is_that_of_the_sounds_whatever_the_size_of_their_files(tmp_path: Path):
    (tmp_path / "wavs").mkdir()
    noise = np.random.default_rng(0).normal(0, 0.1, 6000).astype(np.float32)
    # 4000 samples of 24 bits take as much room as 6000 of 16.
    for row, (length, subtype) in enumerate([(4000, "PCM_24"), (6000, "PCM_16"), (6000, "PCM_16")]):
        soundfile.write(wav(tmp_path, row), noise[:length], 44_100, subtype)
    assert len({wav(tmp_path, row).stat().st_size for row in range(3)}) == 1
    (tmp_path / "labels.csv").write_text("1,2\n3,4\n5,6\n")
    assert compute_features(tmp_path).shape == (3, 128, 1 + 6000 // 128)


def test_a_second_run_computes_only_what_changed(data_dir: Path, copy: Path):
    for row in range(N_SOUNDS):
        os.utime(wav(copy, row))  # the same bytes: nothing has changed
    before = (copy / "features.npy").stat().st_mtime_ns
    assert compute_features(copy).n_computed == 0
    assert (copy / "features.npy").stat().st_mtime_ns == before
    for row in (5, 9):  # of the same size, and the time is put back
        stat = wav(copy, row).stat()
        shutil.copyfile(wav(copy, 3), wav(copy, row))
        os.utime(wav(copy, row), ns=(stat.st_atime_ns, stat.st_mtime_ns))
        assert wav(copy, row).stat().st_size == stat.st_size
    wav(copy, 20).unlink()
    assert compute_features(copy).n_computed == 2
    expected = np.load(data_dir / "features.npy")
    expected[[5, 9]] = expected[3]
    assert np.array_equal(np.load(copy / "features.npy"), np.delete(expected, 20, axis=0))
    assert compute_features(copy, FeatureSettings(n_mels=64)).n_computed == N_SOUNDS - 1
    assert json.loads((copy / "features.json").read_text())["n_mels"] == 64


def test_labels_that_changed_alone_are_taken(copy: Path):
    labels = np.loadtxt(copy / "labels.csv", delimiter=",", dtype=int)
    labels[:, 0] = 1
    np.savetxt(copy / "labels.csv", labels, fmt="%d", delimiter=",")
    compute_features(copy)  # the copies may be of another time
    labels[:, 0] = 2
    np.savetxt(copy / "labels.csv", labels, fmt="%d", delimiter=",")
    assert compute_features(copy).n_computed == 0
    assert np.array_equal(np.load(copy / "labels.npy"), labels)


def damage(folder: Path) -> dict[int, str]:
    """Break one sound in every way there is; return what should be said of each row."""
    samples, rate = soundfile.read(wav(folder, 0), dtype="float32")
    silent, not_a_number = np.zeros_like(samples), samples.copy()
    not_a_number[5000] = np.nan
    content = wav(folder, 3).read_bytes()
    wav(folder, 3).write_bytes(content[: len(content) // 2])
    soundfile.write(wav(folder, 4), samples[:0], rate)
    wav(folder, 5).write_text("not audio")
    soundfile.write(wav(folder, 6), silent, rate)
    soundfile.write(wav(folder, 7), not_a_number, rate, "FLOAT")
    soundfile.write(wav(folder, 8), samples, 48_000)
    soundfile.write(wav(folder, 9), np.stack([samples, samples], axis=1), rate)
    wav(folder, 10).write_bytes(b"")
    return {
        3: "is cut short: ",
        4: "is empty",
        5: "not a sound that can be read",
        6: "is silent",
        7: "is not finite",
        8: "is at 48000 Hz, the settings say 44100 Hz",
        9: "has 2 channels; mix it to mono",
        10: "not a sound that can be read",
    }


def test_all_broken_sounds_are_listed_at_once_and_nothing_is_written(
    copy: Path, capsys: pytest.CaptureFixture[str]
):
    for name in ("features.npy", "labels.npy", "features.json", "features_index.npy"):
        (copy / name).unlink()
    expected = damage(copy)
    before = {file.name for file in copy.iterdir()}
    assert tm_features.main([str(copy)]) == 1
    *lines, last = capsys.readouterr().err.splitlines()
    assert len(lines) == len(expected)
    for line, (row, fault) in zip(lines, expected.items(), strict=True):
        assert line.startswith(f"row {row}: {wav(copy, row)}: {fault}")
    assert last.startswith(f"error: {copy}: 8 sounds are broken, nothing was written")
    assert {file.name for file in copy.iterdir()} == before
    # What it says to do, done.
    command = last.partition("render them again with  ")[2].split()
    assert command[0] == "tm-generate"
    assert tm_generate.main(command[1:]) == 0
    capsys.readouterr()
    assert tm_features.main([str(copy)]) == 0


def test_broken_sounds_can_be_skipped_in_features_and_labels_alike(
    data_dir: Path, copy: Path, capsys: pytest.CaptureFixture[str]
):
    broken = damage(copy)
    assert tm_features.main([str(copy), "--skip-broken"]) == 0
    assert "8 broken sounds are left out" in capsys.readouterr().err
    kept = [row for row in range(N_SOUNDS) if row not in broken]
    for name in ("labels.npy", "features.npy"):
        assert np.array_equal(np.load(copy / name), np.load(data_dir / name)[kept])


def test_a_folder_of_broken_sounds_alone_is_refused(tmp_path: Path):
    (tmp_path / "wavs").mkdir()
    wav(tmp_path, 0).write_text("not audio")
    (tmp_path / "labels.csv").write_text("1,2\n")
    with pytest.raises(BrokenSounds, match=r"1 sound is broken, .* replace or remove it"):
        compute_features(tmp_path, skip_broken=True)


def test_a_folder_without_sounds_says_how_to_make_them(tmp_path: Path):
    (tmp_path / "labels.csv").write_text("1,2\n")
    with pytest.raises(PathError, match=r"no sounds named ex_0\.wav.*tm-generate"):
        compute_features(tmp_path)


def test_a_second_run_in_a_folder_says_who_is_at_work(copy: Path):
    before = (copy / "features.npy").read_bytes()
    with (
        at_work_in(copy, ["tm-features", "data"]),
        pytest.raises(PathError, match=r"another run is at work in it \(.*tm-features data\)"),
    ):
        compute_features(copy, FeatureSettings(n_mels=64))
    assert (copy / "features.npy").read_bytes() == before

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from timbremap_jax.data.audio.recordings import mix_to_mono, read_recording, read_whole
from timbremap_runtime.errors import FormatError

RATE = 44_100


def tone(seconds: float = 0.3, level: float = 0.5) -> np.ndarray:
    t = np.arange(int(seconds * RATE)) / RATE
    return (level * np.exp(-3 * t) * np.sin(2 * np.pi * 440 * t)).astype(np.float32)


def written(path: Path, channels: list[np.ndarray], rate: int = RATE) -> Path:
    soundfile.write(path, np.stack(channels, axis=1), rate, "FLOAT")
    return path


def test_a_mono_sound_is_itself(tmp_path: Path):
    recording = read_recording(written(tmp_path / "x.wav", [tone()]), RATE, 5000)
    assert np.array_equal(recording.samples, tone()[:5000])
    assert recording.notes == ()


@pytest.mark.parametrize(
    ("others", "note"),
    [
        ([1.0], None),
        ([0.0], "only channel 1 of 2 carries the sound; the other was left out"),
        ([0.02], "only channel 1 of 2 carries the sound; the other was left out"),
        ([-1.0], "its channels cancel each other; channel 1 was taken"),
        ([-0.9], "its channels cancel each other; channel 1 was taken"),
        ([0.0, 1.0, 0.0], "only channels 1 and 3 of 4 carry the sound; the others were left out"),
    ],
)
def test_the_channels_that_carry_the_sound_are_taken(others: list[float], note: str | None):
    channels = np.stack([tone(), *(share * tone() for share in others)], axis=1, dtype=np.float32)
    samples, said = mix_to_mono(channels)
    assert said == note
    assert samples == pytest.approx(tone(), abs=1e-7)


def test_channels_that_differ_are_averaged():
    generator = np.random.default_rng(0)
    channels = generator.normal(0, 0.1, (4000, 2)).astype(np.float32)
    samples, note = mix_to_mono(channels)
    assert note is None
    assert samples == pytest.approx(channels.mean(axis=1), abs=1e-7)


def test_sound_on_the_second_channel_is_found_too(tmp_path: Path):
    path = written(tmp_path / "x.wav", [0 * tone(), tone()])
    recording = read_recording(path, RATE, 10**6)
    assert np.array_equal(recording.samples, tone())
    assert recording.notes == ("only channel 2 of 2 carries the sound; the other was left out",)


@pytest.mark.parametrize("rate", [8000, 22_050, 48_000, 96_000])
@pytest.mark.parametrize("trim", [False, True])
def test_what_is_resampled_is_the_beginning_of_all_resampled(tmp_path: Path, rate: int, trim: bool):
    samples = np.concatenate([tone(1.0), tone(2.0)])
    samples[0] = 0.3  # it begins at once
    path = written(tmp_path / "x.wav", [samples], rate)
    n_samples = 12_345
    recording = read_recording(path, RATE, n_samples, trim=trim)
    assert len(recording.samples) == n_samples
    whole = np.asarray(soxr.resample(samples, rate, RATE))[:n_samples]
    # The filter's last, smallest coefficients reach beyond what is read.
    assert np.abs(recording.samples - whole).max() < 1e-4


def test_trimming_finds_the_onset_wherever_it_lies(tmp_path: Path):
    generator = np.random.default_rng(0)
    for n_before in (0, 1, 1000, 300_000):
        silence = generator.normal(0, 1e-5, n_before).astype(np.float32)
        sound = np.concatenate([[0.2], tone()]).astype(np.float32)
        path = written(tmp_path / "x.wav", [np.concatenate([silence, sound])])
        recording = read_recording(path, RATE, 8000, trim=True)
        assert np.array_equal(recording.samples, sound[:8000])


def test_silence_says_what_helps(tmp_path: Path):
    path = written(tmp_path / "x.wav", [np.concatenate([np.zeros(RATE, np.float32), tone()])])
    with pytest.raises(FormatError, match=r"x\.wav: is silent for its first 0\.1 s; add --trim"):
        read_recording(path, RATE, 4410)
    with pytest.raises(FormatError, match=r"x\.wav: is silent$"):
        read_recording(written(tmp_path / "x.wav", [np.zeros(99, np.float32)]), RATE, 4410)


@pytest.mark.parametrize(
    ("value", "said"), [(np.nan, "is not finite"), (1e25, "a sample of 1e\\+25")]
)
def test_samples_that_no_sound_has_are_refused(tmp_path: Path, value: float, said: str):
    samples = tone()
    samples[100] = value
    path = written(tmp_path / "x.wav", [samples])
    with pytest.raises(FormatError, match=said):
        read_recording(path, RATE, 4410)
    with pytest.raises(FormatError, match=said):
        read_whole(path, RATE)


def test_a_cut_is_told_where_it_is_heard(tmp_path: Path):
    path = written(tmp_path / "x.wav", [tone(1.0)])
    path.write_bytes(path.read_bytes()[:-80_000])
    assert read_recording(path, RATE, 4410).notes == ()  # it lies behind what is heard
    recording = read_recording(path, RATE, 10**6)
    assert recording.notes == ("is cut short: 24100 of 44100 samples",)
    assert np.array_equal(recording.samples, tone(1.0)[:24_100])
    with pytest.raises(FormatError, match="is cut short: 24100 of 44100 samples"):
        read_whole(path, RATE)


@pytest.mark.parametrize("trim", [False, True])
def test_a_long_recording_takes_no_more_memory_than_a_short_one(tmp_path: Path, trim: bool):
    path = tmp_path / "x.wav"
    with soundfile.SoundFile(path, "w", 48_000, 2, "PCM_16") as file:
        for _ in range(100):  # 100 s of 48 kHz in stereo: 38 MB as floats
            file.write(np.full((48_000, 2), 0.25))
    tracemalloc.start()
    read_recording(path, RATE, 13_000, trim=trim)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8e6


def test_what_a_file_has_left_out_is_noted(tmp_path: Path):
    soundfile.write(tmp_path / "x.mp3", tone(), RATE)
    (note,) = read_recording(tmp_path / "x.mp3", RATE, 4410).notes
    assert note.startswith("is encoded as MP3, which leaves out quiet parts")
    path = written(tmp_path / "x.wav", [tone()], 16_000)
    assert read_recording(path, RATE, 4410).notes == (
        "is at 16000 Hz, so that all above 8 kHz is missing; the answer may be off",
    )
    assert read_recording(path, 16_000, 4410).notes == ()

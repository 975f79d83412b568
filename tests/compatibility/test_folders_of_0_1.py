"""Folders that version 0.1 wrote load, go on and play.

``v0_1.tar.xz`` holds an instrument (lfo4 as it was), 24 sounds of it with their features, a model
trained on them for three epochs, a run of the same that was stopped in its second, and what became
of it in that version. It stays as it is, whatever changes.
"""

from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from timbremap_cli import encode, features, generate, plot, train
from timbremap_cli import map as tm_map

from timbremap_jax.data.audio.sounds import find_fault

ARCHIVE = Path(__file__).with_name("v0_1.tar.xz")


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unpack them and go there: what they name is relative to where the commands were typed."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    monkeypatch.chdir(tmp_path / "v0_1")
    for row, _, modified_ns, _ in np.load("data/features_index.npy").tolist():
        # Finer than an archive keeps it.
        os.utime(f"data/wavs/ex_{row}.wav", ns=(modified_ns, modified_ns))


def test_missing_sounds_are_rendered_as_they_were():
    wavs = [Path("data", "wavs", f"ex_{row}.wav") for row in (5, 23)]
    before = [(wav.stat().st_size, soundfile.read(wav)[0]) for wav in wavs]
    for wav in wavs:
        wav.unlink()
    options = ["--variant", "am", "--examples", "24", "--seed", "3"]
    options += ["--sustain", "30", "--release", "10"]
    assert generate.main(["instrument", "data", *options, "--resume"]) == 0
    for wav, (size, samples) in zip(wavs, before, strict=True):
        assert wav.stat().st_size == size
        # Processors round in their own ways, so a few of the 2^23 steps are allowed.
        assert np.abs(soundfile.read(wav)[0] - samples).max() <= 4 * 2**-23


def test_features_are_found_to_be_up_to_date(capsys: pytest.CaptureFixture[str]):
    before = Path("data", "features.npy").read_bytes()
    assert features.main(["data", "--mels", "8", "--hop", "256", "--n-fft", "512"]) == 0
    assert "24 spectrograms of 8 mel bands x 7 frames, 0 computed now" in capsys.readouterr().out
    assert Path("data", "features.npy").read_bytes() == before


def test_a_sound_is_encoded_to_the_same_point(capsys: pytest.CaptureFixture[str]):
    assert encode.main(["--csv", "model", "data/wavs/ex_3.wav"]) == 0
    header, row = capsys.readouterr().out.splitlines()
    assert header == "sound,c0,c1,c2,rate,duty,shape,depth"
    # Version 0.1 printed three digits.
    point = [float(word) for word in row.split(",")[1:4]]
    assert point == pytest.approx([0.718, 0.384, 0.574], abs=6e-4)


def test_the_model_plays_its_instrument(capsys: pytest.CaptureFixture[str]):
    assert tm_map.main(["model", "0.718", "0.384", "0.574", "--wav", "point.wav"]) == 0
    parameters = [float(word) for word in capsys.readouterr().out.split(",")]
    samples, rate = soundfile.read("point.wav")
    assert (len(samples), rate) == (round(0.04 * 44_100), 44_100)
    assert find_fault(samples.astype(np.float32)) is None
    assert tm_map.main(["model", "--inverse", *map(str, parameters)]) == 0
    back = [float(word) for word in capsys.readouterr().out.split(",")]
    # Six digits are printed.
    assert back == pytest.approx([0.718, 0.384, 0.574], abs=1e-3)


@pytest.mark.slow
def test_a_stopped_run_goes_on_to_the_same_end():
    expected = json.loads(Path("expected_metrics.json").read_text(encoding="utf-8"))
    options = ["--encoder", "lstm", "--gen", "--pca", "--epochs", "3", "--batch", "8"]
    assert train.main([*options, "--resume", "data", "part"]) == 0
    metrics = json.loads(Path("part", "metrics.json").read_text(encoding="utf-8"))
    assert [epoch["epoch"] for epoch in metrics["epochs"]] == [1, 2, 3]
    for part in ("training", "test"):
        assert metrics["epochs"][-1][part]["loss"] == pytest.approx(
            # Single precision, added up in an order that the number of processors decides.
            expected["epochs"][-1][part]["loss"],
            rel=1e-4,
        )
    assert metrics["test"]["mse"] == pytest.approx(expected["test"]["mse"], rel=1e-4)
    assert metrics["test"]["mae"] == pytest.approx(expected["test"]["mae"], rel=1e-4)


@pytest.mark.slow
def test_a_model_is_drawn():
    assert plot.main(["model"]) == 0
    assert Path("model", "latent.png").stat().st_size > 10_000
    assert "rate" in Path("model", "latent.html").read_text(encoding="utf-8")

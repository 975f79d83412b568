from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from timbremap_cli import encode, plot
from timbremap_cli import map as tm_map

import timbremap_runtime as tm
from tests.support.paths import LFO4
from timbremap_jax.model_folder.read import open_model


def encoded(*arguments: str | Path, capsys: pytest.CaptureFixture[str]) -> np.ndarray:
    assert encode.main(["--csv", *map(str, arguments)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "sound,c0,c1,c2,rate,duty,shape,depth"
    return np.array([line.split(",")[1:] for line in lines[1:]], float)


def test_sounds_of_the_data_set_lie_where_training_put_them(
    model_dir: Path, data_dir: Path, capsys: pytest.CaptureFixture[str]
):
    rows = [3, 0, 41]
    sounds = [data_dir / "wavs" / f"ex_{row}.wav" for row in rows]
    said = encoded(model_dir, *sounds, capsys=capsys)
    mapping = tm.load(model_dir / "timbremap", scale="even")
    c = mapping.vec_scale.inverse(np.load(model_dir / "latent_pca.npy")[rows])
    # Single precision through the encoder, and six digits are printed.
    assert said[:, :3] == pytest.approx(c, abs=1e-4)
    assert said[:, 3:] == pytest.approx(mapping.forward(c), abs=1e-4 * 127)


@pytest.mark.slow
def test_a_recording_of_another_form_lies_near(
    model_dir: Path, data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    import librosa

    sound = data_dir / "wavs" / "ex_5.wav"
    samples, rate = soundfile.read(sound)
    stereo = np.stack([librosa.resample(samples, orig_sr=rate, target_sr=48_000)] * 2, axis=1)
    soundfile.write(tmp_path / "stereo.flac", stereo, 48_000)
    late = np.concatenate([np.zeros(rate), samples])
    soundfile.write(tmp_path / "late.wav", late, rate, subtype="FLOAT")
    sounds = (sound, tmp_path / "stereo.flac")
    plain, stereo = encoded("--scale", "normal", model_dir, *sounds, capsys=capsys)
    assert np.abs(plain[:3] - stereo[:3]).max() < 0.02
    trimmed = encoded("--trim", model_dir, tmp_path / "late.wav", capsys=capsys)[0]
    also_trimmed = encoded("--trim", model_dir, sound, capsys=capsys)[0]
    assert trimmed == pytest.approx(also_trimmed, abs=1e-3)
    assert encode.main([str(model_dir), str(tmp_path / "late.wav")]) == 1
    assert "late.wav: is silent for its first 0.3 s; add --trim" in capsys.readouterr().err


def test_what_is_printed_for_people(
    model_dir: Path, data_dir: Path, capsys: pytest.CaptureFixture[str]
):
    sound = data_dir / "wavs" / "ex_0.wav"
    assert encode.main([str(model_dir), str(sound)]) == 0
    name, at, parameters = capsys.readouterr().out.splitlines()[:3]
    assert name == str(sound)
    assert len(at.split()) == 4
    assert parameters.split()[1::2] == ["rate", "duty", "shape", "depth"]


@pytest.mark.parametrize("content", [b"", b"RIFF...."])
def test_what_is_no_sound_is_named(
    content: bytes, model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    file = tmp_path / "x.wav"
    file.write_bytes(content)
    assert encode.main([str(model_dir), str(file)]) == 1
    said = capsys.readouterr()
    assert said.err.startswith(f"error: {file}: not a sound that can be read")
    assert said.err.count("\n") == 1


def test_a_silent_recording_is_refused(
    model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    soundfile.write(tmp_path / "x.wav", np.zeros(1000), 44_100)
    assert encode.main([str(model_dir), str(tmp_path / "x.wav")]) == 1
    assert f"{tmp_path / 'x.wav'}: is silent" in capsys.readouterr().err


def test_a_model_in_training_is_not_opened(
    model_dir: Path, data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "config.json").write_bytes((model_dir / "config.json").read_bytes())
    assert encode.main([str(tmp_path), "x.wav"]) == 1
    said = capsys.readouterr().err
    assert "training has not finished; go on with  tm-train --encoder cnn --gen --pca" in said
    assert said.endswith(f"{data_dir} {tmp_path} --resume\n")
    assert plot.main([str(tmp_path)]) == 1
    assert capsys.readouterr().err == said
    assert tm_map.main([str(tmp_path), "0.5", "0.5", "0.5"]) == 1
    assert "its training has not finished" in capsys.readouterr().err


def test_a_configuration_that_is_none_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "config.json").write_text('{"training": {}, "data": {}}')
    assert encode.main([str(tmp_path), "x.wav"]) == 1
    said = capsys.readouterr().err
    assert said.startswith(
        f"error: {tmp_path / 'config.json'}: written by an incompatible version of TimbreMap"
    )
    assert said.count("\n") == 1


def test_a_model_that_came_without_a_checkpoint_says_so(capsys: pytest.CaptureFixture[str]):
    shipped = LFO4 / "models" / "fm"
    assert encode.main([str(shipped), "x.wav"]) == 1
    assert (
        "no checkpoint; this model can be played but cannot encode sounds"
        in capsys.readouterr().err
    )


def test_a_sound_unlike_all_that_was_heard_is_said_to_be_so(
    model_dir: Path, data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    noise = tmp_path / "noise.wav"
    soundfile.write(noise, 0.3 * np.random.default_rng(0).normal(size=13_230).clip(-3, 3), 44_100)
    known = [str(data_dir / "wavs" / f"ex_{row}.wav") for row in range(20)]
    assert encode.main([str(model_dir), str(noise), *known]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [i for i, line in enumerate(lines) if "unlike every sound" in line] == [3]
    assert encode.main(["--csv", str(model_dir), *known, str(noise)]) == 0
    (note,) = (line for line in capsys.readouterr().err.splitlines() if "unlike every" in line)
    assert note.startswith(f"note: {noise}: is unlike every sound")


def test_a_file_that_is_no_sound_costs_only_itself(
    model_dir: Path, data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "notes.txt").write_text("no sound")
    sound = data_dir / "wavs" / "ex_5.wav"
    files = [str(tmp_path / "notes.txt"), str(sound), str(tmp_path / "missing.wav"), str(sound)]
    assert encode.main(["--csv", str(model_dir), *files]) == 1
    said = capsys.readouterr()
    assert [line.partition(",")[0] for line in said.out.splitlines()] == [
        "sound",
        str(sound),
        str(sound),
    ]
    first, second = said.err.splitlines()
    assert "notes.txt: not a sound" in first
    assert second == f"error: {tmp_path / 'missing.wav'}: no such file"


def test_an_opened_model_is_the_trained_one(model_dir: Path, data_dir: Path):
    model = open_model(model_dir)
    features = np.load(data_dir / "features.npy")
    latent = np.load(model_dir / "latent.npy")
    assert np.abs(model.encode(features).latent - latent).max() < 1e-5


def test_a_soft_recording_without_its_upper_bands_lies_near(
    model_dir: Path, data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    import soxr

    sound = data_dir / "wavs" / "ex_5.wav"
    samples, rate = soundfile.read(sound)
    soundfile.write(tmp_path / "soft.wav", 0.25 * soxr.resample(samples, rate, 16_000), 16_000)
    plain, soft = encoded(model_dir, sound, tmp_path / "soft.wav", capsys=capsys)
    assert np.abs(plain[:3] - soft[:3]).max() < 0.1
    before = shutil.copytree(model_dir, tmp_path / "before")
    (before / "sounds.npz").unlink()
    as_it_is = encoded(before, tmp_path / "soft.wav", capsys=capsys)[0]
    assert np.abs(plain[:3] - as_it_is[:3]).max() > 0.2
    assert encode.main([str(model_dir), str(tmp_path / "soft.wav")]) == 0
    said = capsys.readouterr().out
    assert "(is 12 dB softer than the sounds that the model was trained on" in said
    assert "frequency bands; these were filled in" in said

"""Notes of a data set: stored beside the labels, told to the encoder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from timbremap_cli import encode, features, generate, train

import timbremap_runtime as tm
from tests.support.once import make_once
from tests.support.paths import LFO4
from timbremap_jax.data.dataset import load_dataset
from timbremap_jax.data.notes import as_bands, as_csv, read_notes
from timbremap_jax.model_folder.read import open_model
from timbremap_jax.report.settings import ReportSettings
from timbremap_jax.report.subject import open_subject
from timbremap_runtime.errors import FormatError


def test_notes_are_read_as_they_were_written(tmp_path: Path):
    file = tmp_path / "notes.csv"
    assert read_notes(file) is None
    notes = np.array([[33, 50], [57, 100], [127, 1]])
    file.write_bytes(as_csv(notes))
    np.testing.assert_array_equal(read_notes(file), notes)
    file.write_text("pitch,velocity\n33,50\n57\n")
    with pytest.raises(FormatError, match=r"notes\.csv, line 3: expected a pitch and a velocity"):
        read_notes(file)


def test_an_encoder_is_told_octaves_and_velocity():
    bands = as_bands(np.array([[60, 64], [72, 96]]), 5)
    assert bands.shape == (2, 2, 5)
    np.testing.assert_array_equal(bands[0], np.zeros((2, 5)))
    np.testing.assert_array_equal(bands[1], np.ones((2, 5)))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``data`` of two notes, and a small ``model`` of them."""

    def make(folder: Path) -> None:
        data, model = str(folder / "data"), str(folder / "model")
        options = ["--variant", "am", "--examples", "440", "--sustain", "60", "--release", "20"]
        notes = ["--notes", "C3,57", "--velocities", "100"]
        assert generate.main([str(LFO4), data, *options, *notes]) == 0
        assert features.main([data, "--mels", "16", "--hop", "512"]) == 0
        assert train.main(["--cnn", "--epochs", "2", data, model]) == 0

    return make_once(tmp_path_factory, "two_notes", make)


@pytest.mark.slow
def test_a_model_of_several_notes_is_told_which(trained: Path, capsys: pytest.CaptureFixture[str]):
    dataset = load_dataset(trained / "data")
    assert dataset.notes is not None
    assert dataset.encoder_shape == (18, dataset.input_shape[1])
    assert json.loads((trained / "model" / "config.json").read_text())["notes"] == {
        "pitches": [48, 57],
        "velocities": [100],
    }
    # What is played is a map as ever: neither it nor its folder knows of notes.
    assert tm.load(trained / "model").parameter_size == 4
    model = str(trained / "model")
    row = int(np.flatnonzero(dataset.notes[:, 0] == 57)[0])
    sound = str(trained / "data" / "wavs" / f"ex_{row}.wav")
    assert encode.main([model, sound]) == 1
    assert "several notes (48, 57) and has to be told which" in capsys.readouterr().err
    answers = {}
    for note in ("C3", "A3"):
        assert encode.main(["--csv", model, sound, "--note", note]) == 0
        answers[note] = np.array(capsys.readouterr().out.split()[-1].split(",")[4:], float)
    assert np.abs(answers["C3"] - answers["A3"]).max() > 0.01
    # As in training.
    latent = np.load(trained / "model" / "latent.npy")[row]
    heard = latent
    for layer in tm.load(trained / "model").dense:
        heard = layer.forward(heard)
    assert answers["A3"] == pytest.approx(heard, abs=0.05)


@pytest.mark.slow
def test_a_model_of_one_note_is_told_none(
    model_dir: Path, data_dir: Path, capsys: pytest.CaptureFixture[str]
):
    assert open_model(model_dir).notes is None
    assert not (data_dir / "notes.csv").exists()
    sound = str(data_dir / "wavs" / "ex_0.wav")
    assert encode.main([str(model_dir), sound, "--note", "45"]) == 1
    assert "was trained on one note and is not told it; leave out --note" in capsys.readouterr().err


@pytest.mark.slow
def test_a_report_is_of_the_first_note_and_plays_the_others(trained: Path):
    subject = open_subject(trained / "model", ReportSettings())
    assert subject.note.pitch == 48
    assert list(subject.elsewhere) == ["note 57"]
    dataset = load_dataset(trained / "data")
    assert dataset.notes is not None
    of_first = dataset.notes[dataset.test_rows, 0] == 48
    assert len(subject.test) == of_first.sum() < len(dataset.test_rows)
    assert any("several notes" in notice for notice in subject.notices)

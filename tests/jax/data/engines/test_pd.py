"""Sounds that a real Pure Data renders."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from timbremap_cli import features, train
from timbremap_cli import generate as tm_generate

import timbremap_runtime as tm
from tests.support.paths import REPOSITORY
from timbremap_jax.data.engines import open_engine, pd
from timbremap_jax.data.engines.base import NoSound
from timbremap_jax.data.patch import load_patch
from timbremap_jax.data.render.generate import generate
from timbremap_jax.data.render.sampling import GenerateSettings
from timbremap_runtime.errors import FormatError, MissingProgram

FM2 = REPOSITORY / "patches" / "fm" / "fm2"
pytestmark = pytest.mark.skipif(
    shutil.which("pd") is None, reason="Pure Data is not installed (Debian: puredata-core)"
)

TONE = """\
#N canvas 0 0 400 300 12;
#X obj 20 20 r note;
#X obj 20 50 unpack f f;
#X obj 20 80 mtof;
#X obj 20 110 osc~;
#X obj 90 80 / 127;
#X obj 20 150 *~;
#X obj 200 20 r my level;
#X obj 20 190 *~;
#X obj 20 230 dac~ 1;
#X connect 0 0 1 0;
#X connect 1 0 2 0;
#X connect 1 1 4 0;
#X connect 2 0 3 0;
#X connect 3 0 5 0;
#X connect 4 0 5 1;
#X connect 5 0 7 0;
#X connect 6 0 7 1;
#X connect 7 0 8 0;
"""
TONE = TONE.replace("r my level", "r my\\ level")
LEVEL = 'parameters = [{ name = "level", control = "my level", range = [0.0, 1.0] }]'


def write_patch(folder: Path, text: str = TONE, parameters: str = LEVEL, more: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tone.pd").write_text(text)
    header = 'name = "tone"\nengine = "pd"\nsource = "tone.pd"\n'
    (folder / "patch.toml").write_text(header + parameters + "\n" + more)
    return folder


@pytest.mark.slow
def test_from_a_pd_patch_to_a_mapping(tmp_path: Path):
    data, model = tmp_path / "data", tmp_path / "model"
    assert tm_generate.main([str(FM2), str(data), "--examples", "32"]) == 0
    assert features.main([str(data)]) == 0
    options = ["--encoder", "cnn", "--gen", "--pca", "--epochs", "2", "--batch", "8"]
    assert train.main([*options, str(data), str(model)]) == 0
    assert tm.load(model / "timbremap").parameter_size == 3


def test_the_sound_is_the_note_with_its_parameters(tmp_path: Path):
    patch = load_patch(write_patch(tmp_path))
    note = patch.note.with_changes(pitch=69, velocity=127, sustain_ms=200, release_ms=100)
    sound = open_engine(patch).render([63.5], note)
    assert sound.shape == (13_230,) and sound.dtype == np.float32
    assert np.abs(sound[:8000]).max() == pytest.approx(0.5, abs=1e-3)
    spectrum = np.abs(np.fft.rfft(sound[:4410] * np.hanning(4410)))
    assert spectrum.argmax() * 44_100 / 4410 == 440
    # Velocity 0 ended it: to a block of 64 samples, at the start and at the end.
    assert not sound[8820 + 128 :].any()
    assert sound[8820 - 128 : 8820].any()


def test_every_render_is_the_same(tmp_path: Path):
    patch = load_patch(FM2)
    settings = GenerateSettings(12)
    assert generate(patch, tmp_path / "one", settings, n_workers=1) == {}
    assert generate(patch, tmp_path / "two", settings, n_workers=2) == {}
    for row in range(12):
        first, second = (tmp_path / n / "wavs" / f"ex_{row}.wav" for n in ("one", "two"))
        assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    ("text", "parameters", "problem"),
    [
        ("not a patch", LEVEL, r"tone\.pd: not a Pure Data patch"),
        (TONE.replace("dac~ 1", "print~"), LEVEL, r"tone\.pd: has no \[dac~\] of one or two"),
        (
            TONE.replace("mtof", "mtoff"),
            LEVEL,
            r"Pure Data cannot make the object \[mtoff\]",
        ),
        (TONE, 'parameters = [{ name = "x" }]', "nothing in it listens to 'x'"),
        (TONE, 'parameters = [{ name = "a;b" }]', "'a;b' cannot be the name of a"),
    ],
)
def test_what_cannot_be_played_is_said_before_anything_is_written(
    text: str, parameters: str, problem: str, tmp_path: Path
):
    patch = load_patch(write_patch(tmp_path / "patch", text, parameters))
    with pytest.raises(FormatError, match=problem):
        generate(patch, tmp_path / "data", GenerateSettings(4))
    assert not (tmp_path / "data").exists()


@pytest.mark.slow
def test_a_patch_that_never_ends_its_sound_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(pd, "PATIENCE_S", -1.0)
    patch = load_patch(write_patch(tmp_path))
    with pytest.raises(NoSound, match="took more than 2 s in Pure Data"):
        # A counter that runs away.
        runaway = TONE + "#X obj 20 400 loadbang;\n#X obj 20 430 until;\n#X connect 9 0 10 0;\n"
        (tmp_path / "tone.pd").write_text(runaway)
        open_engine(patch).render([1], patch.note)


def test_the_program_can_be_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TIMBREMAP_PD", "no-such-pd")
    with pytest.raises(MissingProgram, match="no-such-pd: no such program, though TIMBREMAP_PD"):
        open_engine(load_patch(FM2))
    monkeypatch.delenv("TIMBREMAP_PD")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(pd, "PROGRAMS", ())
    with pytest.raises(MissingProgram, match=r"is not installed; get it from puredata\.info"):
        open_engine(load_patch(FM2))

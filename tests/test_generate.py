from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import LFO4, N_SOUNDS

from timbremap_jax.data.engines import open_engine
from timbremap_jax.data.generate import GenerateSettings, find_fault, generate, sample_parameters
from timbremap_jax.data.patch import load_patch
from timbremap_runtime.errors import FolderError, FormatError, SettingsError


def test_parameters_are_uniform_integers_and_rows_do_not_depend_on_their_number():
    values = sample_parameters(20_000, 4, seed=3)
    assert np.array_equal(values[:50], sample_parameters(50, 4, seed=3))
    assert (values.min(), values.max()) == (0, 127)
    # 20,000 draws of variance (128^2 - 1) / 12: five standard errors of the mean.
    assert np.abs(values.mean(axis=0) - 63.5).max() < 5 * np.sqrt((128**2 - 1) / 12 / 20_000)


def test_labels_are_integers_with_commas_and_no_header(data_dir: Path):
    lines = (data_dir / "labels.csv").read_text().splitlines()
    assert len(lines) == N_SOUNDS
    assert [int(word) for word in lines[0].split(",")] == sample_parameters(1, 4, 0)[0].tolist()


def test_every_row_has_a_mono_sound_of_the_right_length(data_dir: Path):
    for row in range(N_SOUNDS):
        info = soundfile.info(data_dir / "wavs" / f"ex_{row}.wav")
        assert (info.samplerate, info.channels, info.subtype) == (44_100, 1, "PCM_24")
        assert info.frames == 13_230  # 250 + 50 ms


def test_resume_renders_only_what_is_missing_and_the_same_again(data_dir: Path, tmp_path: Path):
    folder = tmp_path / "copy"
    shutil.copytree(data_dir, folder)
    wav, other = folder / "wavs" / "ex_7.wav", folder / "wavs" / "ex_8.wav"
    before, untouched = wav.read_bytes(), other.stat().st_mtime_ns
    wav.unlink()
    generate(load_patch(LFO4, "fm"), folder, GenerateSettings(N_SOUNDS), resume=True)
    assert wav.read_bytes() == before
    assert other.stat().st_mtime_ns == untouched


def test_a_data_folder_is_not_rendered_over(data_dir: Path):
    with pytest.raises(FolderError, match="go on with --resume"):
        generate(load_patch(LFO4, "fm"), data_dir, GenerateSettings(N_SOUNDS))


def test_resume_refuses_a_folder_made_with_other_settings(data_dir: Path):
    with pytest.raises(SettingsError, match="was made with another seed"):
        generate(load_patch(LFO4, "fm"), data_dir, GenerateSettings(N_SOUNDS, 1), resume=True)


def faust_patch(folder: Path, source: str) -> Path:
    (folder / "tiny.dsp").write_text(source)
    (folder / "patch.toml").write_text(
        'name = "tiny"\nengine = "faust"\nsource = "tiny.dsp"\n'
        '[[parameters]]\nname = "one"\ncontrol = "a"\n'
    )
    return folder


def test_a_source_that_does_not_compile_gives_the_words_of_faust(tmp_path: Path):
    with pytest.raises(FormatError, match=r"tiny\.dsp: does not compile: .*nonsense"):
        open_engine(load_patch(faust_patch(tmp_path, "process = nonsense;")))


def test_a_control_that_is_not_there_lists_those_that_are(tmp_path: Path):
    source = (
        'process = hslider("freq", 1, 0, 9, 1) * hslider("gain", 1, 0, 1, 1)'
        ' * button("gate") * hslider("b", 0, 0, 1, 1);'
    )
    with pytest.raises(FormatError, match=r"the control 'a', .* it has b, freq, gain, gate"):
        open_engine(load_patch(faust_patch(tmp_path, source)))


@pytest.mark.parametrize(
    ("samples", "fault"),
    [
        ([0.5, -0.5], None),
        ([0.5, np.nan], "is not finite"),
        ([0.0, 0.0], "is silent"),
        ([0.5, -1.2], "is clipped"),
        ([], "is silent"),
    ],
)
def test_a_broken_sound_is_told_from_a_good_one(samples: list[float], fault: str | None):
    found = find_fault(np.array(samples, np.float32))
    assert (found is None) == (fault is None)
    assert fault is None or (found and found.startswith(fault))

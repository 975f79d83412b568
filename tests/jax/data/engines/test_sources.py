"""All files that decide a sound are found, and one that was edited is named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.support.paths import PATCHES
from timbremap_jax.data.engines import sources_of
from timbremap_jax.data.patch import load_patch
from timbremap_jax.data.render.generate import generate
from timbremap_jax.data.render.resume import hash_together
from timbremap_jax.data.render.sampling import GenerateSettings
from timbremap_runtime.errors import SettingsError

FAUST = """
import("stdfaust.lib");
import("lib/half.lib");
tone = component("tone.dsp");
freq = hslider("freq", 220, 20, 2000, 1); gain = hslider("gain", 1, 0, 1, 1);
process = hslider("a", 64, 0, 127, 1) / 127 * half * tone(freq) * gain * button("gate");
"""


def names(folder: Path) -> set[str]:
    found = sources_of(load_patch(folder))
    return {path.resolve().relative_to(folder.resolve()).as_posix() for path in found}


@pytest.fixture
def voice(tmp_path: Path) -> Path:
    """A Faust voice of four files."""
    folder = tmp_path / "voice"
    (folder / "lib").mkdir(parents=True)
    (folder / "patch.toml").write_text(
        'name = "v"\nengine = "faust"\nsource = "voice.dsp"\nparameters = [{ name = "a" }]\n'
    )
    (folder / "voice.dsp").write_text(FAUST)
    (folder / "lib" / "half.lib").write_text('half = library("lib/quarter.lib").quarter * 2;\n')
    (folder / "lib" / "quarter.lib").write_text("quarter = 0.25;\n")
    (folder / "tone.dsp").write_text('import("stdfaust.lib");\nprocess = os.osc;\n')
    (folder / "other.lib").write_text("nobody = 1;\n")
    return folder


def test_a_faust_voice_is_all_that_it_imports(voice: Path):
    expected = {"patch.toml", "voice.dsp", "tone.dsp", "lib/half.lib", "lib/quarter.lib"}
    assert names(voice) == expected


@pytest.mark.parametrize("edited", ["lib/quarter.lib", "tone.dsp", "voice.dsp", "patch.toml"])
def test_a_file_that_was_edited_is_named(voice: Path, tmp_path: Path, edited: str):
    data, settings = tmp_path / "data", GenerateSettings(2)
    generate(load_patch(voice), data, settings)
    # What is not part of it may change, and the whole may move.
    (voice / "other.lib").write_text("nobody = 2;\n")
    moved = voice.rename(tmp_path / "moved")
    generate(load_patch(moved), data, settings, resume=True)
    with (moved / edited).open("a") as file:
        file.write("\n" if edited == "patch.toml" else "// louder\n")
    with pytest.raises(SettingsError, match=rf"was changed \({edited} is changed\); choose"):
        generate(load_patch(moved), data, settings, only=[1])


def test_a_file_that_came_or_went_is_named(voice: Path, tmp_path: Path):
    data, settings = tmp_path / "data", GenerateSettings(1)
    (voice / "freq").touch()  # named in quotes, so it may be part of it
    generate(load_patch(voice), data, settings)
    (voice / "freq").rename(voice / "gain")
    with pytest.raises(SettingsError, match=r"\(gain is new, freq is missing\)"):
        generate(load_patch(voice), data, settings, resume=True)


def test_a_folder_that_keeps_one_hash_of_all_still_resumes(voice: Path, tmp_path: Path):
    data, settings = tmp_path / "data", GenerateSettings(2)
    generate(load_patch(voice), data, settings)
    file = data / "generate.json"
    manifest = json.loads(file.read_text())
    del manifest["files"]
    # As earlier versions made it: of patch.toml and the files that it names.
    assert manifest["patch_sha256"] == hash_together([voice / "patch.toml", voice / "voice.dsp"])
    file.write_text(json.dumps(manifest))
    generate(load_patch(voice), data, settings, only=[0])
    assert "files" in json.loads(file.read_text())
    file.write_text(json.dumps(manifest))
    (voice / "voice.dsp").write_text(FAUST + "// louder\n")
    said = r"was changed \(patch\.toml or a file it names\)"
    with pytest.raises(SettingsError, match=said):
        generate(load_patch(voice), data, settings, resume=True)


def test_a_pd_patch_is_all_that_its_words_name(tmp_path: Path):
    folder = tmp_path / "fm2"
    shutil.copytree(PATCHES / "fm" / "fm2", folder)
    assert names(folder) == {"patch.toml", "fm2.pd", "fm2_voice.pd"}
    with (folder / "fm2_voice.pd").open("a") as file:
        file.write("#X obj 9 9 clone 4 deep/inner;\n#X msg 9 9 read my\\ sound.wav, bang;\n")
    (folder / "deep").mkdir()
    (folder / "deep" / "inner.pd").write_text("#N canvas 0 0 9 9 12;\n#X obj 9 9 beside;\n")
    (folder / "deep" / "beside.pd_linux").write_bytes(b"\x7fELF")
    (folder / "my sound.wav").write_bytes(b"RIFF")
    (folder / "unused.pd").write_text("#N canvas 0 0 9 9 12;\n")
    more = {"deep/inner.pd", "deep/beside.pd_linux", "my sound.wav"}
    assert names(folder) == {"patch.toml", "fm2.pd", "fm2_voice.pd"} | more


@pytest.mark.skipif(shutil.which("pd") is None, reason="Pure Data is not installed")
def test_an_abstraction_that_was_edited_is_named(tmp_path: Path):
    folder, data = tmp_path / "fm2", tmp_path / "data"
    shutil.copytree(PATCHES / "fm" / "fm2", folder)
    generate(load_patch(folder), data, GenerateSettings(2))
    assert str(json.loads((data / "generate.json").read_text())["versions"]["pd"]).startswith("Pd-")
    with (folder / "fm2_voice.pd").open("a") as file:
        file.write("#X text 9 9 louder;\n")
    with pytest.raises(SettingsError, match=r"\(fm2_voice\.pd is changed\)"):
        generate(load_patch(folder), data, GenerateSettings(2), resume=True)


def test_a_plugin_is_its_binary_or_all_of_its_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    bundle = tmp_path / "lv2" / "mine.lv2"
    bundle.mkdir(parents=True)
    (bundle / "manifest.ttl").write_text(
        "@prefix mine: <http://example.org/mine#> .\n\nmine:synth\n\ta lv2:Plugin .\n"
    )
    (bundle / "synth.so").write_bytes(b"\x7fELF")
    other = tmp_path / "lv2" / "other.lv2"
    other.mkdir()
    (other / "manifest.ttl").write_text("<http://example.org/other> rdfs:seeAlso mine:synth .\n")
    monkeypatch.setenv("LV2_PATH", str(tmp_path / "lv2"))
    folder = tmp_path / "patch"
    folder.mkdir()

    def found(source: str | Path) -> list[Path]:
        (folder / "patch.toml").write_text(
            f'name = "p"\nengine = "plugin"\nsource = "{source}"\nparameters = [{{ name = "a" }}]\n'
        )
        return [path for path in sources_of(load_patch(folder)) if path.name != "patch.toml"]

    assert found("http://example.org/mine#synth") == [bundle / "manifest.ttl", bundle / "synth.so"]
    assert found("http://example.org/other") == [other / "manifest.ttl"]
    assert found("http://example.org/nothing") == []
    assert found(bundle / "synth.so") == [bundle / "synth.so"]
    assert found(bundle) == [bundle / "manifest.ttl", bundle / "synth.so"]

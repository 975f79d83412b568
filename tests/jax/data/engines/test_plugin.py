"""Plug-ins that others wrote, and one made here that has every vice."""

from __future__ import annotations

import json
import platform
import shutil
import struct
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from timbremap_cli import features, train
from timbremap_cli import generate as tm_generate

import timbremap_runtime as tm
from tests.support.paths import command
from timbremap_jax.data.engines import open_engine
from timbremap_jax.data.engines.forked import can_fork
from timbremap_jax.data.engines.plugin import described
from timbremap_jax.data.manifest import ranges
from timbremap_jax.data.patch import Patch, load_patch
from timbremap_jax.data.render import rehearsal, renderer
from timbremap_jax.data.render.generate import generate
from timbremap_jax.data.render.sampling import GenerateSettings
from timbremap_runtime.errors import FormatError

AMSYNTH = Path("/usr/lib/vst/amsynth_vst.so")
JX10 = "http://drobilla.net/plugins/mda/JX10"
DPF = Path("/usr/share/dpf/distrho")
SOURCE = Path(__file__).parent / "plugin"
SECTIONS = "[note]\n[plugin]\n[fixed]\n"

needs_amsynth = pytest.mark.skipif(
    not AMSYNTH.exists(), reason="amsynth is not installed (Debian: amsynth)"
)
needs_mda = pytest.mark.skipif(
    not Path("/usr/lib/lv2/mda.lv2").exists(), reason="mda-lv2 is not installed (Debian: mda-lv2)"
)
needs_dpf = pytest.mark.skipif(
    not DPF.exists() or shutil.which("g++") is None,
    reason="DPF or a compiler is not installed (Debian: dpf-source g++)",
)


needs_fork = pytest.mark.skipif(not can_fork(), reason="this system has no fork")


@pytest.fixture(scope="session")
def test_synth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bundle = tmp_path_factory.mktemp("vst3") / "TestSynth.vst3"
    binary = bundle / "Contents" / f"{platform.machine()}-linux" / "TestSynth.so"
    binary.parent.mkdir(parents=True)
    compiler = ["g++", "-O1", "-std=c++17", "-fPIC", "-shared", "-DDISTRHO_PLUGIN_TARGET_VST3"]
    sources = [SOURCE / "test_synth.cpp", DPF / "DistrhoPluginMain.cpp"]
    subprocess.run([*compiler, f"-I{SOURCE}", f"-I{DPF}", *sources, "-o", binary], check=True)
    return bundle


def write_patch(folder: Path, source: str | Path, parameters: str, more: str = "") -> Path:
    folder.mkdir(parents=True)
    (folder / "patch.toml").write_text(
        f'name = "synth"\nengine = "plugin"\nsource = "{source}"\n'
        f"parameters = [{parameters}]\n{more}\n"
    )
    return folder


def choose(folder: Path, *names: str) -> None:
    """Take away the # before parameters of a described plug-in, as a musician would."""
    file = folder / "patch.toml"
    text = file.read_text()
    for name in names:
        assert f'  # {{ name = "{name}"' in text
        text = text.replace(f'  # {{ name = "{name}"', f'  {{ name = "{name}"')
    # Narrowed: at level 0 nothing is heard.
    text = text.replace(
        'control = "Level", range = [0.0, 1.0]', 'control = "Level", range = [0.2, 1]'
    )
    file.write_text(text)


def from_description_to_mapping(source: str | Path, folder: Path, *names: str) -> tm.TimbreMap:
    patch, data, model = (str(folder / name) for name in ("patch", "data", "model"))
    assert tm_generate.main(["--describe", str(source), patch]) == 0
    choose(Path(patch), *names)
    assert tm_generate.main([patch, data, "--examples", "24"]) == 0
    assert features.main([data]) == 0
    options = ["--encoder", "cnn", "--gen", "--pca", "--epochs", "2", "--batch", "8"]
    assert train.main([*options, data, model]) == 0
    mapping = tm.load(Path(model) / "timbremap")
    assert mapping.parameter_size == len(names)
    return mapping


@pytest.mark.slow
@needs_amsynth
def test_a_vst2_from_its_description_to_a_mapping(tmp_path: Path):
    names = "osc1_waveform", "filter_cutoff", "lfo_freq", "freq_mod_amount"
    from_description_to_mapping(AMSYNTH, tmp_path, *names)
    labels = np.loadtxt(tmp_path / "data" / "labels.csv", delimiter=",", dtype=int)
    # A switch of five positions, which nobody declared but its texts.
    assert set(labels[:, 0]) == {0, 32, 64, 95, 127}
    assert json.loads((tmp_path / "data" / "generate.json").read_text())["repeatable"] is True


@pytest.mark.slow
@needs_mda
def test_an_lv2_from_its_description_to_a_mapping(tmp_path: Path):
    from_description_to_mapping(JX10, tmp_path, "VCF Freq", "VCF Reso", "LFO Rate", "Noise")


@pytest.mark.slow
@needs_dpf
def test_a_vst3_from_its_description_to_a_mapping(tmp_path: Path, test_synth: Path):
    from_description_to_mapping(test_synth, tmp_path, "Brightness", "Waveform", "Level")


@needs_dpf
def test_a_description_has_every_parameter_and_no_midi_controllers(
    tmp_path: Path, test_synth: Path, capsys: pytest.CaptureFixture[str]
):
    arguments = ["--describe", str(test_synth), str(tmp_path / "mine")]
    assert tm_generate.main(arguments) == 0
    text = (tmp_path / "mine" / "patch.toml").read_text()
    lines = [line for line in text.splitlines() if line.startswith("  # { name")]
    names = [line.split('"')[1] for line in lines]
    assert names == ["Brightness", "Waveform", "Level", "Vice"]
    assert "range = [0.0, 1.0], steps = 3 },  # now 0 (0); 0 | 1 | 2" in lines[1]
    assert "steps" not in lines[2] and "# now 0.5 (0.500000)" in lines[2]
    assert str(test_synth) in text
    # It can be read as it is, and says what to do next.
    with pytest.raises(FormatError, match="there are no parameters; name at least one"):
        load_patch(tmp_path / "mine")
    assert "4 parameters" in capsys.readouterr().out
    # What was edited is not written over.
    assert tm_generate.main(arguments) == 1
    assert "already exists" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("nowhere.vst3", "no such file"),
        (__file__, "cannot be loaded as a plug-in instrument"),
        ("http://example.org/no-such-plugin", "cannot be loaded as a plug-in instrument"),
    ],
)
def test_what_is_no_plugin_is_said_so(
    source: str, problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert tm_generate.main(["--describe", source, str(tmp_path / "mine")]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"error: {source}") and problem in error and error.count("\n") == 1
    assert not (tmp_path / "mine").exists()


def test_two_parameters_of_one_name_have_names_of_their_own():
    class Plugin:
        def get_parameters_description(self) -> list[dict[str, object]]:
            names = ["Attack", "MIDI Ch. 1 CC 0", "Attack", "MIDI CC 3|1", "Level", "Bypass"]
            return [{"name": name, "index": index} for index, name in enumerate(names)]

    found = {name: d["index"] for name, d in described(Plugin()).items()}
    assert found == {"Attack": 0, "Attack#2": 2, "Level": 4}


BRIGHTNESS = '{ name = "Brightness", range = [0.2, 0.8] },'
WAVEFORM = '{ name = "wave", control = "Waveform", steps = 3 },'


@needs_dpf
def test_values_reach_the_plugin_in_its_own_unit(tmp_path: Path, test_synth: Path):
    def peak(patch: Patch, *values: float) -> float:
        return float(np.abs(open_engine(patch).render(values, patch.note)).max())

    level = '{ name = "Level", range = [0.2, 0.6] }'
    quiet = load_patch(write_patch(tmp_path / "a", test_synth, level, "[fixed]\nBrightness = 1.0"))
    velocity = 100 / 127
    for value, expected in ((0, 0.2), (127, 0.6), (63.5, 0.4)):
        # The lowpass leaves nine tenths at the corner of a saw.
        assert peak(quiet, value) == pytest.approx(velocity * expected, rel=0.12)
    halved = write_patch(
        tmp_path / "b", test_synth, level, "[fixed]\nBrightness = 1.0\n[plugin]\ngain_db = -6.0206"
    )
    assert peak(load_patch(halved), 127) == pytest.approx(0.5 * peak(quiet, 127), rel=1e-5)


@needs_dpf
def test_a_switch_is_set_to_the_nearest_of_its_positions(tmp_path: Path, test_synth: Path):
    patch = load_patch(write_patch(tmp_path / "p", test_synth, WAVEFORM))
    engine = open_engine(patch)
    saw, square, sine = (engine.render([value], patch.note) for value in (0, 64, 127))
    assert np.array_equal(engine.render([40], patch.note), square)
    assert np.array_equal(engine.render([20], patch.note), saw)
    assert np.array_equal(engine.render([100], patch.note), sine)
    assert np.abs(saw - square).max() > 0.1 < np.abs(square - sine).max()


@needs_amsynth
def test_a_preset_is_loaded_before_the_parameters(tmp_path: Path):
    cutoff = '{ name = "filter_cutoff" }'
    plain = load_patch(write_patch(tmp_path / "plain", AMSYNTH, cutoff))
    folder = write_patch(tmp_path / "preset", AMSYNTH, cutoff, '[plugin]\npreset = "quiet.fxp"')
    values = np.full(41, 0.5, ">f4")
    values[[1, 3, 14]] = 0.0, 0.0, 0.3  # decay, release, volume
    body = struct.pack(">4si4sii28s", b"FxCk", 1, b"amsy", 1, 41, b"quiet") + values.tobytes()
    (folder / "quiet.fxp").write_bytes(struct.pack(">4si", b"CcnK", len(body)) + body)
    preset = load_patch(folder)
    sounds = [open_engine(p).render([100], p.note) for p in (plain, preset)]
    assert np.abs(sounds[1]).max() < 0.5 * np.abs(sounds[0]).max()
    # The preset is part of what the sounds are.
    assert folder / "quiet.fxp" in preset.files
    (folder / "quiet.fxp").write_bytes(b"no preset")
    with pytest.raises(FormatError, match=r"quiet\.fxp: cannot be read as a preset"):
        open_engine(preset)


@needs_dpf
def test_a_parameter_that_the_plugin_has_not_got(tmp_path: Path, test_synth: Path):
    patch = load_patch(write_patch(tmp_path / "p", test_synth, '{ name = "Cutoff" }'))
    with pytest.raises(FormatError, match="names the control 'Cutoff', which is not there; there"):
        generate(patch, tmp_path / "data", GenerateSettings(5))
    assert not (tmp_path / "data").exists()
    other = write_patch(tmp_path / "o", test_synth, BRIGHTNESS, "[plugin]\nprest = 'a'")
    with pytest.raises(FormatError, match=r"\[plugin\] has no 'prest'; known are preset, gain_db"):
        generate(load_patch(other), tmp_path / "data", GenerateSettings(5))


@pytest.mark.slow
@needs_amsynth
def test_killed_and_resumed_ends_as_if_never_stopped(tmp_path: Path):
    parameters = '{ name = "filter_cutoff" }, { name = "lfo_freq" }, { name = "freq_mod_amount" }'
    patch = write_patch(tmp_path / "patch", AMSYNTH, parameters)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    run = [command("tm-generate"), patch]
    options = ["--examples", "20", "--workers", "2"]
    subprocess.run([*run, whole, *options], check=True)
    process = subprocess.Popen([*run, killed, *options])
    deadline = time.monotonic() + 60
    while not (killed / "wavs" / "ex_3.wav").exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.001)
    process.kill()
    process.wait()
    assert 0 < len(list((killed / "wavs").glob("ex_*.wav"))) < 20
    subprocess.run([*run, killed, *options, "--resume"], check=True)
    for row in range(20):
        wav = f"wavs/ex_{row}.wav"
        assert (killed / wav).read_bytes() == (whole / wav).read_bytes()


@pytest.mark.slow
@needs_dpf
def test_a_plugin_that_never_sounds_the_same_is_told_of(
    tmp_path: Path, test_synth: Path, capsys: pytest.CaptureFixture[str]
):
    patch = write_patch(tmp_path / "p", test_synth, BRIGHTNESS, "[fixed]\nVice = 0.3333")
    assert tm_generate.main([str(patch), str(tmp_path / "data"), "--examples", "10"]) == 0
    assert "does not sound the same twice" in capsys.readouterr().err
    assert json.loads((tmp_path / "data" / "generate.json").read_text())["repeatable"] is False
    # What is there is kept, what is missing is rendered, as ever.
    (tmp_path / "data" / "wavs" / "ex_2.wav").unlink()
    again = [str(patch), str(tmp_path / "data"), "--examples", "10", "--resume"]
    assert tm_generate.main(again) == 0
    assert soundfile.info(tmp_path / "data" / "wavs" / "ex_2.wav").frames == 13_230


@pytest.mark.slow
@needs_dpf
def test_a_crash_costs_its_row_and_a_message(
    tmp_path: Path, test_synth: Path, capsys: pytest.CaptureFixture[str]
):
    vice = '{ name = "Vice", steps = 2 }'  # half of the rows crash
    patch = write_patch(tmp_path / "p", test_synth, BRIGHTNESS + vice)
    assert tm_generate.main([str(patch), str(tmp_path / "data"), "--examples", "6"]) == 1
    labels = np.loadtxt(tmp_path / "data" / "labels.csv", delimiter=",", dtype=int)
    crashing = [row for row in range(6) if labels[row, 1] == 127]
    assert 0 < len(crashing) < 6
    error = capsys.readouterr().err
    for row in range(6):
        rendered = (tmp_path / "data" / "wavs" / f"ex_{row}.wav").exists()
        assert rendered == (row not in crashing)
        told = f"row {row}: the sound could not be made: its process was ended by SIGSEGV"
        assert (told in error) == (row in crashing)
    assert f"--only {ranges(crashing)}" in error
    # Crashes do not keep it from being opened once.
    assert json.loads((tmp_path / "data" / "generate.json").read_text())["forked"] is can_fork()
    # The rest is a data set.
    assert features.main([str(tmp_path / "data")]) == 0
    assert len(np.load(tmp_path / "data" / "labels.npy")) == 6 - len(crashing)


@pytest.mark.slow
@needs_fork
@needs_dpf
def test_forks_of_a_plugin_that_never_played_sound_as_fresh_ones(
    tmp_path: Path, test_synth: Path, monkeypatch: pytest.MonkeyPatch
):
    patch = load_patch(write_patch(tmp_path / "p", test_synth, BRIGHTNESS + WAVEFORM))
    generate(patch, tmp_path / "forked", GenerateSettings(4))
    monkeypatch.setattr(rehearsal, "HOLDING", ())
    generate(patch, tmp_path / "fresh", GenerateSettings(4))
    for name, forked in (("forked", True), ("fresh", False)):
        manifest = json.loads((tmp_path / name / "generate.json").read_text())
        assert (manifest["repeatable"], manifest["forked"]) == (True, forked)
    for row in range(4):
        one, other = (tmp_path / name / "wavs" / f"ex_{row}.wav" for name in ("forked", "fresh"))
        assert one.read_bytes() == other.read_bytes()
    # Begun with forks, a folder can be continued without.
    generate(patch, tmp_path / "forked", GenerateSettings(4), only=[0])


@pytest.mark.slow
@needs_fork
@needs_amsynth
def test_forks_that_sound_different_are_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Held open after it played: its forks start where the last sound ended."""
    source = tmp_path / "sitecustomize.py"
    source.write_text(
        "from timbremap_jax.data.engines import plugin\n"
        "from timbremap_jax.data.patch import Note\n"
        "hold, load = plugin.PluginEngine.hold, plugin.PluginEngine._load\n"
        "def hold_played(self):\n"
        "    hold(self)\n"
        "    held = self._held\n"
        "    self.render([64.0, 64.0], Note())\n"
        "    self._held = held\n"
        "plugin.PluginEngine.hold = hold_played\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    parameters = '{ name = "filter_cutoff" }, { name = "lfo_freq" }'
    patch = load_patch(write_patch(tmp_path / "p", AMSYNTH, parameters))
    generate(patch, tmp_path / "d", GenerateSettings(3))
    manifest = json.loads((tmp_path / "d" / "generate.json").read_text())
    assert (manifest["repeatable"], manifest["forked"]) == (True, False)


@pytest.mark.slow
@needs_dpf
def test_one_that_always_crashes_or_hangs_is_given_up(
    tmp_path: Path, test_synth: Path, monkeypatch: pytest.MonkeyPatch
):
    crash = write_patch(tmp_path / "c", test_synth, BRIGHTNESS, "[fixed]\nVice = 1.0")
    with pytest.raises(FormatError, match="cannot be played: its process was ended by SIGSEGV"):
        generate(load_patch(crash), tmp_path / "data", GenerateSettings(1))
    monkeypatch.setattr(renderer, "PATIENCE_S", 2.0)
    hang = write_patch(tmp_path / "h", test_synth, BRIGHTNESS, "[fixed]\nVice = 0.6667")
    with pytest.raises(FormatError, match="cannot be played: its process did not answer any more"):
        generate(load_patch(hang), tmp_path / "data", GenerateSettings(1))
    assert not (tmp_path / "data").exists()

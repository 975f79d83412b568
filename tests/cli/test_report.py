"""tm-report: real models on real instruments."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from timbremap_cli import features, generate, report, train

import timbremap_runtime as tm
from tests.support.maps import random_map
from tests.support.osc_client import free_port
from tests.support.paths import LFO4, PATCHES, command
from tests.support.reports import TINY
from timbremap_jax.report.card import make_report, read_report
from timbremap_jax.report.comparison import comparison_lines, names_of
from timbremap_jax.report.measures import distances, log_mel
from timbremap_jax.report.rendering import CACHE
from timbremap_jax.report.settings import ReportSettings
from timbremap_jax.report.subject import open_subject
from timbremap_runtime import DenseLayer, TimbreMap, VecScale
from timbremap_runtime.errors import FormatError, PathError, SettingsError, TimbreMapError

pytestmark = pytest.mark.slow

N_SOUNDS = 240


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an instrument of its own, ``data`` rendered by it and a small ``model``."""
    folder = tmp_path_factory.mktemp("trained")
    shutil.copytree(LFO4, folder / "synth", ignore=shutil.ignore_patterns("models", "*.pd"))
    data, model = str(folder / "data"), str(folder / "model")
    arguments = [str(folder / "synth"), data, "--variant", "am", "--examples", str(N_SOUNDS)]
    assert generate.main([*arguments, "--sustain", "120", "--release", "30"]) == 0
    assert features.main([data]) == 0
    assert train.main(["--cnn", "--gen", "--pca", "--epochs", "2", data, model]) == 0
    return folder


@pytest.fixture(scope="module")
def made(trained: Path) -> tuple[Path, dict[str, Any]]:
    """A model folder with its report."""
    return trained / "model", make_report(trained / "model", TINY)


def copy_of(trained: Path, folder: Path) -> Path:
    """Return a copy of the model whose instrument and data set are copies too."""
    shutil.copytree(trained, folder)
    config = json.loads((folder / "model" / "config.json").read_text())
    config["instrument"]["patch_dir"] = str(folder / "synth")
    config["data"]["folder"] = str(folder / "data")
    (folder / "model" / "config.json").write_text(json.dumps(config))
    return folder / "model"


def bare(folder: Path, mapping: TimbreMap) -> Path:
    """Write a map and nothing else."""
    tm.save(mapping, folder)
    return folder


def test_it_prints_ten_lines_and_writes_a_report_and_a_page(
    trained: Path, capsys: pytest.CaptureFixture[str]
):
    model = trained / "model"
    assert report.main([str(model), "--quick"]) == 0
    *lines, page = capsys.readouterr().out.splitlines()
    assert len(lines) == 10
    assert page == str(model / "report.html")
    assert lines[0] == "model on lfo4 am: 24 sounds kept back for test; in dB, 0 is the same sound"
    figures = read_report(model)["figures"]
    for line, name in zip(lines[1:4], ("reconstruction", "preset", "coverage"), strict=True):
        assert f" {figures[name]['mean']:.2f} dB" in line
    assert f"of 300 random presets {figures['library']['mean']:.2f}" in lines[3]
    assert not (model / CACHE).exists()


def test_its_figures_are_of_the_sounds(made: tuple[Path, dict[str, Any]]):
    model, found = made
    figures = found["figures"]
    assert found == read_report(model)
    assert found["notices"] == []
    assert found["presets"] == "data set"
    # The instrument plays what it played for training.
    assert figures["recorded"] < 1e-3
    # Nearer than anything else are the nearest; the means are of what is listed.
    for name in ("reconstruction", "preset", "coverage", "library", "random_pair", "middle"):
        each = figures["each"][name]
        assert len(each) == 20
        assert figures[name]["mean"] == pytest.approx(np.mean(each), abs=1e-3)
        assert 0 < figures[name]["mean"] < 30
    assert figures["coverage"]["mean"] < figures["random_pair"]["mean"]
    assert figures["coverage_curve"]["points"] == sorted(
        figures["coverage_curve"]["points"], reverse=True
    )
    assert figures["coverage_curve"]["points"][-1] == pytest.approx(figures["coverage"]["mean"])
    assert [axis["name"] for axis in figures["steps"]["axes"]] == ["x", "y", "pressure"]
    assert [p["name"] for p in figures["parameters"]] == ["rate", "duty", "shape", "depth"]
    assert len(figures["pad"]["speeds"]) == 3
    assert set(figures["elsewhere"]) == {"octave up", "octave down", "velocity 50"}
    assert all(found["reconstruction"] > 0 for found in figures["elsewhere"].values())
    assert set(figures["papers"]) == {"random_pair", "preset", "reconstruction"}


def test_a_random_pair_is_as_far_as_the_features_of_the_data_set_say(
    trained: Path, made: tuple[Path, dict[str, Any]]
):
    """By features that tm-features computed from files, and pairs of our own."""
    power = np.load(trained / "data" / "features.npy")
    sounds = log_mel(power, made[1]["figures"]["floor"]["mel_power"])
    expected = distances(sounds[:-1], sounds[1:]).mean()
    # 20 pairs: a standard error of a few percent.
    assert made[1]["figures"]["random_pair"]["mean"] == pytest.approx(expected, rel=0.3)


def test_a_stopped_report_goes_on_and_comes_to_the_same_figures(
    trained: Path, made: tuple[Path, dict[str, Any]], tmp_path: Path
):
    def stopping(items: Any, n_items: int) -> Any:
        for count, item in enumerate(items):
            if count == 100:
                raise KeyboardInterrupt
            yield item

    counts: list[int] = []

    def counting(items: Any, n_items: int) -> Any:
        counts.append(n_items)
        return items

    with pytest.raises(KeyboardInterrupt):
        make_report(trained / "model", TINY, output=tmp_path, progress=stopping)
    assert (tmp_path / CACHE).is_dir()
    assert not (tmp_path / "report.json").exists()
    again = make_report(trained / "model", TINY, output=tmp_path, n_workers=1, progress=counting)
    assert counts == [made[1]["n_rendered"] - 100]
    assert json.dumps(again) == json.dumps(made[1])
    assert (tmp_path / "report.html").read_bytes() == (made[0] / "report.html").read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["report.html", "report.json"]


def test_another_seed_draws_other_points(
    trained: Path, made: tuple[Path, dict[str, Any]], tmp_path: Path
):
    other = make_report(trained / "model", replace(TINY, seed=1), output=tmp_path)
    assert other["figures"]["coverage"] != made[1]["figures"]["coverage"]


@pytest.mark.parametrize("text_only", [False, True], ids=["as we write it", "text files alone"])
def test_a_bare_map_needs_its_instrument_named(tmp_path: Path, text_only: bool):
    folder = bare(tmp_path / "jg_map", random_map(np.random.default_rng(2), (3, 4)))
    if text_only:  # as older versions of the original wrote it
        for file in folder.rglob("*.npy"):
            file.unlink()
    with pytest.raises(SettingsError, match=r"name its instrument with  --patch PATCH_DIR"):
        make_report(folder, TINY)
    found = make_report(folder, TINY, LFO4, "am")
    assert found["presets"] == "drawn"
    assert "reconstruction" not in found["figures"]
    assert found["figures"]["preset"]["mean"] > 0
    assert (folder / "report.html").is_file()
    # The map is as it was.
    assert tm.load(folder).parameter_size == 4


def test_a_model_without_its_instrument(trained: Path, tmp_path: Path):
    model = copy_of(trained, tmp_path / "moved")
    shutil.rmtree(tmp_path / "moved" / "synth")
    with pytest.raises(SettingsError, match=r"synth.*--patch PATCH_DIR"):
        make_report(model, TINY)
    # It is here, under another name.
    assert make_report(model, TINY, trained / "synth")["instrument"]["variant"] == "am"


def test_an_instrument_of_other_parameters(trained: Path, tmp_path: Path):
    model = copy_of(trained, tmp_path / "changed")
    toml = tmp_path / "changed" / "synth" / "patch.toml"
    toml.write_text(toml.read_text().replace('name = "duty"', 'name = "width of the LFO"'))
    with pytest.raises(SettingsError, match=r"other parameters.*\(duty, now width of the LFO\)"):
        make_report(model, TINY)


def test_an_instrument_that_changed_is_told(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    model = copy_of(trained, tmp_path / "changed")
    toml = tmp_path / "changed" / "synth" / "patch.toml"
    toml.write_text(toml.read_text().replace("cutoff = 90", "cutoff = 40"))
    found = make_report(model, TINY)
    files, sound = found["notices"]
    said = f"the instrument has changed since the model was trained: patch.toml in {toml.parent}"
    assert files == said
    assert f"now sound {found['figures']['recorded']:.2f} dB different" in sound
    assert found["figures"]["recorded"] > 1.0
    assert files in (model / "report.html").read_text(encoding="utf-8")
    # Without the data set the model knows it too.
    shutil.rmtree(tmp_path / "changed" / "data")
    assert open_subject(model, TINY).notices[-1] == said


def test_too_few_test_sounds(trained: Path, tmp_path: Path):
    model = copy_of(trained, tmp_path / "few")
    order = np.load(tmp_path / "few" / "data" / "partition.npy")
    kept = np.sort(order[:150])  # a data set of 150 sounds has 15 for test
    data = tmp_path / "few" / "data"
    for name in ("features", "labels", "features_index"):
        np.save(data / f"{name}.npy", np.load(data / f"{name}.npy")[kept])
    np.save(data / "partition.npy", np.argsort(np.argsort(order[:150])))
    for name in ("latent", "labels"):
        np.save(model / f"{name}.npy", np.load(model / f"{name}.npy")[kept])
    np.save(model / "latent_rows.npy", np.arange(150))
    with pytest.raises(
        SettingsError, match=r"has 15 test sounds and a report needs 20; render 200"
    ):
        make_report(model, TINY)


def test_a_data_set_that_is_gone(trained: Path, tmp_path: Path):
    model = copy_of(trained, tmp_path / "gone")
    shutil.rmtree(tmp_path / "gone" / "data")
    found = make_report(model, TINY)
    assert found["presets"] == "drawn"
    assert "was not found: presets are drawn at random" in found["notices"][0]
    # Its encoder hears the sounds of presets that it has never met, as well as those of the data.
    assert found["figures"]["reconstruction"]["mean"] < found["figures"]["random_pair"]["mean"]


def test_an_unbounded_map(tmp_path: Path):
    weights = np.random.default_rng(0).normal(size=(3, 4))
    scale = VecScale(np.zeros(3), np.ones(3), np.full(3, -3.0), np.full(3, 6.0))
    linear = DenseLayer(weights, np.zeros(4), "linear", np.linalg.pinv(weights))
    folder = bare(tmp_path / "timbremap", TimbreMap(scale, [linear]))
    with pytest.raises(SettingsError, match="not kept within 0 to 127"):
        make_report(folder, TINY, LFO4, "am")


SILENT_BELOW = """import("stdfaust.lib");
freq = hslider("freq", 220, 20, 20000, 1); gain = hslider("gain", 1, 0, 1, 0.01);
gate = button("gate");
process = os.osc(freq) * gain * gate * (hslider("a", 0, 0, 127, 1) > THRESHOLD)
  * (hslider("b", 0, 0, 127, 1) + 20) / 300;
"""


def gated_synth(folder: Path, threshold: int) -> Path:
    """Write an instrument that is silent while its first parameter is below a threshold."""
    folder.mkdir()
    (folder / "voice.dsp").write_text(SILENT_BELOW.replace("THRESHOLD", str(threshold)))
    (folder / "patch.toml").write_text(
        'name = "gated"\nengine = "faust"\nsource = "voice.dsp"\n'
        'parameters = [{ name = "a" }, { name = "b" }]\n'
        "[note]\nsustain_ms = 60\nrelease_ms = 20\n"
    )
    return folder


def flat_map(height: float) -> TimbreMap:
    """Make a map of two axes: x hardly moves the first parameter, y moves the second."""
    drive = np.log(height / (127.0 - height))
    weights = np.array([[1e-3, 0.0], [0.0, 1.5]])
    scale = VecScale(np.zeros(2), np.ones(2), np.full(2, -3.0), np.full(2, 6.0))
    dense = DenseLayer(weights, np.array([drive, 0.0]), "sigmoid", np.linalg.pinv(weights))
    return TimbreMap(scale, [dense])


def test_a_silent_map(tmp_path: Path):
    synth = gated_synth(tmp_path / "synth", 60)
    folder = bare(tmp_path / "timbremap", flat_map(20.0))
    with pytest.raises(SettingsError, match="the map is silent: none of 25 points"):
        make_report(folder, TINY, synth)


def test_a_silent_instrument(tmp_path: Path):
    synth = gated_synth(tmp_path / "synth", 127)
    folder = bare(tmp_path / "timbremap", flat_map(20.0))
    with pytest.raises(SettingsError, match="every one of 20 presets is silent"):
        make_report(folder, TINY, synth)


def test_a_pad_of_two_axes_with_a_parameter_it_cannot_find(tmp_path: Path):
    synth = gated_synth(tmp_path / "synth", 60)
    folder = bare(tmp_path / "timbremap", flat_map(100.0))
    found = make_report(folder, TINY, synth)
    blind = {p["name"]: p["blind"] for p in found["figures"]["parameters"]}
    assert blind == {"a": True, "b": False}
    x, y = found["figures"]["steps"]["axes"]
    assert (x["mean_db"], x["evenness"], x["dead"]) == (0.0, None, 1.0)
    assert y["mean_db"] > 0.1 and y["dead"] < 1.0
    assert found["axes"] == ["x", "y"]
    assert len(found["figures"]["pad"]["speeds"]) == 1


def test_what_is_recorded_live_is_asked_for(tmp_path: Path):
    synth = tmp_path / "synth"
    synth.mkdir()
    (synth / "patch.toml").write_text(
        'name = "live"\nengine = "osc"\nparameters = [{ name = "a" }, { name = "b" }]\n'
        f"[note]\nsustain_ms = 20\nrelease_ms = 5\n[osc]\nlisten = 0\nport = {free_port()}\n"
    )
    folder = bare(tmp_path / "timbremap", flat_map(100.0))
    how_long = r"is recorded in real time, and \d+ sounds take a minute or two"
    with pytest.raises(SettingsError, match=rf"{how_long}; start the synth and add --live"):
        make_report(folder, TINY, synth)
    # Asked for, it tells how long it takes before it begins; here nobody listens.
    told: list[str] = []
    with pytest.raises(TimbreMapError, match="nothing was recorded"):
        make_report(folder, TINY, synth, live=True, announce=told.append)
    assert len(told) == 1 and re.search(how_long, told[0])


def test_it_says_in_one_line_what_is_wrong(tmp_path: Path):
    for argument, said in (
        (str(tmp_path), f"{tmp_path}: no map in it; give a folder that tm-train wrote"),
        (str(tmp_path / "none"), f"{tmp_path / 'none'}: no map in it"),
    ):
        run = subprocess.run(
            [command("tm-report"), argument], capture_output=True, text=True, check=False
        )
        assert run.returncode == 1
        assert run.stdout == ""
        assert re.fullmatch(r"error: .*\n", run.stderr)
        assert said in run.stderr


def test_a_folder_without_a_report(tmp_path: Path):
    with pytest.raises(PathError, match="run  tm-report"):
        read_report(tmp_path)
    for content, said in (("{", "not valid JSON"), ('{"format": 0}', "not of this version")):
        (tmp_path / "report.json").write_text(content)
        with pytest.raises(FormatError, match=said):
            read_report(tmp_path)


def test_models_side_by_side(
    trained: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    model = copy_of(trained, tmp_path / "copy")
    other = tmp_path / "random"
    bare(other / "timbremap", random_map(np.random.default_rng(2), (3, 4)))
    shutil.copy(model / "config.json", other)  # which instrument and note
    monkeypatch.setattr(ReportSettings, "quick", lambda _: TINY)
    arguments = [str(model), str(other), "--quick", "--output", str(tmp_path)]
    assert report.main(arguments) == 0
    head, *lines, page = capsys.readouterr().out.splitlines()
    assert head.split() == ["model", "random"]
    assert page == str(tmp_path / "comparison.html")
    figures = [read_report(folder)["figures"] for folder in (model, other)]
    for label, name in (
        ("nearest sound of the pad", "coverage"),
        ("any other sound", "random_pair"),
    ):
        row = next(line for line in lines if line.startswith(label))
        assert re.findall(r"\d+\.\d+", row) == [f"{f[name]['mean']:.2f}" for f in figures]
    (listens,) = (line for line in lines if line.startswith("heard and played back"))
    assert listens.split()[-1] == "-"
    text = (tmp_path / "comparison.html").read_text(encoding="utf-8")
    assert text.count("<img") == 2 and "<script" not in text
    # What is there is kept: nothing is rendered again.
    before = [(folder / "report.json").stat().st_mtime_ns for folder in (model, other)]
    assert report.main(arguments) == 0
    assert before == [(folder / "report.json").stat().st_mtime_ns for folder in (model, other)]


def of_a_kind(name: str, coverage: float, proportion: float) -> dict[str, Any]:
    """Return a report with the figures that a table needs."""
    one = {"mean": coverage, "median": coverage, "p90": coverage}
    figures = {key: one for key in ("preset", "coverage", "library", "middle", "random_pair")}
    return {
        "name": name,
        "instrument": {},
        "settings": {},
        "features": {},
        "figures": {
            **figures,
            "steps": {"evenness": 0.5, "dead": 0.0, "axes": [{"evenness": 0.25}]},
            "nonlinearity": 1.0,
            "smoothness": 1.0,
            "proportion": proportion,
            "parameters": [{"blind": True}],
            "elsewhere": {},
        },
    }


def test_the_best_of_a_row_is_marked():
    reports = [of_a_kind("a", 1.5, 0.4), of_a_kind("a", 1.25, 0.5)]
    assert names_of(reports, [Path("x/a"), Path("y/a")]) == ["x/a", "y/a"]
    lines = comparison_lines(reports, ["left", "right"])
    by_label = {line[:29].strip(): line[29:].split() for line in lines[1:]}
    assert by_label["preset found on the pad, dB"] == ["1.50", "1.25*"]
    assert by_label["larger moves sound larger"] == ["0.40", "0.50*"]
    assert by_label["steps vary by"] == ["0.50", "0.50"]  # neither is better
    assert by_label["middle preset, dB"] == ["1.50", "1.25"]  # a yardstick
    assert "heard and played back, dB" not in by_label
    assert "along y" not in by_label


LISTEN = """async () => {
  const context = new OfflineAudioContext(1, 44100, 44100);
  const found = [];
  for (const audio of document.querySelectorAll("audio")) {
    const bytes = Uint8Array.from(atob(audio.src.split(",")[1]), c => c.charCodeAt(0));
    const sound = await context.decodeAudioData(bytes.buffer);
    const peak = sound.getChannelData(0).reduce((a, b) => Math.max(a, Math.abs(b)), 0);
    found.push([audio.getAttribute("aria-label"), sound.duration, peak]);
  }
  return found;
}"""

PICTURES = """() => [...document.querySelectorAll("img, svg")].map(
  p => [p.alt ?? p.querySelector("title").textContent, p.naturalWidth ?? p.getBBox().width])"""

SPEAKS = """() => [...document.querySelectorAll("audio")].map(a => [a.error, a.readyState])"""


@pytest.mark.parametrize("look", ["light", "dark"])
def test_the_page_in_a_browser(made: tuple[Path, dict[str, Any]], browser: Any, look: str):
    context = browser.new_context(
        color_scheme=look, offline=True, viewport={"width": 360, "height": 700}
    )
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    address = (made[0] / "report.html").as_uri()
    page.goto(address)
    page.wait_for_function("[...document.querySelectorAll('audio')].every(a => a.readyState > 0)")
    sounds, pictures = page.evaluate(LISTEN), page.evaluate(PICTURES)
    # Three pairs and three glides.
    assert len(sounds) == 9
    for name, seconds, peak in sounds:
        assert name and peak > 0.02, (name, peak)
        assert seconds == pytest.approx(4.03 if "glide" in name else 0.15, abs=0.12), name
    assert all(error is None and ready > 0 for error, ready in page.evaluate(SPEAKS))
    # Two charts, a spectrogram a sound, three slices of the pad.
    assert len(pictures) == 2 + 9 + 3
    assert all(len(text) > 20 and width > 0 for text, width in pictures), pictures
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(map(int, re.findall(r"\d+", background)[:3]))
    assert (brightness > 600) == (look == "light")
    assert [url for url in asked if not url.startswith("data:")] == [address]
    assert said == []
    context.close()


def test_nothing_in_the_pages_leads_elsewhere(made: tuple[Path, dict[str, Any]]):
    text = (made[0] / "report.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in text
    assert "<script" not in text
    for found in re.findall(r"""(?:src|href|url|@import)\s*[=(:]\s*["']?([^"'\s>)]+)""", text):
        assert found.startswith("data:"), found


AMSYNTH = Path("/usr/lib/vst/amsynth_vst.so")
PLUGIN = """name = "amsynth"
engine = "plugin"
source = "/usr/lib/vst/amsynth_vst.so"
parameters = [
  { name = "resonance", control = "filter_resonance", range = [0.0, 0.8] },
  { name = "cutoff", control = "filter_cutoff", range = [0.3, 1.0] },
]
[plugin]
gain_db = -12.0
"""
PD = """name = "fm2"
engine = "pd"
source = "fm2.pd"
parameters = [{ name = "index" }, { name = "tone" }]
[fixed]
ratio = 40
"""


@pytest.mark.parametrize(
    ("toml", "there", "program"),
    [
        pytest.param(PLUGIN, AMSYNTH.exists(), "the plug-in amsynth", id="plugin"),
        pytest.param(PD, bool(shutil.which("pd")), "Pure Data", id="pd"),
    ],
)
def test_an_instrument_of_another_engine(tmp_path: Path, toml: str, there: bool, program: str):
    if not there:
        pytest.skip(f"needs {program}")
    synth = tmp_path / "synth"
    synth.mkdir()
    for file in (PATCHES / "fm" / "fm2").glob("*.pd"):
        shutil.copy(file, synth)
    note = "[note]\npitch = 57\nsustain_ms = 60\nrelease_ms = 20\n"
    (synth / "patch.toml").write_text(toml + note)
    folder = bare(tmp_path / "timbremap", flat_map(90.0))
    found = make_report(folder, TINY, synth)
    x, y = found["figures"]["steps"]["axes"]
    # The same parameters sound the same, whatever was played before; other ones do not.
    assert x["mean_db"] < 0.1 * y["mean_db"]
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert text.count("in a row of notes") == 2
    assert text.count("<audio") == 6 + 2

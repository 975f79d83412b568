"""The abstraction is run by Pure Data and held against the runtime."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

import timbremap_runtime as tm
from tests.support.exports import MAPS, Case, make_case
from tests.support.paths import LFO4, REPOSITORY
from tests.support.pd_layout import covered, outside, windows_of
from timbremap_runtime import DenseLayer
from timbremap_runtime.core.types import FloatArray
from timbremap_runtime.export import describe, write
from timbremap_runtime.export.pd_canvas import Canvas

WIDE = "more parameters than a formula has inlets"

needs_pd = pytest.mark.skipif(
    shutil.which("pd") is None, reason="Pure Data is not installed (Debian: puredata-core)"
)


def program(name: str, m: int, n: int, n_points: int) -> str:
    """Write a patch that maps a file of points and parameters into another one."""
    pd = Canvas((900, 900))
    start = pd.obj(20, 20, "t b b b b", pd.obj(20, 0, "loadbang"))
    arrays = [f"{kind}{i}" for kind in "cpab" for i in range(m if kind in "ca" else n)]
    # Points and parameters given; then parameters ("b") and points ("a") that come out.
    for i, array in enumerate(arrays):
        pd.obj(500, 30 * i, f"array define {array} {n_points}")
    given = " ".join(arrays[: m + n])
    file = pd.obj(20, 900, "soundfiler")
    pd.cord(pd.msg(20, 100, f"read given.wav {given}", (start, 3)), file)
    repeat = pd.obj(20, 160, "until", pd.msg(20, 130, str(n_points), (start, 2)))
    count = pd.obj(20, 220, "f 0", repeat)
    pd.cord(pd.obj(80, 220, "+ 1", count), (count, 1))
    at = pd.obj(20, 250, "t f f f f", count)
    mapping = pd.obj(20, 500, name)
    for side, (source, target, size, size_out) in enumerate((("c", "b", m, n), ("p", "a", n, m))):
        packed = pd.obj(20, 450, "pack" + " f" * size)
        index = pd.obj(20, 300, "t" + " f" * size, (at, 2 * side))
        for i in range(size):
            read = pd.obj(20, 400, f"tabread {source}{i}", (index, i))
            pd.cord(read, (packed, i))
        pd.cord(packed, (mapping, side))
        results = pd.obj(20, 600, "unpack" + " f" * size_out, (mapping, side))
        index = pd.obj(20, 300, "t" + " f" * size_out, (at, 2 * side + 1))
        for i in range(size_out):
            written = pd.obj(20, 700, f"tabwrite {target}{i}", (results, i))
            pd.cord((index, i), (written, 1))
    found = " ".join(arrays[m + n :])
    pd.cord(pd.msg(20, 800, f"write -wave -bytes 4 -nframes {n_points} found {found}"), file)
    pd.cord((start, 1), pd.n_boxes - 1)
    pd.msg(20, 850, "; pd quit", start)
    return pd.content()


def run(case: Case, folder: Path) -> tuple[FloatArray, ...]:
    """Map all of a case in Pure Data; return c, p(c), p and c(p), as float holds them."""
    for name, text in write(case.chain, "pd").items():
        (folder / name).write_text(text, encoding="utf-8")
    m, n = case.mapping.control_size, case.mapping.parameter_size
    given = np.hstack([case.c, case.p]).astype(np.float32)
    soundfile.write(folder / "given.wav", given, 44_100, subtype="FLOAT")
    (folder / "program.pd").write_text(program(case.chain.identifier, m, n, len(given)))
    command = ["pd", "-nogui", "-batch", "-noprefs", "-stderr", "-noaudio", "-open", "program.pd"]
    said = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    errors = [line for line in said.stderr.splitlines() if "biggest amplitude" not in line]
    assert not errors, said.stderr
    found = np.asarray(soundfile.read(folder / "found.wav", always_2d=True)[0], np.float64)
    given = given.astype(np.float64)
    # Arrays are written in the order of "a" (points), then "b" (parameters).
    return given[:, :m], found[:, m:], given[:, m:], found[:, :m]


@pytest.fixture(params=[*MAPS, WIDE])
def case(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Case:
    monkeypatch.setitem(MAPS, WIDE, ((3, 20), ("sigmoid",), "normal"))
    return make_case(request.param)


@needs_pd
def test_the_abstraction_maps_as_the_runtime_does(case: Case, tmp_path: Path):
    c, p_found, p, c_found = run(case, tmp_path)
    # Float costs up to 5e-5 of p, and 7e-6 of c behind one layer. An undone tanh makes more of
    # what is lost there: 5e-5.
    np.testing.assert_allclose(p_found, case.mapping.forward(c), rtol=0, atol=1e-4)
    exact = len(case.chain.steps) <= 2
    c_expected = case.mapping.inverse(p)
    np.testing.assert_allclose(c_found, c_expected, rtol=0, atol=1e-5 if exact else 1e-4)


@needs_pd
def test_no_name_breaks_the_abstraction(tmp_path: Path):
    case = make_case("one coordinate")
    names = ("a, f 5; #X obj 9 9 print $1;\n#X msg 5 5 \\;", "pd quit\\")
    chain = replace(case.chain, name="x;\n$0, \\; y", parameter_names=names)
    c, p_found, _, _ = run(case._replace(chain=chain), tmp_path)
    np.testing.assert_allclose(p_found, case.mapping.forward(c), rtol=0, atol=1e-4)
    text, _ = write(chain, "pd").values()
    assert not any(covered(window) or outside(window) for window in windows_of(text))


def test_a_person_can_read_it(case: Case):
    text, example = write(case.chain, "pd").values()
    windows = windows_of(text)
    assert len(windows) > 4
    for window in [*windows, *windows_of(example)]:
        assert covered(window) == [], window.name
        assert outside(window) == [], window.name
    # No outlet has two cords, so nothing depends on which was made first.
    for canvas in text.split("#X restore"):  # each ends with its own cords
        cords = [line.split() for line in canvas.splitlines() if line.startswith("#X connect")]
        outlets = [(box, outlet) for _, _, box, outlet, *_ in cords]
        assert len(set(outlets)) == len(outlets)


@needs_pd
def test_an_end_counts_where_no_other_layer_meets_one(tmp_path: Path):
    case = make_case("two layers")
    first, second = case.mapping.dense
    # So steep that a parameter at its end leaves all numbers between the layers inside theirs.
    steep = DenseLayer(second.weights * 20.0, second.biases, "sigmoid")
    flat = DenseLayer(first.weights * 0.1, first.biases, "tanh")
    mapping = tm.TimbreMap(case.mapping.vec_scale, (flat, steep), case.mapping.pca)
    chain = describe(mapping, "steep", case.chain.parameter_names, "0.0")
    _, _, p, c_found = run(Case(chain, mapping, case.c, case.p), tmp_path)
    np.testing.assert_allclose(c_found, mapping.inverse(p), rtol=0, atol=1e-4)


@needs_pd
def test_the_patch_of_the_page_prints_what_the_model_plays(tmp_path: Path):
    page = (REPOSITORY / "docs" / "export" / "pure_data.md").read_text(encoding="utf-8")
    patch = page[page.index("#N canvas") :].partition("```")[0]
    # Instead of the click.
    (tmp_path / "page.pd").write_text(f"{patch}#X obj 120 20 loadbang;\n#X connect 3 0 0 0;\n")
    mapping = tm.load(LFO4 / "models" / "fm")
    text, _ = write(describe(mapping, "fm", ["a", "b", "c", "d"], "0.0"), "pd").values()
    (tmp_path / "fm.pd").write_text(text, encoding="utf-8")
    command = ["pd", "-nogui", "-batch", "-noprefs", "-stderr", "-noaudio", "-open", "page.pd"]
    said = subprocess.run(
        [*command, "-send", "pd quit"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    what, *printed = said.stderr.split()
    assert what == "parameters:"
    np.testing.assert_allclose(
        [float(each) for each in printed], mapping.forward([0.2, 0.8, 0.5]), rtol=1e-5
    )


@needs_pd
def test_the_example_plays_what_the_sliders_say(tmp_path: Path):
    case = make_case("two layers")
    name = case.chain.identifier
    for file, text in write(case.chain, "pd").items():
        (tmp_path / file).write_text(text.replace(" dac~;", " heard;"), encoding="utf-8")
    heard = Canvas((400, 400))  # instead of a sound card, half a second of sound after as much
    into = heard.obj(20, 40, "tabwrite~ note", heard.obj(20, 10, "inlet~"))
    heard.obj(200, 10, "inlet~")
    heard.obj(20, 70, "array define note 22050")
    start = heard.obj(20, 100, "t b b b", heard.obj(20, 130, "loadbang"))
    heard.msg(20, 160, "; pd dsp 1", (start, 2))
    heard.cord(heard.msg(20, 190, "bang", heard.obj(20, 220, "del 500", (start, 1))), into)
    later = heard.obj(20, 250, "t b b", heard.obj(20, 280, "del 1100", start))
    written = heard.msg(20, 310, "write -wave -bytes 4 note.wav note", (later, 1))
    heard.obj(20, 340, "soundfiler", written)
    heard.msg(20, 370, "; pd quit", later)
    (tmp_path / "heard.pd").write_text(heard.content())
    command = ["pd", "-nogui", "-batch", "-noprefs", "-stderr", "-r", "44100"]
    said = subprocess.run(
        [*command, "-open", f"{name}_example.pd"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "create" not in said.stderr, said.stderr
    sound = soundfile.read(tmp_path / "note.wav")[0]
    partials = np.abs(np.fft.rfft(sound))[55 * np.arange(1, 7)] * 2 / len(sound)
    levels = case.mapping.forward([0.5, 0.5]) / 127 * 0.3 / 6
    np.testing.assert_allclose(partials, levels, rtol=1e-2, atol=1e-5)

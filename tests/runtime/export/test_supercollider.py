"""The function file is loaded by sclang, its UGens play in scsynth; both against the runtime."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

import timbremap_runtime as tm
from tests.support.exports import MAPS, N_POINTS, make_case
from tests.support.paths import LFO4, REPOSITORY
from timbremap_runtime.export import describe, write
from timbremap_runtime.export.chain import Chain

pytestmark = pytest.mark.slow

needs_sclang = pytest.mark.skipif(
    not shutil.which("sclang"),
    reason="SuperCollider is not installed (Debian: supercollider-language)",
)
needs_scsynth = pytest.mark.skipif(
    not (shutil.which("sclang") and shutil.which("scsynth")),
    reason="SuperCollider is not installed (Debian: supercollider-language, supercollider-server)",
)

WITHOUT_A_DISPLAY = {
    "QT_QPA_PLATFORM": "offscreen",
    "QTWEBENGINE_DISABLE_SANDBOX": "1",
    "QTWEBENGINE_CHROMIUM_FLAGS": "--no-sandbox",
}


def sclang(program: str, folder: Path) -> str:
    """Run a program in a folder; return what it printed after the greeting."""
    file = folder / "program.scd"
    # What goes wrong must not leave sclang waiting.
    file.write_text(f"try {{\n{program}\n}} {{ |error| error.reportError }};\n0.exit;\n")
    said = subprocess.run(
        ["sclang", str(file)],
        cwd=folder,
        env={**os.environ, **WITHOUT_A_DISPLAY, "HOME": str(folder)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    ).stdout
    assert "ERROR" not in said, said
    return said.partition("Welcome to SuperCollider")[2].partition("\n")[2]


def save(chain: Chain, folder: Path) -> Path:
    for name, text in write(chain, "supercollider").items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder / f"{chain.identifier}.scd"


@needs_sclang
def test_the_file_maps_as_the_runtime_does(tmp_path: Path):
    cases = {name: make_case(name) for name in MAPS}
    lines: list[str] = []
    for i, case in enumerate(cases.values()):
        file = save(case.chain, tmp_path)
        lines.append(f'map = "{file}".load;')
        for direction, given in (("forward", case.c), ("inverse", case.p)):
            (tmp_path / f"{direction}{i}.given").write_bytes(given.tobytes())
            lines.append(f"mapAll.(map, \\{direction}, {i}, {given.shape[1]});")
    program = f"""\
var map, mapAll = {{ |map, direction, i, size|
    var name = direction.asString ++ i;
    var given = File(name ++ ".given", "rb"), found = File(name ++ ".found", "wb");
    {N_POINTS}.do {{
        var x = {{ given.getDoubleLE }} ! size;
        map.perform(direction, x).do {{ |y| found.putDoubleLE(y) }};
    }};
    [given, found].do(_.close);
}};
"""
    sclang(program + "\n".join(lines), tmp_path)
    for i, (name, case) in enumerate(cases.items()):
        p, c = (
            np.fromfile(tmp_path / f"{direction}{i}.found").reshape(N_POINTS, -1)
            for direction in ("forward", "inverse")
        )
        np.testing.assert_allclose(p, case.mapping.forward(case.c), rtol=0, atol=1e-9, err_msg=name)
        np.testing.assert_allclose(
            c, case.mapping.inverse(case.p), rtol=0, atol=1e-12, err_msg=name
        )


@needs_scsynth
def test_its_ugens_map_as_the_runtime_does(tmp_path: Path):
    """Every sample is a control block, so that each point is mapped."""
    cases = {name: make_case(name) for name in MAPS}
    lines: list[str] = []
    for case in cases.values():
        file, m = save(case.chain, tmp_path), case.chain.control_size
        soundfile.write(
            tmp_path / f"{case.chain.identifier}.wav", case.c, 44_100, subtype="FLOAT", format="WAV"
        )
        lines.append(f"""\
map = "{file}".load;
Score([
    [0.0, [\\d_recv, SynthDef(\\map, {{
        Out.ar(0, K2A.ar(map.forward(A2K.kr(SoundIn.ar((0..{m - 1})).asArray))))
    }}).asBytes]],
    [0.0, [\\s_new, \\map, 1000, 0, 0]],
    [{(N_POINTS + 8) / 44_100}, [\\c_set, 0, 0]]
]).writeOSCFile("{file.with_suffix(".osc")}");""")
    sclang("var map;\n" + "\n".join(lines), tmp_path)
    for name, case in cases.items():
        n, stem = case.chain.parameter_size, case.chain.identifier
        command = ["scsynth", "-i", str(case.chain.control_size), "-o", str(n), "-z", "1"]
        command += [
            "-N",
            f"{stem}.osc",
            f"{stem}.wav",
            f"{stem}.found.wav",
            "44100",
            "WAV",
            "float",
        ]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=60)
        found = soundfile.read(tmp_path / f"{stem}.found.wav", always_2d=True)[0]
        expected = case.mapping.forward(case.c.astype(np.float32).astype(np.float64))
        # K2A arrives at a value one sample later.
        np.testing.assert_allclose(
            found[1 : N_POINTS + 1], expected, rtol=1e-5, atol=5e-4, err_msg=name
        )


@needs_sclang
def test_no_name_breaks_the_file(tmp_path: Path):
    case = make_case("one coordinate")
    names = ('a "b" \\n', "Größe\n// %")
    chain = replace(case.chain, name='x"; 0.exit; //\n\\', parameter_names=names)
    file = save(chain, tmp_path)
    program = f"""\
var map = "{file}".load;
File.use("names", "wb", {{ |written|
    ([map[\\name]] ++ map[\\names]).do {{ |each| written << each << 0.asAscii }}
}});
"""
    sclang(program, tmp_path)
    written = (tmp_path / "names").read_text(encoding="utf-8").split("\0")
    assert written == [chain.name, *names, ""]


@needs_scsynth
def test_the_example_plays_what_the_point_says(tmp_path: Path):
    case = make_case("two layers")
    save(case.chain, tmp_path)
    example = tmp_path / f"{case.chain.identifier}_example.scd"
    text = example.read_text(encoding="utf-8")
    # Without a mouse, and faster than time.
    for live, here in (
        ("MouseX.kr", "DC.kr(0.2)"),
        ("MouseY.kr", "DC.kr(0.8)"),
        ("s.waitForBoot {", "~note = value {"),
        (".play;", ".asSynthDef(name: \\note);"),
    ):
        assert text.count(live) == 1
        text = text.replace(live, here)
    example.write_text(text, encoding="utf-8")
    sclang(
        f"""\
thisProcess.interpreter.executeFile("{example}");
Score([
    [0.0, [\\d_recv, ~note.asBytes]],
    [0.0, [\\s_new, \\note, 1000, 0, 0]],
    [1.0, [\\c_set, 0, 0]]
]).writeOSCFile("{tmp_path}/note.osc");""",
        tmp_path,
    )
    command = "scsynth -o 2 -N note.osc _ note.wav 44100 WAV float".split()
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=60)
    sound = soundfile.read(tmp_path / "note.wav")[0][22_050:44_100, 0]
    n = case.chain.parameter_size
    partials = np.abs(np.fft.rfft(sound))[55 * np.arange(1, n + 1)] * 2 / len(sound)
    levels = case.mapping.forward([0.2, 0.8]) / 127 * 0.3 / n
    np.testing.assert_allclose(partials, levels, atol=1e-5)


@needs_sclang
def test_the_lines_of_the_page_run(tmp_path: Path):
    page = (REPOSITORY / "docs" / "export" / "supercollider.md").read_text(encoding="utf-8")
    lines = page.partition("```supercollider\n")[2].partition("```")[0].splitlines()
    mapping = tm.load(LFO4 / "models" / "fm")
    save(describe(mapping, "fm", ["rate", "duty", "shape", "depth"], "0.0"), tmp_path)
    loaded, *asked = lines
    program = [loaded, *(f"{line.partition(';')[0]}.postln;" for line in asked)]
    p, c = (
        [float(number) for number in line.strip("[ ]").split(",")]
        for line in sclang("\n".join(program), tmp_path).splitlines()
        if line.startswith("[")
    )
    np.testing.assert_allclose(p, mapping.forward([0.2, 0.8, 0.5]), rtol=1e-9)
    np.testing.assert_allclose(c, mapping.inverse([20, 120, 90, 90]), rtol=1e-9)

"""The header is compiled by the system's compiler and held against the runtime."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support.exports import MAPS, Case, make_case
from timbremap_runtime.export import write

WARNINGS = ["-O2", "-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror"]
DOUBLE_P, DOUBLE_C = 1e-9, 1e-12
"""Differences of roundings; p is up to 127, and of a map without limits some hundreds."""
FLOAT_P, FLOAT_C = 5e-3, 1e-4
"""Float has 24 bits: a rounding of c near its end is many of them in Φ⁻¹(c)."""

PROGRAM = """\
#include <stdio.h>
#include "{name}.h"

int main(int argc, char **argv)
{{
    const int forward = argc > 1 && argv[1][0] == 'f';
    const size_t n_in = forward ? {m} : {n}, n_out = forward ? {n} : {m};
    double x[{n}], y[{n}];
    float xf[{n}], yf[{n}];
    size_t i;
    while (fread(x, sizeof *x, n_in, stdin) == n_in) {{
        for (i = 0; i < n_in; i++)
            xf[i] = (float)x[i];
        if (forward) {{
            {name}_forward(x, y);
            {name}_forwardf(xf, yf);
        }} else {{
            {name}_inverse(x, y);
            {name}_inversef(xf, yf);
        }}
        fwrite(y, sizeof *y, n_out, stdout);
        for (i = 0; i < n_out; i++)
            y[i] = (double)yf[i];
        fwrite(y, sizeof *y, n_out, stdout);
    }}
    return {name}_names[0] == 0;
}}
"""

needs_compiler = pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler (cc)")


def build(case: Case, folder: Path, compiler: list[str]) -> Path:
    """Compile a program that maps what it reads."""
    for name, text in write(case.chain, "c").items():
        (folder / name).write_text(text, encoding="utf-8")
    chain = case.chain
    source = folder / "program.c"
    sizes = {"m": chain.control_size, "n": chain.parameter_size}
    source.write_text(PROGRAM.format(name=chain.identifier, **sizes))
    program = folder / "program"
    subprocess.run([*compiler, *WARNINGS, source, "-o", program, "-lm"], check=True)
    return program


@needs_compiler
@pytest.mark.parametrize("name", MAPS)
def test_the_header_maps_as_the_runtime_does(name: str, tmp_path: Path):
    case = make_case(name)
    compiler = ["cc", "-std=c99", "-fsanitize=undefined,address", "-fno-sanitize-recover=all"]
    program = build(case, tmp_path, compiler)
    for direction, given, expected, double, single in (
        ("forward", case.c, case.mapping.forward(case.c), DOUBLE_P, FLOAT_P),
        ("inverse", case.p, case.mapping.inverse(case.p), DOUBLE_C, FLOAT_C),
    ):
        said = subprocess.run(
            [program, direction], input=given.tobytes(), capture_output=True, check=True
        ).stdout
        in_double, in_float = np.frombuffer(said).reshape(len(given), 2, -1).swapaxes(0, 1)
        np.testing.assert_allclose(in_double, expected, rtol=0, atol=double)
        # At the ends of the normal scale and of an activation float has few digits left.
        np.testing.assert_allclose(in_float, expected, rtol=1e-4, atol=single)


@pytest.mark.skipif(not shutil.which("c++"), reason="needs a C++ compiler (c++)")
def test_it_is_cpp_too(tmp_path: Path):
    build(make_case("two layers"), tmp_path, ["c++", "-x", "c++", "-std=c++11"])


@needs_compiler
def test_the_example_prints_parameters_and_plays_them(tmp_path: Path):
    case = make_case("normal")
    for name, text in write(case.chain, "c").items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    program = tmp_path / "example"
    name = case.chain.identifier
    source = tmp_path / f"{name}_example.c"
    subprocess.run(["cc", *WARNINGS, source, "-o", program, "-lm"], check=True)
    said = subprocess.run(
        [program], input="0.2 0.8 0.5\n", text=True, capture_output=True, check=True
    ).stdout
    expected = case.mapping.forward([0.2, 0.8, 0.5])
    names = case.chain.parameter_names
    wanted = "  ".join(f"{n} {value:.3f}" for n, value in zip(names, expected, strict=True))
    assert said == wanted + "\n"

    subprocess.run([program, "note.wav", "0.2", "0.8", "0.5"], cwd=tmp_path, check=True)
    sound, rate = soundfile.read(tmp_path / "note.wav")
    assert (sound.shape, rate) == ((44_100,), 44_100)
    # Each parameter is the loudness of a partial; at half a second it has died away to the half.
    middle = sound[20_050:24_060]
    partials = np.abs(np.fft.rfft(middle))[10 * np.arange(1, 10)] * 2 / len(middle)
    np.testing.assert_allclose(partials, expected / 127 * 0.3 / 9 / 2, rtol=0.05, atol=1e-4)

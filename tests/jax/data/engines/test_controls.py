"""Values that an instrument's controls do not take, and names that could mean two of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from timbremap_jax.data.engines import open_engine
from timbremap_jax.data.engines.controls import Control
from timbremap_jax.data.patch import load_patch
from timbremap_jax.data.render.generate import generate
from timbremap_jax.data.render.sampling import GenerateSettings
from timbremap_runtime.errors import FormatError

AMSYNTH = Path("/usr/lib/vst/amsynth_vst.so")

TWO = """
freq = hslider("freq", 220, 20, 2000, 0.01); gain = hslider("gain", 0.5, 0, 1, 0.01);
one = hgroup("osc1", hslider("level", 0, 0, 100, 0.01));
two = hgroup("osc2", hslider("level", 0, 0, 100, 0.01) + hslider("tone", 0, 0, 3, 1));
process = (one - two) / 200 * gain * button("gate") + 1e-9 * freq;
"""


def faust(folder: Path, parameters: str, more: str = "", source: str = TWO) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "two.dsp").write_text(source)
    header = 'name = "two"\nengine = "faust"\nsource = "two.dsp"\n'
    (folder / "patch.toml").write_text(f"{header}parameters = [{parameters}]\n{more}")
    return folder


@pytest.mark.parametrize("path", ["osc1/level", "/osc1/level", "/dawdreamer/osc1/level"])
def test_a_control_is_named_by_its_path(tmp_path: Path, path: str):
    parameters = f'{{ name = "a", control = "{path}", range = [0, 100] }}'
    patch = load_patch(faust(tmp_path, parameters, '[fixed]\n"osc2/level" = 30\n'))
    engine = open_engine(patch)
    for value, expected in ((127, 70), (0, -30)):
        sound = engine.render([value], patch.note.with_changes(velocity=127))
        assert sound[1000] == pytest.approx(expected / 200, abs=1e-5)


@pytest.mark.parametrize(
    ("parameters", "more", "problem"),
    [
        (
            '{ name = "a", control = "level", range = [0, 100] }',
            "",
            r"'level' is the label of 2 controls of .*two\.dsp; give the path of one:"
            " osc1/level, osc2/level",
        ),
        (
            '{ name = "a", control = "osc1/level" }',
            "",
            r"'range' of 'a' is \[0, 127\], but the control 'osc1/level' goes from 0 to 100",
        ),
        (
            '{ name = "a", control = "tone", range = [-1, 3] }',
            "",
            r"is \[-1, 3\], but the control 'tone' goes from 0 to 3; give a range within that",
        ),
        (
            '{ name = "a", control = "tone", range = [3, 0] }',
            '[fixed]\n"osc1/level" = 101',
            r"\[fixed\] sets 'osc1/level' to 101, but it goes from 0 to 100",
        ),
        (
            '{ name = "a", control = "tone", range = [0, 3] }',
            '[fixed]\n"osc2/tone" = 1',
            "'tone' and 'osc2/tone' are the same control",
        ),
        (
            '{ name = "a", control = "osc3/level", range = [0, 1] }',
            "",
            "the control 'osc3/level', which is not there; there are freq, gain, gate, osc1/level,"
            " osc2/level, tone",
        ),
    ],
)
def test_a_description_that_cannot_be_meant_is_refused(
    tmp_path: Path, parameters: str, more: str, problem: str
):
    patch = load_patch(faust(tmp_path / "p", parameters, more))
    with pytest.raises(FormatError, match=rf"patch\.toml: .*{problem}"):
        generate(patch, tmp_path / "data", GenerateSettings(2))
    assert not (tmp_path / "data").exists()


def test_two_controls_of_one_path_cannot_be_told_apart(tmp_path: Path):
    source = TWO.replace("osc2", "osc1")
    parameters = '{ name = "a", control = "osc1/level", range = [0, 100] }'
    try:
        open_engine(load_patch(faust(tmp_path, parameters, source=source)))
    except FormatError as error:
        assert "osc1/level" in str(error)
    else:
        pytest.fail("the second of two controls was taken for both")


def test_a_range_may_run_to_the_ends_in_single_precision():
    control = Control("x", float(np.float32(0.1)), float(np.float32(0.7)))
    assert control.takes(0.1) and control.takes(0.7)
    assert not control.takes(0.09) and not control.takes(0.71)


@pytest.mark.skipif(not AMSYNTH.exists(), reason="amsynth is not installed (Debian: amsynth)")
@pytest.mark.parametrize(
    ("values", "more", "problem"),
    [
        ("range = [20, 100]", "", r"'range' of 'cutoff' is \[20, 100\], but the control"),
        ("range = [0.2, 1.0]", "[fixed]\nfilter_resonance = 50", "sets 'filter_resonance' to 50"),
    ],
)
def test_a_plugin_takes_0_to_1(tmp_path: Path, values: str, more: str, problem: str):
    parameter = f'{{ name = "cutoff", control = "filter_cutoff", {values} }}'
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "patch.toml").write_text(
        f'name = "a"\nengine = "plugin"\nsource = "{AMSYNTH}"\nparameters = [{parameter}]\n{more}'
    )
    with pytest.raises(FormatError, match=f"{problem}.* from 0 to 1;"):
        generate(load_patch(tmp_path / "p"), tmp_path / "data", GenerateSettings(2))
    assert not (tmp_path / "data").exists()

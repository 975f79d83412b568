"""Library and instrument are compiled by DawDreamer's Faust and held against the runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from timbremap_cli import export

import timbremap_runtime as tm
from tests.support.exports import MAPS, make_case
from tests.support.paths import LFO4
from timbremap_jax.data.patch import SAMPLE_RATE, Note, load_patch
from timbremap_runtime.export import describe, write

dawdreamer: Any = pytest.importorskip("dawdreamer", reason="needs DawDreamer")

BLOCK_SIZE = 32


@pytest.mark.parametrize("name", MAPS)
def test_the_library_maps_as_the_runtime_does(name: str):
    case = make_case(name)
    (library,) = write(case.chain, "faust").values()
    given = case.c.astype(np.float32)
    renderer = dawdreamer.RenderEngine(SAMPLE_RATE, 512)
    points = renderer.make_playback_processor("points", given.T)
    faust = renderer.make_faust_processor("map")
    faust.set_dsp_string(library + "\nprocess = parameters;")
    faust.compile()
    renderer.load_graph([(points, []), (faust, ["points"])])
    renderer.render((len(given) + 0.5) / SAMPLE_RATE)
    p = renderer.get_audio().T[: len(given)]
    # The coordinates as float holds them: near an end that alone moves p by a thousandth.
    expected = case.mapping.forward(given.astype(np.float64))
    np.testing.assert_allclose(p, expected, rtol=1e-4, atol=2e-3)


def play(source: Path, controls: dict[str, float], note: Note) -> NDArray[np.float32]:
    """Play a note after a second in which smoothed knobs arrive."""
    renderer = dawdreamer.RenderEngine(SAMPLE_RATE, BLOCK_SIZE)
    voice = renderer.make_faust_processor("voice")
    voice.set_dsp(str(source))
    voice.compile()
    paths = [each["name"] for each in voice.get_parameters_description()]
    addresses = {path.rpartition("/")[2]: path for path in paths}
    controls = {**controls, "freq": note.frequency_hz, "gain": note.velocity / 127}
    for name, value in controls.items():
        voice.set_parameter(addresses[name], value)
    n_before, n_samples = 1400 * BLOCK_SIZE, note.n_samples(SAMPLE_RATE)
    gate = np.zeros(n_before + n_samples, np.float32)
    gate[n_before : n_before + round(note.sustain_ms * SAMPLE_RATE / 1000)] = 1.0
    voice.set_automation(addresses["gate"], gate)
    renderer.load_graph([(voice, [])])
    renderer.render((len(gate) + 0.5) / SAMPLE_RATE)
    return renderer.get_audio()[0, n_before : len(gate)]


@pytest.mark.parametrize("variant", ["fm", "am"])
def test_the_instrument_sounds_as_the_voice_set_from_python(
    variant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    patch = load_patch(LFO4, variant)
    mapping = tm.load(LFO4 / "models" / variant)
    chain = describe(mapping, variant, patch.parameter_names, "0.0")
    for name, text in write(chain, "faust", export.voice_of(patch)).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)  # where Faust looks for the voice
    point = [0.2, 0.8, 0.5]
    said = play(tmp_path / f"{variant}.dsp", dict(zip("xyz", point, strict=True)), patch.note)
    controls = patch.control_values(mapping.forward(point).tolist())
    expected = play(tmp_path / "lfo4.dsp", controls, patch.note)
    peak = np.abs(expected).max()
    assert peak > 0.1
    # What float leaves of the smoothing moves the LFO's phase a little: 40 dB below the sound.
    np.testing.assert_allclose(said, expected, rtol=0, atol=0.01 * peak)


def test_a_voice_of_other_parameters_is_refused():
    voice = export.voice_of(load_patch(LFO4, "fm"))
    with pytest.raises(tm.SettingsError, match=r"4 learned parameters, but .* has 9"):
        write(make_case("normal").chain, "faust", voice)

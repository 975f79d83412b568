"""What Faust compiled is packed for a page: the same bytes each time, nothing of this machine."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

import timbremap_runtime as tm
from tests.support.paths import LFO4
from timbremap_jax.data.engines.faust_wasm import compile_module, digest_of, module_of, voice_of
from timbremap_jax.data.patch import Patch, load_patch
from timbremap_runtime.export.voice import VoiceControl
from timbremap_runtime.export.wasm import instrument, pack, unpack

GROUPS = """
freq = nentry("freq", 100, 20, 4000, 1);
gain = nentry("gain", 1, 0, 1, 0.01);
one = vgroup("one", hslider("level", 0, 0, 1, 0.01));
two = vgroup("two", hslider("level", 0, 0, 1, 0.01));
process = button("gate") * gain * freq / 4000 <: *(one), *(two);
"""


def write_patch(folder: Path, text: str, control: str = "one/level") -> Patch:
    (folder / "voice.dsp").write_text(text)
    (folder / "patch.toml").write_text(
        'name = "voice"\nengine = "faust"\nsource = "voice.dsp"\n'
        f'parameters = [{{ name = "level", control = "{control}", range = [0, 1], steps = 3 }}]\n'
    )
    return load_patch(folder)


def test_the_same_source_gives_the_same_bytes_without_a_path_of_this_machine():
    pytest.importorskip("dawdreamer", reason="needs DawDreamer")
    patch = load_patch(LFO4)
    module = compile_module(patch)
    assert compile_module(patch) == module
    assert str(LFO4).encode() not in module and b".lib" not in module
    program = unpack(module)
    assert program.source == digest_of(patch)
    assert (program.inputs, program.outputs) == (0, 1)
    assert len({"/lfo4/freq", "/lfo4/gate", "/lfo4/fm_depth"} & set(program.controls)) == 3


def test_controls_are_found_by_name_or_by_path(tmp_path: Path):
    pytest.importorskip("dawdreamer", reason="needs DawDreamer")
    voice = voice_of(write_patch(tmp_path, GROUPS))
    found = instrument(voice)
    places = unpack(voice.wasm).controls
    assert found["outputs"] == 2
    assert found["controls"] == [
        {"index": places["/dawdreamer/one/level"], "low": 0.0, "high": 1.0, "steps": 3}
    ]
    with pytest.raises(tm.FormatError, match="2 controls are named 'level'"):
        instrument(replace(voice, controls=(VoiceControl("level"),)))
    with pytest.raises(tm.FormatError, match=r"0 controls are named 'depth'.*/one/level"):
        instrument(replace(voice, controls=(VoiceControl("depth"),)))


def test_what_does_not_compile_is_named(tmp_path: Path):
    pytest.importorskip("dawdreamer", reason="needs DawDreamer")
    with pytest.raises(tm.FormatError, match=r"voice\.dsp: does not compile: .*sawtooth"):
        compile_module(write_patch(tmp_path, "process = sawtooth;"))


def test_without_a_compiler_a_module_that_fits_still_plays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name in ("dawdreamer", "dawdreamer.faust", "dawdreamer.faust.box"):
        monkeypatch.setitem(sys.modules, name, None)
    assert module_of(load_patch(LFO4)) == (LFO4 / "lfo4.wasm").read_bytes()
    patch = write_patch(tmp_path, GROUPS)
    with pytest.raises(tm.MissingExtra, match=r"timbremap\[render\]"):
        module_of(patch)
    (tmp_path / "voice.wasm").write_bytes((LFO4 / "lfo4.wasm").read_bytes())  # of another source
    with pytest.raises(tm.MissingExtra):
        module_of(patch)


@pytest.mark.parametrize(
    "module", [b"", b"\0asm", b"\0asm\x01\0\0\0\x00", b"\0asm\x01\0\0\0\x00\x7f"]
)
def test_what_is_no_voice_is_refused(module: bytes):
    with pytest.raises(tm.FormatError):
        unpack(module)
    with pytest.raises(tm.FormatError):
        pack(module, "")

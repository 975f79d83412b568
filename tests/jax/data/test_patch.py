from __future__ import annotations

from pathlib import Path

import pytest

from timbremap_jax.data.patch import Note, load_patch
from timbremap_runtime.errors import FormatError, PathError, SettingsError

PATCH = """
name = "tiny"
engine = "faust"
source = "tiny.dsp"
[note]
pitch = 60
[[parameters]]
name = "one"
control = "a"
[[parameters]]
name = "two"
[fixed]
cutoff = 80
[variants.x]
controls = { two = "b" }
[variants.y]
controls = { two = "c" }
fixed = { cutoff = 20, width = 3 }
"""


def write(folder: Path, text: str) -> Path:
    (folder / "tiny.dsp").touch()
    (folder / "patch.toml").write_text(text)
    return folder


def test_the_first_variant_is_the_default(tmp_path: Path):
    patch = load_patch(write(tmp_path, PATCH))
    assert patch.variant == "x"
    assert [p.control for p in patch.parameters] == ["a", "b"]
    assert patch.fixed == {"cutoff": 80}
    assert patch.note == Note(pitch=60)


def test_a_variant_drives_its_own_control_and_adds_its_fixed_values(tmp_path: Path):
    patch = load_patch(write(tmp_path, PATCH), "y")
    assert [p.control for p in patch.parameters] == ["a", "c"]
    assert patch.fixed == {"cutoff": 20, "width": 3}


def test_note_69_is_440_hz():
    assert Note(pitch=69).frequency_hz == 440
    assert Note(pitch=57).frequency_hz == pytest.approx(220)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("name =", "name !"), "not valid TOML"),
        (('name = "tiny"\n', ""), "'name' is missing"),
        (('source = "tiny.dsp"', "source = 3"), "'source' should be text in quotes, not 3"),
        (("pitch = 60", "pitch = 200"), "pitch is 200"),
        (("pitch = 60", "pitsch = 60"), r"\[note\] has no 'pitsch'; known are pitch"),
        (("pitch = 60", 'pitch = "C"'), "'pitch' should be a whole number, not 'C'"),
        (("pitch = 60", "pitch = 57.9"), "'pitch' should be a whole number, not 57.9"),
        (("pitch = 60", "sustain_ms = inf"), "sustain is inf ms"),
        (('control = "a"', "range = [0, nan]"), "'range' of 'one' should be two different numbers"),
        (("cutoff = 80", 'cutoff = "high"'), "'cutoff' should be a number, not 'high'"),
        (('control = "a"', 'control = "b"'), "'b' is driven by two parameters"),
        (('name = "two"', 'name = "one"\ncontrol = "d"'), "'one' is named by two"),
        (('two = "b"', 'too = "b"'), "'controls' of the variant has no 'too'"),
        (('control = "a"', "control = 3"), "'control' should be text in quotes, not 3"),
        (("cutoff = 80", "a = 80"), r"'a' is learned, so it cannot be \[fixed\] too"),
        (('control = "a"', "range = [0]"), "'range' of 'one' should be two different numbers"),
        (('control = "a"', "range = [1, 1]"), "'range' of 'one' should be two different numbers"),
        (('control = "a"', "steps = 1"), "'steps' of 'one' should be a whole number from 2 to 128"),
        (("engine", "engin"), "an instrument has no 'engin'"),
    ],
)
def test_a_mistake_is_named_with_its_file(tmp_path: Path, change: tuple[str, str], message: str):
    with pytest.raises(FormatError, match=message) as caught:
        load_patch(write(tmp_path, PATCH.replace(*change, 1)))
    assert "patch.toml" in str(caught.value)


def test_an_unknown_variant_lists_those_there_are(tmp_path: Path):
    with pytest.raises(SettingsError, match="no variant 'z'; it has x, y"):
        load_patch(write(tmp_path, PATCH), "z")


def test_a_folder_without_patch_toml_is_named(tmp_path: Path):
    with pytest.raises(PathError, match=r"patch\.toml: no such file"):
        load_patch(tmp_path)


def test_a_missing_source_is_named(tmp_path: Path):
    write(tmp_path, PATCH)
    (tmp_path / "tiny.dsp").unlink()
    with pytest.raises(PathError, match=r"tiny\.dsp: no such file"):
        load_patch(tmp_path)

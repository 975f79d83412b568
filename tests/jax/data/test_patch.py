from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from timbremap_jax.data.engines import open_engine
from timbremap_jax.data.patch import Note, load_patch
from timbremap_runtime.errors import FormatError, PathError, SettingsError, TimbreMapError

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
        (('control = "a"', "unit = 3"), "'unit' should be text in quotes, not 3"),
        (("engine", "engin"), "an instrument has no 'engin'"),
        (
            ('control = "a"', "range = [0, 1e39]"),
            "'range' of 'one' should be two different numbers",
        ),
        (('control = "a"', f"range = [0, {10**400}]"), "'range' of 'one' should be two different"),
        (("cutoff = 80", "cutoff = nan"), "'cutoff' should be a number, not nan"),
        (("cutoff = 80", f"cutoff = {10**400}"), "'cutoff' should be a number, not 1"),
        (('control = "a"', 'type = "int"'), "parameter 'one' has no 'type'"),
        (("[fixed]", "x = " + "[" * 5000), "not valid TOML"),
        (('"tiny.dsp"', '"tiny.dsp\\u0000"'), "'source' contains a null character"),
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


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-8"])
def test_any_unicode_that_an_editor_saves_is_read(tmp_path: Path, encoding: str):
    text = PATCH.replace("one", "Höhe").replace("\n", "\r\n")
    write(tmp_path, "")
    (tmp_path / "patch.toml").write_bytes(text.encode(encoding))
    assert load_patch(tmp_path).parameter_names == ("Höhe", "two")


def test_other_encodings_are_named_with_their_line(tmp_path: Path):
    write(tmp_path, "")
    (tmp_path / "patch.toml").write_bytes(PATCH.replace("one", "Höhe").encode("latin-1"))
    with pytest.raises(FormatError, match=r"patch\.toml: line 8 is not UTF-8 text; save the file"):
        load_patch(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names of files are text")
def test_a_folder_whose_name_is_not_text_is_read(tmp_path: Path):
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    folder.mkdir()
    assert load_patch(write(folder, PATCH)).folder == folder


VOICE = """
freq = hslider("freq", 220, 20, 2000, 1); gain = hslider("gain", 1, 0, 1, 1);
process = (hslider("a", 64, 0, 127, 1) + hslider("b", 64, 0, 127, 1) + hslider("c", 64, 0, 127, 1)
  + hslider("cutoff", 64, 0, 127, 1) + hslider("width", 64, 0, 127, 1)) / 999
  * gain * button("gate") + 1e-9 * freq;
"""


def test_of_a_mutated_description_comes_an_instrument_or_one_line(tmp_path: Path):
    write(tmp_path, "")
    (tmp_path / "tiny.dsp").write_text(VOICE)
    generator = np.random.default_rng(0)
    words: list[str] = re.split(r'(\s+|[=,"{}\[\]])', PATCH)
    pieces = [*"[]\"{}='/\\\n\0é", "..", "-1", "1e999", "inf", "nan", "true", str(10**30), "0x7f"]
    pieces += ['""', "[]", "1979-05-27", "[[parameters]]", "[note]", "[faust]", "[osc]"]
    pieces += [" ", "\n", "\n# a note\n", "60", "1.5", "c"] * 5
    pieces += ["steps = 2", 'engine = "pd"', 'engine = "osc"', 'engine = "plugin"']
    n_good = 0
    for _ in range(600):
        if generator.random() < 0.3:  # bytes
            content = bytearray(PATCH.encode())
            for _ in range(generator.integers(1, 4)):
                content[generator.integers(len(content))] = generator.integers(256)
        else:  # words put in, taken out, doubled
            mutated = list(words)
            for _ in range(generator.integers(1, 3)):
                at = generator.integers(len(mutated))
                piece = generator.choice(pieces)
                mutated[at : at + generator.integers(2)] = [str(piece)]
            content = "".join(mutated).encode()
        (tmp_path / "patch.toml").write_bytes(bytes(content))
        try:
            patch = load_patch(tmp_path)
            if patch.engine != "faust":
                continue
            open_engine(patch)
        except TimbreMapError as error:
            assert "\n" not in str(error)
            continue
        n_good += 1
        assert patch.parameters and set(patch.controls) <= {*"abc", "cutoff", "width"}
        assert all(0 <= v <= 127 for p in patch.parameters for v in (p.low, p.high))

    assert 30 < n_good < 500

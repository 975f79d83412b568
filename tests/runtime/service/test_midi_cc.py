from __future__ import annotations

import pytest
from mido import Message

from tests.support.midi import bend, control, feed, poly_pressure, pressure
from timbremap_runtime.errors import SettingsError
from timbremap_runtime.service.midi_cc import CcDecoder


def test_ccs_move_the_coordinates():
    decoder = CcDecoder([1, -1, -2])
    assert feed(decoder, control(5, 1, 127)) == pytest.approx((1.0, 0.5, 0.5))
    assert feed(decoder, bend(0, -1.0)) == pytest.approx((1.0, 0.0, 0.5))
    assert feed(decoder, pressure(0, 127)) == pytest.approx((1.0, 0.0, 1.0))
    assert feed(decoder, poly_pressure(0, 60, 0)) == pytest.approx((1.0, 0.0, 0.0))
    assert feed(decoder, control(5, 2, 127)) is None
    assert feed(decoder, Message("clock"), Message("sysex", data=[1, 2])) is None


def test_they_are_read_from_a_line():
    assert CcDecoder.from_text("1,2, 11").ccs == [1, 2, 11]
    assert CcDecoder.from_text("bend,74,pressure").ccs == [-1, 74, -2]
    assert CcDecoder.from_text("-1,74,-2").ccs == [-1, 74, -2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1,1", "CC 1 is given twice"),
        ("bend,2,-1", "pitch bend is given twice"),
        ("1,200", "no CC 200; use 0 to 127"),
        ("1,two", "not CCs; use numbers"),
        ("1,,2", "not CCs; use numbers"),
    ],
)
def test_what_cannot_be_is_refused(text: str, said: str):
    with pytest.raises(SettingsError, match=f"--midi-cc {text}: {said}"):
        CcDecoder.from_text(text)

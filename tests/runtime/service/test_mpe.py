from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from mido import Message, Parser

from tests.support.midi import bend, control, feed, off, on, poly_pressure, pressure, rpn
from timbremap_runtime.errors import SettingsError
from timbremap_runtime.service.mpe import MpeDecoder

MIDDLE = 64 / 127
"""Of y, before a controller says otherwise."""


def test_bend_cc_74_and_pressure_are_x_y_and_z():
    decoder = MpeDecoder()
    frame = feed(decoder, on(1), bend(1, 0.5), control(1, 74, 127), pressure(1, 64))
    assert frame == pytest.approx((0.75, 1.0, 64 / 127))
    assert feed(decoder, bend(1, -1.0)) == pytest.approx((0.0, 1.0, 64 / 127))


def test_the_latest_note_that_sounds_is_followed():
    decoder = MpeDecoder()
    feed(decoder, on(1), bend(1, 0.5), on(2, 64), bend(2, -0.5))
    assert feed(decoder, pressure(1, 127)) is None  # the first note is under the second
    assert feed(decoder, pressure(2, 127)) == pytest.approx((0.25, MIDDLE, 1.0))


def test_a_released_note_gives_the_frame_back_to_the_one_still_held():
    decoder = MpeDecoder()
    feed(decoder, on(1), bend(1, 0.5), pressure(1, 100), on(2, 64), bend(2, -0.5))
    # At once: a finger that lies still sends nothing, and the sound would stay where the finger
    # that is gone has left it.
    assert feed(decoder, off(2, 64)) == pytest.approx((0.75, MIDDLE, 100 / 127))
    assert feed(decoder, bend(2, 0.1)) is None  # what a released finger still sends
    assert feed(decoder, bend(1, 0.25)) == pytest.approx((0.625, MIDDLE, 100 / 127))
    # After the last note the point stays, and pressure is gone.
    assert feed(decoder, off(1)) == pytest.approx((0.625, MIDDLE, 0.0))


def test_a_zone_that_shrinks_gives_the_frame_back_too():
    decoder = MpeDecoder()
    feed(decoder, on(1), bend(1, 0.5), on(9), bend(9, -0.5))
    assert feed(decoder, *rpn(0, 6, 3))[0] == pytest.approx(0.75)


def test_a_note_on_without_velocity_is_a_note_off():
    decoder = MpeDecoder()
    feed(decoder, on(1), pressure(1, 127))
    silent = Message("note_on", channel=1, note=60, velocity=0)
    assert feed(decoder, silent) == pytest.approx((0.5, MIDDLE, 0.0))


def test_poly_pressure_is_z():
    decoder = MpeDecoder()
    feed(decoder, on(1, 60), on(1, 64))
    assert feed(decoder, poly_pressure(1, 64, 80))[2] == pytest.approx(80 / 127)
    assert feed(decoder, poly_pressure(1, 60, 20))[2] == pytest.approx(80 / 127)
    # The note below it has its own pressure.
    assert feed(decoder, off(1, 64))[2] == pytest.approx(20 / 127)
    assert feed(decoder, poly_pressure(1, 64, 127)) is None  # of a note that has ended
    # A controller that goes over to channel pressure is followed.
    assert feed(decoder, pressure(1, 10))[2] == pytest.approx(10 / 127)
    assert feed(decoder, on(1, 70), poly_pressure(1, 70, 0))[2] == 0.0


def test_rpn_0_sets_the_bend_range():
    decoder = MpeDecoder(span_semitones=12.0)
    assert feed(decoder, on(1), bend(1, 0.125))[0] == pytest.approx(0.5 + 6 / 24)
    feed(decoder, *rpn(3, 0, 24))  # any member speaks for all
    assert feed(decoder, bend(1, 0.25))[0] == pytest.approx(0.5 + 6 / 24)
    feed(decoder, *rpn(1, 0, 1, 50))  # one semitone and 50 cents
    assert feed(decoder, bend(1, 8191 / 8192))[0] == pytest.approx(0.5 + 1.5 / 24, abs=1e-3)


def test_the_master_bends_every_note():
    decoder = MpeDecoder(span_semitones=48.0)
    feed(decoder, on(1), bend(1, 0.5))
    assert feed(decoder, bend(0, -0.5))[0] == pytest.approx(0.5 + (24 - 1) / 96)
    feed(decoder, *rpn(0, 0, 12))
    assert feed(decoder, bend(0, -0.5))[0] == pytest.approx(0.5 + (24 - 6) / 96)


@pytest.mark.parametrize(
    ("zone", "master", "inside", "outside"), [("lower", 0, 3, 4), ("upper", 15, 12, 11)]
)
def test_rpn_6_sets_the_zone(zone: Any, master: int, inside: int, outside: int):
    decoder = MpeDecoder(zone)
    feed(decoder, *rpn(master, 6, 3))
    assert feed(decoder, on(outside), pressure(outside, 127)) is None
    assert feed(decoder, on(inside), pressure(inside, 127))[2] == 1.0
    feed(decoder, *rpn(outside, 6, 15))  # only the master may say so
    assert feed(decoder, on(outside), pressure(outside, 127)) is None


def test_a_new_zone_begins_with_the_bend_ranges_of_the_standard():
    decoder = MpeDecoder()
    feed(decoder, *rpn(0, 0, 12), *rpn(1, 0, 24), *rpn(0, 6, 7))
    assert (decoder.member_bend_range, decoder.master_bend_range) == (48.0, 2.0)


def test_notes_outside_a_smaller_zone_are_let_go():
    decoder = MpeDecoder()
    feed(decoder, on(9), pressure(9, 100), on(1), off(1), *rpn(0, 6, 3))
    assert feed(decoder, on(1), off(1), pressure(1, 90))[2] == 0.0


@pytest.mark.parametrize("channel", [0, 1])
def test_all_notes_off(channel: int):
    decoder = MpeDecoder()
    feed(decoder, on(1), on(1), pressure(1, 100))
    assert feed(decoder, control(channel, 123, 0))[2] == 0.0


def test_data_for_an_nrpn_is_not_for_the_rpn_before_it():
    decoder = MpeDecoder()
    feed(decoder, *rpn(1, 0, 24), control(1, 99, 1), control(1, 98, 8), control(1, 6, 1))
    assert decoder.member_bend_range == 24.0


def test_y_may_be_another_cc():
    decoder = MpeDecoder(y_cc=1)
    assert feed(decoder, on(1), control(1, 74, 127), control(1, 1, 0))[1] == 0.0


def test_any_messages_are_survived():
    generator = np.random.default_rng(0)
    decoder, parser = MpeDecoder(), Parser()
    n_frames = 0
    for _ in range(20_000):
        status = bytes([int(generator.integers(0x80, 0x100))])
        parser.feed(status + (generator.integers(0, 128, 2).astype(np.uint8).tobytes()))
        for message in parser:
            frame = decoder.decode(message)
            n_frames += frame is not None
            assert frame is None or all(0.0 <= value <= 1.0 for value in frame)
            assert decoder.expects
    assert n_frames > 100


@pytest.mark.parametrize(
    "make",
    [
        lambda: MpeDecoder("middle"),  # pyright: ignore
        lambda: MpeDecoder(y_cc=200),
        lambda: MpeDecoder(span_semitones=0.0),
    ],
)
def test_settings_that_cannot_be_are_refused(make: Callable[[], Any]):
    with pytest.raises(SettingsError, match="use"):
        make()


def test_a_stream_of_a_pad_that_sends_poly_pressure_is_followed_note_by_note():
    # As reported of a Launchpad Pro, moved to a member channel: two keys pressed one after the
    # other, the first released first.
    stream = """144 11 58, 160 11 1, 160 11 93, 160 11 127, 144 12 7, 160 12 42, 160 12 116,
                160 11 105, 160 11 0, 144 11 0, 160 12 124, 160 12 52, 144 12 0"""
    decoder = MpeDecoder()
    z: list[int | None] = []
    for words in stream.split(","):
        status, note, value = map(int, words.split())
        frame = decoder.decode(Message.from_bytes([status + 1, note, value]))
        z.append(None if frame is None else round(frame[2] * 127))
    #      on  ............. on  ...... of the key below  off ........ off
    assert z == [0, 1, 93, 127, 0, 42, 116, 116, 116, 116, 124, 52, 0]

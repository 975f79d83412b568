from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import mido
import numpy as np
import pytest

from timbremap_runtime.errors import SettingsError
from timbremap_runtime.service.midi import ControllerDecoder, MpeDecoder
from timbremap_runtime.service.midi_ports import MidiInput, MidiOutput, input_names


def feed(decoder: MpeDecoder | ControllerDecoder, *messages: mido.Message) -> Any:
    """Decode messages; return the last frame."""
    frame = None
    for message in messages:
        frame = decoder.decode(bytes(message.bytes())) or frame
    return frame


def bend(channel: int, share: float) -> mido.Message:
    return mido.Message("pitchwheel", channel=channel, pitch=round(share * 8192))


def control(channel: int, controller: int, value: int) -> mido.Message:
    return mido.Message("control_change", channel=channel, control=controller, value=value)


def rpn(channel: int, number: int, coarse: int, fine: int | None = None) -> list[mido.Message]:
    messages = [
        control(channel, 101, number >> 7),
        control(channel, 100, number & 0x7F),
        control(channel, 6, coarse),
    ]
    return messages + ([control(channel, 38, fine)] if fine is not None else [])


def on(channel: int, note: int = 60) -> mido.Message:
    return mido.Message("note_on", channel=channel, note=note, velocity=90)


def off(channel: int, note: int = 60) -> mido.Message:
    return mido.Message("note_off", channel=channel, note=note)


def pressure(channel: int, value: int) -> mido.Message:
    return mido.Message("aftertouch", channel=channel, value=value)


def test_bend_controller_and_pressure_are_x_y_and_z():
    decoder = MpeDecoder()
    frame = feed(decoder, on(1), bend(1, 0.5), control(1, 74, 127), pressure(1, 64))
    assert frame == pytest.approx((0.75, 1.0, 64 / 127))
    assert feed(decoder, bend(1, -1.0)) == pytest.approx((0.0, 1.0, 64 / 127))


def test_the_latest_note_that_sounds_is_followed():
    decoder = MpeDecoder()
    feed(decoder, on(1), bend(1, 0.5), on(2, 64), bend(2, -0.5))
    assert feed(decoder, pressure(1, 127)) is None  # the first note is under the second
    assert feed(decoder, pressure(2, 127)) == pytest.approx((0.25, 64 / 127, 1.0))
    assert feed(decoder, off(2, 64)) is None
    assert feed(decoder, bend(1, 0.25)) == pytest.approx((0.625, 64 / 127, 1.0))
    # After the last note the point stays, and pressure is gone.
    assert feed(decoder, off(1)) == pytest.approx((0.625, 64 / 127, 0.0))


def test_a_note_on_without_velocity_is_a_note_off():
    decoder = MpeDecoder()
    feed(decoder, on(1), pressure(1, 127))
    silent = mido.Message("note_on", channel=1, note=60, velocity=0)
    assert feed(decoder, silent) == pytest.approx((0.5, 64 / 127, 0.0))


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


def test_y_may_be_another_controller():
    decoder = MpeDecoder(y_controller=1)
    assert feed(decoder, on(1), control(1, 74, 127), control(1, 1, 0))[1] == 0.0


def test_any_bytes_are_survived():
    generator = np.random.default_rng(0)
    mpe, plain = MpeDecoder(), ControllerDecoder([1, -1, -2])
    for _ in range(20_000):
        message = generator.bytes(int(generator.integers(0, 5)))
        for frame in (mpe.decode(message), plain.decode(message)):
            assert frame is None or all(0.0 <= value <= 1.0 for value in frame)


def test_plain_controllers():
    decoder = ControllerDecoder([1, -1, -2])
    assert feed(decoder, control(5, 1, 127)) == pytest.approx((1.0, 0.5, 0.5))
    assert feed(decoder, bend(0, -1.0)) == pytest.approx((1.0, 0.0, 0.5))
    assert feed(decoder, pressure(0, 127)) == pytest.approx((1.0, 0.0, 1.0))
    assert feed(decoder, control(5, 2, 127)) is None


@pytest.mark.parametrize(
    "make",
    [
        lambda: MpeDecoder("middle"),  # pyright: ignore
        lambda: MpeDecoder(y_controller=200),
        lambda: MpeDecoder(span_semitones=0.0),
        lambda: ControllerDecoder([200]),
    ],
)
def test_settings_that_cannot_be_are_refused(make: Callable[[], Any]):
    with pytest.raises(SettingsError, match="give"):
        make()


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """A back end of mido in memory, in place of hardware."""
    made: dict[str, Any] = {"sent": []}

    class Input:
        def __init__(self, name: str, callback: Any = None, **_: Any):
            made["callback"], self.name = callback, name

        def close(self) -> None:
            made["closed"] = True

    class Output:
        def __init__(self, name: str, **_: Any):
            self.name = name

        def send(self, message: mido.Message) -> None:
            made["sent"].append(message)

        def close(self) -> None:
            pass

    backend = types.ModuleType("in_memory_midi")
    devices = [{"name": "Pad 10", "is_input": True, "is_output": False}]
    devices += [{"name": "Pad 1", "is_input": True, "is_output": False}]
    devices += [{"name": "Synth", "is_input": False, "is_output": True}]
    backend.__dict__.update(Input=Input, Output=Output, get_devices=lambda **_: devices)
    monkeypatch.setitem(sys.modules, "in_memory_midi", backend)
    before: Any = getattr(mido, "backend")  # noqa: B009
    mido.set_backend("in_memory_midi")
    yield made
    mido.set_backend(before.name)


def test_a_port_is_found_by_the_beginning_of_its_name(wire: dict[str, Any]):
    frames: list[tuple[float, ...]] = []
    port = MidiInput("Pad", MpeDecoder(), frames.append)
    for message in (on(1), pressure(1, 127)):
        wire["callback"](message)
    assert frames == [pytest.approx((0.5, 64 / 127, 0.0)), pytest.approx((0.5, 64 / 127, 1.0))]
    port.close()
    assert wire["closed"]
    assert input_names() == ["Pad 10", "Pad 1"]
    assert MidiInput("Pad 1", MpeDecoder(), frames.append)._port.name == "Pad 1"
    with pytest.raises(SettingsError, match="no MIDI input 'Piano': there are Pad 10, Pad 1"):
        MidiInput("Piano", MpeDecoder(), frames.append)


def test_parameters_are_sent_as_controllers_when_they_change(wire: dict[str, Any]):
    port = MidiOutput("Synth", 20, 2)
    port.play(np.array([0.2, 126.8, 64.4]))
    port.play(np.array([0.4, 126.9, 65.0]))
    sent = [(m.channel, m.control, m.value) for m in wire["sent"]]
    assert sent == [(2, 20, 0), (2, 21, 127), (2, 22, 64), (2, 22, 65)]
    port.close()
    with pytest.raises(SettingsError, match="controllers go from"):
        MidiOutput("Synth", 200, 0)


def test_a_missing_back_end_is_named(monkeypatch: pytest.MonkeyPatch):
    def no_back_end() -> list[str]:
        raise ModuleNotFoundError("No module named 'rtmidi'", name="rtmidi")

    monkeypatch.setattr(mido, "get_input_names", no_back_end)
    with pytest.raises(SettingsError, match="pip install python-rtmidi"):
        input_names()

from __future__ import annotations

import logging
import sys
import types
from collections.abc import Iterator
from typing import Any

import mido
import numpy as np
import pytest

from tests.support.midi import control, on, poly_pressure, pressure
from timbremap_runtime.errors import ConnectionFailed, MissingExtra, SettingsError
from timbremap_runtime.service.midi_cc import CcDecoder
from timbremap_runtime.service.midi_ports import (
    SILENT_MESSAGES,
    MidiInput,
    MidiOutput,
    input_names,
)
from timbremap_runtime.service.mpe import MpeDecoder


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """A back end of mido in memory, in place of hardware."""
    made: dict[str, Any] = {"sent": [], "busy": False, "unplugged": False}

    class Input:
        def __init__(self, name: str, callback: Any = None, **_: Any):
            if made["busy"]:
                raise RuntimeError("MidiInWinMM::openPort: error creating port")
            made["callback"], self.name = callback, name

        def close(self) -> None:
            made["closed"] = True

    class Output:
        def __init__(self, name: str, **_: Any):
            self.name = name

        def send(self, message: mido.Message) -> None:
            if made["unplugged"]:
                raise RuntimeError("device is gone")
            made["sent"].append(message)

        def close(self) -> None:
            made["closed"] = True

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
    with MidiInput("Pad", MpeDecoder(), frames.append):
        for message in (on(1), pressure(1, 127)):
            wire["callback"](message)
    assert frames == [pytest.approx((0.5, 64 / 127, 0.0)), pytest.approx((0.5, 64 / 127, 1.0))]
    assert wire["closed"]
    assert input_names() == ["Pad 10", "Pad 1"]
    assert MidiInput("Pad 1", MpeDecoder(), frames.append)._port.name == "Pad 1"
    with pytest.raises(ConnectionFailed, match=r"'Piano' \(there are: Pad 10, Pad 1\)"):
        MidiInput("Piano", MpeDecoder(), frames.append)


def test_a_port_in_use_is_a_connection_that_failed(wire: dict[str, Any]):
    wire["busy"] = True
    with pytest.raises(ConnectionFailed, match=r"'Pad 1' cannot be opened \(MidiInWinMM"):
        MidiInput("Pad 1", MpeDecoder(), print)


@pytest.mark.parametrize(
    ("decoder", "messages", "said"),
    [
        (
            MpeDecoder(),
            [on(0), poly_pressure(0, 60, 5), control(0, 74, 9)],
            "MPE notes on channels",
        ),
        (MpeDecoder("upper"), [on(15), pressure(15, 5)], "switch the controller to MPE"),
        (CcDecoder([1, 2]), [control(3, 74, 7)], "expected CC 1, CC 2"),
    ],
    ids=["all on one channel", "the other zone", "other CCs"],
)
def test_a_controller_that_says_nothing_to_us_is_told_once(
    decoder: Any,
    messages: list[Any],
    said: str,
    wire: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
):
    frames: list[tuple[float, ...]] = []
    with caplog.at_level(logging.WARNING), MidiInput("Pad 1", decoder, frames.append):
        for i in range(3 * SILENT_MESSAGES):
            wire["callback"](mido.Message("clock"))
            wire["callback"](messages[i % len(messages)])
    (record,) = caplog.records
    assert said in record.message
    for message in messages:
        assert f"{message.type} on channel {message.channel + 1}" in record.message
    assert not frames


def test_a_controller_that_moves_the_point_is_not_told_of_what_else_it_sends(
    wire: dict[str, Any], caplog: pytest.LogCaptureFixture
):
    frames: list[tuple[float, ...]] = []
    with caplog.at_level(logging.WARNING), MidiInput("Pad 1", CcDecoder([1]), frames.append):
        wire["callback"](control(0, 1, 3))
        for _ in range(3 * SILENT_MESSAGES):
            wire["callback"](control(0, 7, 100))
    assert not caplog.records
    assert len(frames) == 1


def test_parameters_are_sent_as_ccs_when_they_change(wire: dict[str, Any]):
    with MidiOutput("Synth", 20, 2) as port:
        port.play(np.array([0.2, 126.8, 64.4]))
        port.play(np.array([0.4, 126.9, 65.0]))
    sent = [(m.channel, m.control, m.value) for m in wire["sent"]]
    assert sent == [(2, 20, 0), (2, 21, 127), (2, 22, 64), (2, 22, 65)]
    assert wire["closed"]
    for first_cc, channel in ((200, 0), (20, 16)):
        with pytest.raises(SettingsError, match="use"):
            MidiOutput("Synth", first_cc, channel)


def test_an_output_that_was_unplugged_is_a_connection_that_failed(wire: dict[str, Any]):
    wire["unplugged"] = True
    with pytest.raises(ConnectionFailed, match="device is gone"):
        MidiOutput("Synth", 20, 2).play(np.array([64.0]))


def test_a_missing_back_end_is_named(monkeypatch: pytest.MonkeyPatch):
    def no_back_end() -> list[str]:
        raise ModuleNotFoundError("No module named 'rtmidi'", name="rtmidi")

    monkeypatch.setattr(mido, "get_input_names", no_back_end)
    with pytest.raises(MissingExtra, match=r"python-rtmidi.* pip install 'timbremap\[midi\]'"):
        input_names()


def test_a_system_without_midi_is_a_connection_that_failed(monkeypatch: pytest.MonkeyPatch):
    def no_sequencer() -> list[str]:
        raise SystemError("MidiInAlsa::initialize: error creating ALSA sequencer client object.")

    monkeypatch.setattr(mido, "get_input_names", no_sequencer)
    with pytest.raises(ConnectionFailed, match="can be opened on this machine"):
        input_names()

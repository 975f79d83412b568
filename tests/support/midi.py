"""MIDI messages to play with in tests."""

from __future__ import annotations

from typing import Any

from mido import Message


def feed(decoder: Any, *messages: Message) -> Any:
    """Decode messages; return the last frame."""
    frame = None
    for message in messages:
        frame = decoder.decode(message) or frame
    return frame


def bend(channel: int, share: float) -> Message:
    return Message("pitchwheel", channel=channel, pitch=round(share * 8192))


def control(channel: int, cc: int, value: int) -> Message:
    return Message("control_change", channel=channel, control=cc, value=value)


def rpn(channel: int, number: int, coarse: int, fine: int | None = None) -> list[Message]:
    messages = [
        control(channel, 101, number >> 7),
        control(channel, 100, number & 0x7F),
        control(channel, 6, coarse),
    ]
    return messages + ([control(channel, 38, fine)] if fine is not None else [])


def on(channel: int, note: int = 60) -> Message:
    return Message("note_on", channel=channel, note=note, velocity=90)


def off(channel: int, note: int = 60) -> Message:
    return Message("note_off", channel=channel, note=note)


def pressure(channel: int, value: int) -> Message:
    return Message("aftertouch", channel=channel, value=value)


def poly_pressure(channel: int, note: int, value: int) -> Message:
    return Message("polytouch", channel=channel, note=note, value=value)

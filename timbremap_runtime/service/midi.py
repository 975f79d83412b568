"""MIDI to control frames: MPE, and plain controllers.

MPE (MIDI Polyphonic Expression 1.0): a zone is a master channel and member channels beside it, one
note a member; a member's pitch bend is x, a controller (74 by default) y, channel pressure z. The
lower zone has master 1 and members 2, 3 ...; the upper zone master 16 and members 15, 14 ... RPN 0
sets a bend range in semitones, RPN 6 on a master the number of members.

Of several notes the latest that sounds is followed. Channels are counted from 1 in this text and
from 0 in the code, as in the messages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from timbremap_runtime.errors import SettingsError

BEND_CENTRE = 8192
MEMBER_BEND_RANGE = 48.0
MASTER_BEND_RANGE = 2.0
"""Semitones, before an RPN says otherwise (MPE 1.0)."""
RPN_BEND_RANGE, RPN_ZONE, RPN_NONE = 0, 6, 0x3FFF

NOTE_OFF, NOTE_ON, CONTROL, PRESSURE, BEND = 0x80, 0x90, 0xB0, 0xD0, 0xE0
DATA_ENTRY, DATA_ENTRY_FINE, RPN_FINE, RPN_COARSE = 6, 38, 100, 101
NRPN_FINE, NRPN_COARSE, ALL_SOUND_OFF, ALL_NOTES_OFF = 98, 99, 120, 123


@dataclass
class _Channel:
    """What one channel was told last."""

    bend: float = 0.0
    """-1 to 1 of the bend range."""
    y: int = 64
    pressure: int = 0
    rpn: int = RPN_NONE
    range_coarse: int = 0


class MpeDecoder:
    """Turns the messages of an MPE controller into control frames.

    Parameters
    ----------
    zone : {"lower", "upper"}
        Which zone to follow.
    y_controller : int
        The controller that is y.
    span_semitones : float, optional
        Bend, in semitones either way from a key's middle, that x from 0 to 1 spans; by default all
        of the bend range.

    Examples
    --------
    >>> decoder = MpeDecoder()
    >>> decoder.decode(bytes([0x91, 60, 100]))
    (0.5, 0.5039370078740157, 0.0)
    >>> decoder.decode(bytes([0xD1, 127]))
    (0.5, 0.5039370078740157, 1.0)
    """

    def __init__(
        self,
        zone: Literal["lower", "upper"] = "lower",
        y_controller: int = 74,
        span_semitones: float | None = None,
    ):
        if zone not in ("lower", "upper"):
            raise SettingsError(f"zone is '{zone}': give lower or upper")
        if not 0 <= y_controller <= 127:
            raise SettingsError(f"there is no controller {y_controller}: give 0 to 127")
        if span_semitones is not None and not span_semitones > 0.0:
            raise SettingsError(f"span is {span_semitones} semitones: give more than 0")
        self.zone = zone
        self.y_controller = y_controller
        self.span_semitones = span_semitones
        self.master = 0 if zone == "lower" else 15
        self.n_members = 15
        self.member_bend_range = MEMBER_BEND_RANGE
        self.master_bend_range = MASTER_BEND_RANGE
        self._channels = [_Channel() for _ in range(16)]
        self._sounding: list[tuple[int, int]] = []
        self._followed: int | None = None

    @property
    def members(self) -> range:
        """Member channels, from 0."""
        if self.zone == "lower":
            return range(1, 1 + self.n_members)
        return range(15 - self.n_members, 15)

    def decode(self, message: bytes) -> tuple[float, float, float] | None:
        """Take one message; return the frame (x, y, z) in [0, 1] if it has a say in it.

        Messages that are not whole, and those of other channels, change nothing.
        """
        if not message or not 0x80 <= message[0] < 0xF0:
            return None
        kind, number = message[0] & 0xF0, message[0] & 0x0F
        data = message[1:]
        if len(data) != (1 if kind in (0xC0, PRESSURE) else 2) or max(data) > 127:
            return None
        if number != self.master and number not in self.members:
            return None
        channel = self._channels[number]
        if kind == NOTE_ON and data[1]:
            if number == self.master:
                return None
            note = (number, data[0])
            self._sounding = [each for each in self._sounding if each != note] + [note]
        elif kind in (NOTE_ON, NOTE_OFF):
            self._sounding = [each for each in self._sounding if each != (number, data[0])]
        elif kind == BEND:
            channel.bend = (data[0] + 128 * data[1] - BEND_CENTRE) / BEND_CENTRE
        elif kind == PRESSURE:
            channel.pressure = data[0]
        elif kind == CONTROL and data[0] == self.y_controller:
            channel.y = data[1]
        elif kind == CONTROL:
            self._control(number, channel, *data)
        else:
            return None
        return self._frame(number)

    def _control(self, number: int, channel: _Channel, controller: int, value: int) -> None:
        if controller in (ALL_SOUND_OFF, ALL_NOTES_OFF):
            self._sounding = [each for each in self._sounding if each[0] != number]
            if number == self.master:
                self._sounding = []
        elif controller in (NRPN_FINE, NRPN_COARSE):
            channel.rpn = RPN_NONE  # the data that follows is for something else
        elif controller == RPN_COARSE:
            channel.rpn = (channel.rpn & 0x7F) | value << 7
        elif controller == RPN_FINE:
            channel.rpn = (channel.rpn & 0x3F80) | value
        elif controller == DATA_ENTRY and channel.rpn == RPN_ZONE and number == self.master:
            # No members would close the zone; then there is nothing to follow.
            self.n_members = min(value, 15)
            self._sounding = [each for each in self._sounding if each[0] in self.members]
        elif controller in (DATA_ENTRY, DATA_ENTRY_FINE) and channel.rpn == RPN_BEND_RANGE:
            if controller == DATA_ENTRY:
                channel.range_coarse, cents = value, 0
            else:
                cents = value
            semitones = channel.range_coarse + cents / 100.0
            if number == self.master:
                self.master_bend_range = semitones
            else:  # one member speaks for all
                self.member_bend_range = semitones

    def _frame(self, changed: int) -> tuple[float, float, float] | None:
        if self._sounding:
            self._followed = self._sounding[-1][0]
        if self._followed is None or changed not in (self._followed, self.master):
            return None
        note, master = self._channels[self._followed], self._channels[self.master]
        semitones = note.bend * self.member_bend_range + master.bend * self.master_bend_range
        span = self.span_semitones or self.member_bend_range
        x = 0.5 + semitones / (2.0 * span) if span else 0.5
        z = note.pressure / 127.0 if self._sounding else 0.0
        return min(max(x, 0.0), 1.0), note.y / 127.0, z


class ControllerDecoder:
    """Turns plain controllers into control frames, on any channel.

    Parameters
    ----------
    controllers : sequence of int
        The controller of each control; one may stand for pitch bend (-1) or channel pressure (-2).
    """

    def __init__(self, controllers: list[int]):
        for controller in controllers:
            if not -2 <= controller <= 127:
                raise SettingsError(f"there is no controller {controller}: give 0 to 127")
        self.controllers = list(controllers)
        self._values = [0.5] * len(controllers)

    def decode(self, message: bytes) -> tuple[float, ...] | None:
        """Take one message; return all controls in [0, 1] if it is of one of them."""
        if len(message) < 2 or not 0x80 <= message[0] < 0xF0 or max(message[1:]) > 127:
            return None
        kind = message[0] & 0xF0
        if kind == CONTROL and len(message) == 3:
            controller, value = message[1], message[2] / 127.0
        elif kind == BEND and len(message) == 3:
            controller, value = -1, (message[1] + 128 * message[2]) / 16383.0
        elif kind == PRESSURE and len(message) == 2:
            controller, value = -2, message[1] / 127.0
        else:
            return None
        if controller not in self.controllers:
            return None
        self._values[self.controllers.index(controller)] = value
        return tuple(self._values)

"""From the messages of an MPE controller to control frames.

MPE (MIDI Polyphonic Expression 1.0): a zone is a master channel and member channels beside it, one
note a member; a member's pitch bend is x, a CC (74 by default) y, channel pressure z. The lower
zone has master 1 and members 2, 3 ...; the upper zone master 16 and members 15, 14 ... RPN 0 sets a
bend range in semitones, RPN 6 on a master the number of members. Poly pressure is z as well:
controllers send it in their other modes, and some in this one.

Of several notes the latest that sounds is followed; when it ends, the one still held is again.
Channels are counted from 1 in this text and from 0 in the code, as in the messages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from timbremap_runtime.errors import SettingsError

BEND_RANGE = 8192
"""Of a pitch bend message either way."""
MEMBER_BEND_RANGE = 48.0
MASTER_BEND_RANGE = 2.0
"""Semitones, before an RPN says otherwise (MPE 1.0)."""
RPN_BEND_RANGE, RPN_ZONE, RPN_NONE = 0, 6, 0x3FFF

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


class _Note(NamedTuple):
    channel: int
    pitch: int


class MpeDecoder:
    """Turns the messages of an MPE controller into control frames.

    Parameters
    ----------
    zone : {"lower", "upper"}
        Which zone to follow.
    y_cc : int
        The CC that is y.
    span_semitones : float, optional
        Bend, in semitones either way from a key's middle, that x from 0 to 1 spans; by default all
        of the bend range.

    Raises
    ------
    SettingsError
        The zone, the CC or the span cannot be.

    Examples
    --------
    >>> from mido import Message
    >>> decoder = MpeDecoder()
    >>> decoder.decode(Message("note_on", channel=1, note=60))
    (0.5, 0.5039370078740157, 0.0)
    >>> decoder.decode(Message("aftertouch", channel=1, value=127))
    (0.5, 0.5039370078740157, 1.0)
    """

    def __init__(
        self,
        zone: Literal["lower", "upper"] = "lower",
        y_cc: int = 74,
        span_semitones: float | None = None,
    ):
        if zone not in ("lower", "upper"):
            raise SettingsError(f"no MPE zone '{zone}'; use lower or upper")
        if not 0 <= y_cc <= 127:
            raise SettingsError(f"no CC {y_cc}; use 0 to 127")
        if span_semitones is not None and not span_semitones > 0.0:
            raise SettingsError(f"invalid span of {span_semitones:g} semitones; use more than 0")
        self.zone = zone
        self.y_cc = y_cc
        self.span_semitones = span_semitones
        self.master = 0 if zone == "lower" else 15
        self.n_members = 15
        self.member_bend_range = MEMBER_BEND_RANGE
        self.master_bend_range = MASTER_BEND_RANGE
        self._channels = [_Channel() for _ in range(16)]
        self._sounding: list[_Note] = []
        self._poly_pressure: dict[_Note, int] = {}
        self._followed: int | None = None

    @property
    def members(self) -> range:
        """Member channels, from 0."""
        if self.zone == "lower":
            return range(1, 1 + self.n_members)
        return range(15 - self.n_members, 15)

    @property
    def expects(self) -> str:
        """What moves the point, and how else it could be moved, for a line to the player."""
        if self.members:
            channels = f"channels {self.members[0] + 1} to {self.members[-1] + 1}"
        else:
            channels = "the channels of a zone, which the controller has closed"
        return (
            f"MPE notes on {channels}; switch the controller to MPE, or take what it sends: "
            " --midi-cc bend,74,pressure"
        )

    def decode(self, message: Any) -> tuple[float, float, float] | None:
        """Take one message; return the frame (x, y, z) in [0, 1] if it has a say in it.

        Parameters
        ----------
        message : mido.Message
            Those that are of no channel, or of one outside the zone, change nothing.
        """
        number: int | None = getattr(message, "channel", None)
        if number is None or (number != self.master and number not in self.members):
            return None
        channel = self._channels[number]
        match message.type:
            case "note_on" if message.velocity:
                if number == self.master:
                    return None
                self._end(_Note(number, message.note))
                self._sounding.append(_Note(number, message.note))
            case "note_on" | "note_off":
                self._end(_Note(number, message.note))
            case "pitchwheel":
                channel.bend = message.pitch / BEND_RANGE
            case "aftertouch":
                channel.pressure = message.value
                for note in [note for note in self._poly_pressure if note.channel == number]:
                    del self._poly_pressure[note]
            case "polytouch":
                note = _Note(number, message.note)
                if note not in self._sounding:
                    return None
                self._poly_pressure[note] = message.value
            case "control_change" if message.control == self.y_cc:
                channel.y = message.value
            case "control_change":
                self._control(number, channel, message.control, message.value)
            case _:
                return None
        return self._frame(number)

    def _end(self, note: _Note) -> None:
        self._sounding = [each for each in self._sounding if each != note]
        self._poly_pressure.pop(note, None)

    def _control(self, number: int, channel: _Channel, cc: int, value: int) -> None:
        if cc in (ALL_SOUND_OFF, ALL_NOTES_OFF):
            self._keep(
                [each for each in self._sounding if number not in (each.channel, self.master)]
            )
        elif cc in (NRPN_FINE, NRPN_COARSE):
            channel.rpn = RPN_NONE  # the data that follows is for something else
        elif cc == RPN_COARSE:
            channel.rpn = (channel.rpn & 0x7F) | value << 7
        elif cc == RPN_FINE:
            channel.rpn = (channel.rpn & 0x3F80) | value
        elif cc == DATA_ENTRY and channel.rpn == RPN_ZONE and number == self.master:
            # No members would close the zone; then there is nothing to follow.
            self.n_members = min(value, 15)
            # A new zone begins with the ranges of the standard.
            self.member_bend_range, self.master_bend_range = MEMBER_BEND_RANGE, MASTER_BEND_RANGE
            self._keep([each for each in self._sounding if each.channel in self.members])
        elif cc in (DATA_ENTRY, DATA_ENTRY_FINE) and channel.rpn == RPN_BEND_RANGE:
            if cc == DATA_ENTRY:
                channel.range_coarse, cents = value, 0
            else:
                cents = value
            semitones = channel.range_coarse + cents / 100.0
            if number == self.master:
                self.master_bend_range = semitones
            else:  # one member speaks for all
                self.member_bend_range = semitones

    def _keep(self, notes: list[_Note]) -> None:
        self._sounding = notes
        self._poly_pressure = {n: z for n, z in self._poly_pressure.items() if n in notes}

    def _frame(self, changed: int) -> tuple[float, float, float] | None:
        before = self._followed
        if self._sounding:
            self._followed = self._sounding[-1].channel
        if self._followed is None or changed not in (self._followed, before, self.master):
            return None
        note, master = self._channels[self._followed], self._channels[self.master]
        semitones = note.bend * self.member_bend_range + master.bend * self.master_bend_range
        span = self.span_semitones or self.member_bend_range
        x = 0.5 + semitones / (2.0 * span) if span else 0.5
        z = 0
        if self._sounding:
            z = self._poly_pressure.get(self._sounding[-1], note.pressure)
        return min(max(x, 0.0), 1.0), note.y / 127.0, z / 127.0

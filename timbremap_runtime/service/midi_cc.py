"""From plain MIDI messages to control frames: a CC, pitch bend or pressure for each coordinate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from timbremap_runtime.errors import SettingsError

BEND, PRESSURE = -1, -2
"""Stand for pitch bend and for pressure (of a channel or a key) in a list of CCs."""
WORDS = {"bend": BEND, "pressure": PRESSURE}


class CcDecoder:
    """Turns plain MIDI messages into control frames, on any channel.

    Parameters
    ----------
    ccs : sequence of int
        The CC of each coordinate, 0 to 127; -1 stands for pitch bend and -2 for pressure.

    Raises
    ------
    SettingsError
        One of them cannot be, or is given twice.
    """

    def __init__(self, ccs: Sequence[int]):
        for cc in ccs:
            if not PRESSURE <= cc <= 127:
                raise SettingsError(f"no CC {cc}; use 0 to 127, bend or pressure")
            if list(ccs).count(cc) > 1:
                raise SettingsError(
                    f"{_word(cc)} is given twice; use another one for each coordinate"
                )
        self.ccs = list(ccs)
        self._values = [0.5] * len(self.ccs)

    @classmethod
    def from_text(cls, text: str) -> CcDecoder:
        """Read numbers and the words ``bend`` and ``pressure`` with commas between them."""
        words = [word.strip().lower() for word in text.split(",")]
        try:
            return cls([WORDS[word] if word in WORDS else int(word) for word in words])
        except SettingsError as error:
            raise SettingsError(f"--midi-cc {text}: {error}") from None
        except ValueError:
            raise SettingsError(
                f"--midi-cc {text}: not CCs; use numbers, bend or pressure, with commas between"
            ) from None

    @property
    def expects(self) -> str:
        """What moves the point, for a line to the player."""
        names = ", ".join(_word(cc) for cc in self.ccs)
        return f"{names}; set the controller so, or name what it sends:  --midi-cc CC,CC,..."

    def decode(self, message: Any) -> tuple[float, ...] | None:
        """Take one message; return all coordinates in [0, 1] if it is of one of them.

        Parameters
        ----------
        message : mido.Message
            Any message.
        """
        match message.type:
            case "control_change":
                cc, value = message.control, message.value / 127.0
            case "pitchwheel":
                cc, value = BEND, (message.pitch + 8192) / 16383.0
            case "aftertouch" | "polytouch":
                cc, value = PRESSURE, message.value / 127.0
            case _:
                return None
        if cc not in self.ccs:
            return None
        self._values[self.ccs.index(cc)] = value
        return tuple(self._values)


def _word(cc: int) -> str:
    return {BEND: "pitch bend", PRESSURE: "pressure"}.get(cc, f"CC {cc}")

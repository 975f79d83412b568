"""MIDI ports, by mido and whatever back end it has on this machine."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any, Protocol, Self

import numpy as np

from timbremap_runtime.errors import ConnectionFailed, MissingExtra, SettingsError

try:
    import mido as _mido  # pyright: ignore[reportMissingTypeStubs]
except ImportError:
    raise MissingExtra("mido", "midi") from None

LOG = logging.getLogger("timbremap.midi")

LAST_CC = 119
"""Those above it are commands: reset, local off, all notes off."""

SILENT_MESSAGES = 16
"""So many without effect are no accident: a finger on a pad sends them in half a second."""

mido: Any = _mido  # its functions come from the back end, and have no types


class Decoder(Protocol):
    """Turns messages into control frames."""

    @property
    def expects(self) -> str:
        """What moves the point, for a line to the player."""
        ...

    def decode(self, message: Any) -> tuple[float, ...] | None:
        """Take one `mido.Message`; return a frame if it changed."""
        ...


def input_names() -> list[str]:
    """Names of the MIDI inputs there are."""
    return _names("input")


class MidiInput:
    """Gives the control frames of a MIDI input to a callback, in a thread of mido's.

    A context manager, which closes the port. When messages arrive and none moves the point, a line
    in the log says once what came and what was expected.

    Parameters
    ----------
    name : str
        Name of the port, or the beginning of it.
    decoder : Decoder
        What makes frames of messages.
    on_frame : callable
        Is given each frame.

    Raises
    ------
    ConnectionFailed
        There is no such input, or it cannot be opened.
    MissingExtra
        There is no back end for MIDI.
    """

    def __init__(self, name: str, decoder: Decoder, on_frame: Callable[[tuple[float, ...]], Any]):
        self._decoder = decoder
        self._on_frame = on_frame
        self._without_effect: list[str] | None = []
        self._port: Any = _open("input", name, callback=self._take)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the port."""
        self._port.close()

    def _take(self, message: Any) -> None:
        frame = self._decoder.decode(message)
        if frame is not None:
            self._without_effect = None
            self._on_frame(frame)
        elif self._without_effect is not None and hasattr(message, "channel"):
            self._without_effect.append(f"{message.type} on channel {message.channel + 1}")
            if len(self._without_effect) == SILENT_MESSAGES:
                came = ", ".join(dict.fromkeys(self._without_effect))
                LOG.warning(
                    "MIDI input: messages arrive, but none moves the point (%s); expected %s",
                    came,
                    self._decoder.expects,
                )
                self._without_effect = None


class MidiOutput:
    """Sends parameters as CCs.

    A context manager, which closes the port.

    Parameters
    ----------
    name : str
        Name of the port, or the beginning of it.
    first_cc : int
        CC of parameter 0; the others follow, as far as there are CCs.
    channel : int
        From 0.

    Raises
    ------
    SettingsError
        There is no such CC or channel.
    ConnectionFailed
        There is no such output, or it cannot be opened.
    MissingExtra
        There is no back end for MIDI.
    """

    def __init__(self, name: str, first_cc: int, channel: int):
        if not 0 <= first_cc <= LAST_CC:
            raise SettingsError(f"no CC {first_cc} to send parameters by; use 0 to {LAST_CC}")
        if not 0 <= channel <= 15:
            raise SettingsError(f"no MIDI channel {channel + 1}; use 1 to 16")
        self._port: Any = _open("output", name)
        self._first, self._channel = first_cc, channel
        self._sent: dict[int, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the port."""
        self._port.close()

    def play(self, p: np.ndarray) -> None:
        """Send those parameters, (n,) in 0..127, that differ from what was sent last.

        Raises
        ------
        ConnectionFailed
            The port takes nothing any more, as when its device was unplugged.
        """
        for cc, value in enumerate(np.rint(p).astype(int).tolist(), start=self._first):
            if cc <= LAST_CC and self._sent.get(cc) != value:
                self._sent[cc] = value
                message = mido.Message(
                    "control_change",
                    channel=self._channel,
                    control=cc,
                    value=min(max(value, 0), 127),
                )
                try:
                    self._port.send(message)
                except Exception as error:  # each back end has its own
                    raise ConnectionFailed(
                        f"MIDI output ended ({error}); connect it and start again"
                    ) from None


def _open(direction: str, name: str, **options: Any) -> Any:
    port = _find(direction, name)
    try:
        return (mido.open_input if direction == "input" else mido.open_output)(port, **options)
    except Exception as error:  # each back end has its own
        raise ConnectionFailed(
            f"MIDI {direction} '{port}' cannot be opened ({error}); end the program that uses it,"
            " or connect it again"
        ) from None


def _names(direction: str) -> list[str]:
    try:
        return mido.get_input_names() if direction == "input" else mido.get_output_names()
    except ImportError:  # mido looks for its back end on first use
        package = "python-rtmidi"
        if sys.version_info >= (3, 13):
            package += " (no ready-made package for this Python: use 3.12, or a C++ compiler)"
        raise MissingExtra(package, "midi") from None
    except Exception as error:  # each back end has its own
        raise ConnectionFailed(
            f"no MIDI {direction} can be opened on this machine ({error}); on Linux, run"
            "  sudo modprobe snd-seq"
        ) from None


def _find(direction: str, name: str) -> str:
    names = _names(direction)
    for candidate in (name, *(each for each in names if each.startswith(name))):
        if candidate in names:
            return candidate
    known = ", ".join(names) or "none"
    raise ConnectionFailed(
        f"no MIDI {direction} '{name}' (there are: {known}); connect it, or give the beginning of"
        " one of these names"
    )

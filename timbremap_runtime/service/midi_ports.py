"""MIDI ports, by mido and whatever back end it has on this machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from timbremap_runtime.errors import MissingExtra, SettingsError

try:
    import mido as _mido  # pyright: ignore[reportMissingTypeStubs]
except ImportError:
    raise MissingExtra("mido", "midi") from None

LAST_CONTROLLER = 119
"""Those above it are commands: reset, local off, all notes off."""

mido: Any = _mido  # its functions come from the back end, and have no types


class Decoder(Protocol):
    """Turns messages into control frames."""

    def decode(self, message: bytes) -> tuple[float, ...] | None:
        """Take one message; return a frame if it changed."""
        ...


def input_names() -> list[str]:
    """Names of the MIDI inputs there are."""
    return _names("input")


class MidiInput:
    """Gives the control frames of a MIDI input to a callback, in a thread of mido's.

    Parameters
    ----------
    name : str
        Name of the port, or the beginning of it.
    decoder : Decoder
        What makes frames of messages.
    on_frame : callable
        Is given each frame.
    """

    def __init__(self, name: str, decoder: Decoder, on_frame: Callable[[tuple[float, ...]], Any]):
        def take(message: Any) -> None:
            frame = decoder.decode(bytes(message.bytes()))
            if frame is not None:
                on_frame(frame)

        self._port: Any = mido.open_input(_find("input", name), callback=take)

    def close(self) -> None:
        """Close the port."""
        self._port.close()


class MidiOutput:
    """Sends parameters as controllers.

    Parameters
    ----------
    name : str
        Name of the port, or the beginning of it.
    first_controller : int
        Controller of parameter 0; the others follow, as far as there are controllers.
    channel : int
        From 0.
    """

    def __init__(self, name: str, first_controller: int, channel: int):
        if not (0 <= first_controller <= LAST_CONTROLLER and 0 <= channel <= 15):
            raise SettingsError(
                f"controllers go from 0 to {LAST_CONTROLLER} and channels from 1 to 16"
            )
        self._port: Any = mido.open_output(_find("output", name))
        self._first, self._channel = first_controller, channel
        self._sent: dict[int, int] = {}

    def play(self, p: np.ndarray) -> None:
        """Send those parameters, (n,) in 0..127, that differ from what was sent last."""
        for controller, value in enumerate(np.rint(p).astype(int).tolist(), start=self._first):
            if controller <= LAST_CONTROLLER and self._sent.get(controller) != value:
                self._sent[controller] = value
                self._port.send(
                    mido.Message(
                        "control_change",
                        channel=self._channel,
                        control=controller,
                        value=min(max(value, 0), 127),
                    )
                )

    def close(self) -> None:
        """Close the port."""
        self._port.close()


def _names(direction: str) -> list[str]:
    list_names: Callable[[], list[str]] = (
        mido.get_input_names if direction == "input" else mido.get_output_names
    )
    try:
        return list_names()
    except ImportError:  # mido looks for its back end on first use
        raise SettingsError(
            "python-rtmidi is not installed, by which MIDI ports are opened: run"
            "  pip install python-rtmidi  (it is ready-made up to Python 3.12; on a later one it"
            " needs a C++ compiler)"
        ) from None
    except OSError as error:
        raise SettingsError(
            f"no MIDI {direction} can be opened on this machine: {error}"
            " (on Linux: is the module snd-seq loaded?)"
        ) from None


def _find(direction: str, name: str) -> str:
    names = _names(direction)
    if name in names:
        return name
    for candidate in names:
        if candidate.startswith(name):
            return candidate
    known = ", ".join(names) or "none"
    raise SettingsError(f"no MIDI {direction} '{name}': there are {known}")

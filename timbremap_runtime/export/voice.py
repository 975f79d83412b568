"""`Voice`: an instrument's own sound source, as far as an exported instrument needs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from timbremap_runtime.core.types import PARAMETER_MAX
from timbremap_runtime.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from timbremap_runtime.export.chain import Chain


@dataclass(frozen=True)
class VoiceControl:
    """What a parameter is for the voice.

    Attributes
    ----------
    name : str
        The voice's name for it.
    low, high : float
        What 0 and 127 are in its unit.
    steps : int or None
        Positions of a switch, evenly spaced; None if it is none.
    """

    name: str
    low: float = 0.0
    high: float = float(PARAMETER_MAX)
    steps: int | None = None


@dataclass(frozen=True)
class Voice:
    """A voice, and how the parameters of a map play it.

    Attributes
    ----------
    file_name, text : str
        Its source.
    controls : tuple of VoiceControl
        One for each parameter, in the order of the map.
    fixed : mapping of str to float
        Controls that are held at one value.
    pitch, velocity : int
        The note that its sounds were learned with: MIDI note number, 1 to 127.
    wasm : bytes
        The voice compiled (`timbremap_runtime.export.wasm`), for hosts that run no Faust.
    """

    file_name: str
    text: str
    controls: tuple[VoiceControl, ...]
    fixed: Mapping[str, float]
    pitch: int = 57
    velocity: int = 100
    wasm: bytes = b""

    def check(self, chain: Chain) -> None:
        """Refuse a map of another number of parameters.

        Raises
        ------
        SettingsError
            The message says both.
        """
        if len(self.controls) != chain.parameter_size:
            raise SettingsError(
                f"{self.file_name}: has {len(self.controls)} learned parameters, but {chain.name} "
                f"has {chain.parameter_size}; name the instrument that the map was trained on"
            )

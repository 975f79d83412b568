"""The controls that an instrument has, held against those that ``patch.toml`` names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from timbremap_jax.data.patch import Patch
from timbremap_runtime.errors import FormatError


@dataclass(frozen=True)
class Control:
    """Something that an engine can set.

    Attributes
    ----------
    address : str or int
        What the engine's host calls it.
    low, high : float
        The values that it takes.
    """

    address: Any
    low: float
    high: float

    def takes(self, value: float) -> bool:
        """Whether a value is one of its own, but for the digits that a host's floats lose."""
        slack = 1e-6 * (self.high - self.low)
        return self.low - slack <= value <= self.high + slack


def require_controls(names: Sequence[str], there: Sequence[str], lead: str) -> None:
    """Raise a `FormatError` that begins with ``lead`` when a control is missing."""
    missing = [name for name in names if name not in there]
    if missing:
        raise FormatError(
            f"{lead} the control '{missing[0]}', which is not there; there are {', '.join(there)}"
        )


def require_ranges(patch: Patch, controls: Mapping[str, Control]) -> None:
    """Check that all values of an instrument are such as its controls take.

    A host either cuts off what is beyond, so that many labels have one sound, or plays what the
    author of the instrument never meant.

    Parameters
    ----------
    patch : Patch
        The instrument.
    controls : mapping of str to Control
        Those that it names, by the names it uses.

    Raises
    ------
    FormatError
        A range or a fixed value lies beyond the control's own, or two names mean one control.
    """
    named: dict[Any, str] = {}
    for name in patch.controls:
        other = named.setdefault(controls[name].address, name)
        if other != name:
            raise FormatError(f"{patch.file}: '{other}' and '{name}' are the same control")
    for parameter in patch.parameters:
        control = controls[parameter.control]
        if not (control.takes(parameter.low) and control.takes(parameter.high)):
            raise FormatError(
                f"{patch.file}: 'range' of '{parameter.name}' is"
                f" [{parameter.low:g}, {parameter.high:g}], but the control '{parameter.control}'"
                f" goes from {control.low:g} to {control.high:g}; give a range within that"
            )
    for name, value in patch.fixed.items():
        control = controls[name]
        if not control.takes(value):
            raise FormatError(
                f"{patch.file}: [fixed] sets '{name}' to {value:g}, but it goes from"
                f" {control.low:g} to {control.high:g}; give a value within that"
            )

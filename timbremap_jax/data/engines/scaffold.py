"""The scaffold of an instrument: a first ``patch.toml`` for a plug-in, ready to edit."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from timbremap_jax.data.engines.plugin import described, load_plugin, silenced
from timbremap_jax.data.files import save_bytes
from timbremap_jax.data.workers import WorkerDied, map_rows
from timbremap_runtime.errors import FormatError, PathError

PROBES = 128
"""Values of a parameter that are tried to see whether it is a switch."""

MOST_STEPS = 16
"""More positions than that are played as well without steps."""

PATIENCE_S = 60.0
"""Seconds after which a plug-in that does not answer is given up."""

TEMPLATE = """\
# An instrument for tm-generate. How to go on:
#   1. Take away the # before the parameters that you want to play; 3 to 12 is a good number.
#   2. Narrow a "range" to what is useful: 0 and 127 will mean its two ends.
#   3. Under [fixed], hold others where they should be. All else stays as the plug-in starts, or as
#      a preset says.
#   4. tm-generate {folder} data/{name} --examples 50, and listen to a few in data/{name}/wavs.

name = {name_text}
engine = "plugin"
source = {source}

parameters = [
{parameters}
]

[note]
pitch = 57            # MIDI note: A3, 220 Hz
velocity = 100
sustain_ms = 250      # from note on to note off
release_ms = 50       # from note off to the end of the sound

[plugin]
# preset = "mine.vstpreset"   # a file beside this one; .fxp or .fxb for VST2
# gain_db = -6.0              # when random values come out clipped

[fixed]
# "master volume" = 0.8       # 0 to 1
"""


@dataclass(frozen=True)
class ParameterInfo:
    """A parameter of a plug-in.

    Attributes
    ----------
    name : str
        Its name, by which ``patch.toml`` calls it.
    value : float
        Where it stands now, 0..1.
    text : str
        What the plug-in shows there.
    positions : tuple of str
        What it shows at each position, if it is a switch.
    """

    name: str
    value: float
    text: str
    positions: tuple[str, ...]


def write_scaffold(source: str, folder: str | Path) -> list[ParameterInfo]:
    """Write ``patch.toml`` for a plug-in into ``folder``.

    Parameters
    ----------
    source : str
        A VST3 or VST2 file, or the address of an LV2 plug-in.
    folder : path
        Made when it is not there.

    Raises
    ------
    PathError
        ``folder`` has a ``patch.toml`` already, or there is no such plug-in.
    FormatError
        The plug-in cannot be loaded, or has no parameters.
    """
    folder = Path(folder)
    file = folder / "patch.toml"
    if file.exists():
        raise PathError(f"{file}: already exists; choose another folder, or remove it")
    if "://" not in source:
        if not Path(source).exists():
            raise PathError(
                f"{source}: no such file; give a VST3 or VST2 file, or the address of an LV2"
                " plug-in (lv2ls lists them)"
            )
        source = str(Path(source).resolve())
    # In a process of its own: what a plug-in does is not in our hands.
    ((_, infos),) = map_rows(partial(_open_reader, source), [0], 1, patience_s=PATIENCE_S)
    if isinstance(infos, WorkerDied):
        raise FormatError(f"{source}: cannot be loaded: {infos}")
    if not infos:
        raise FormatError(f"{source}: has no parameters that could be learned")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise PathError(f"{folder}: is a file, or lies in one; choose another folder") from None
    save_bytes(file, _page(source, folder, infos).encode())
    return infos


def _page(source: str, folder: Path, infos: list[ParameterInfo]) -> str:
    name = folder.resolve().name
    return TEMPLATE.format(
        folder=folder,
        name=name,
        name_text=_quoted(name),
        source=_quoted(source),
        parameters="\n".join(map(_line, infos)),
    )


def _line(info: ParameterInfo) -> str:
    name = _quoted(info.name)
    steps = f", steps = {len(info.positions)}" if info.positions else ""
    entry = f"{{ name = {name}, control = {name}, range = [0.0, 1.0]{steps} }},"
    shown = f" ({info.text})" if info.text else ""
    choices = f"; {' | '.join(info.positions)}" if info.positions else ""
    note = f"# now {info.value:.4g}{shown}{choices}"
    return f"  # {entry}  {' '.join(note.split())}"


def _quoted(text: str) -> str:
    """Write a TOML string: JSON's escapes are TOML's too, but for surrogates."""
    return json.dumps(text, ensure_ascii=False)


def _open_reader(source: str) -> Callable[[int], list[ParameterInfo]]:
    @silenced()
    def read(_: int) -> list[ParameterInfo]:
        _, plugin = load_plugin(source)
        return [_info(plugin, name, d) for name, d in described(plugin).items()]

    return read


def _info(plugin: Any, name: str, description: dict[str, Any]) -> ParameterInfo:
    index = description["index"]
    value = plugin.get_parameter(index)
    text = (description["currentValText"] or description["text"]).strip()
    positions = _positions(plugin, index)
    plugin.set_parameter(index, value)
    return ParameterInfo(name, value, text, positions)


def _positions(plugin: Any, index: int) -> tuple[str, ...]:
    """Return what a switch shows at each of its positions; nothing when it is none.

    Few plug-ins say which of their parameters are switches. One that shows few different texts
    over its whole range, and each of them at one of as many evenly spaced values, is.
    """

    def shown(value: float) -> str:
        plugin.set_parameter(index, value)
        return plugin.get_parameter_text(index).strip()

    texts = dict.fromkeys(shown(i / (PROBES - 1)) for i in range(PROBES))
    if not 2 <= len(texts) <= MOST_STEPS:
        return ()
    even = tuple(shown(i / (len(texts) - 1)) for i in range(len(texts)))
    return even if even == tuple(texts) else ()

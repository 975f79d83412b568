"""Plug-in instruments (VST3, VST2, LV2), rendered offline and without a window by DawDreamer.

In ``patch.toml``::

    engine = "plugin"
    source = "/usr/lib/vst3/Synth.vst3"     # a file or folder, or the address of an LV2 plug-in

    [plugin]
    preset = "warm.vstpreset"       # beside patch.toml; .vstpreset, or .fxp and .fxb for VST2
    gain_db = -6.0                  # added to every sound, where random values get too loud

Controls are the plug-in's own parameter names and run from 0 to 1; the second of two that share a
name is ``NAME#2``. Every sound gets a plug-in that was just loaded, or a copy of one
(`timbremap_jax.data.engines.forked`), because many carry something over from one note to the next.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timbremap_jax.data.engines.controls import Control, require_controls, require_ranges
from timbremap_jax.data.engines.host import open_host
from timbremap_jax.data.engines.options import read_options
from timbremap_jax.data.patch import SAMPLE_RATE, Note, Patch
from timbremap_runtime.errors import FormatError

BLOCK_SIZE = 128
"""Samples that the plug-in computes at a time: many read their parameters once a block."""

SETTLE_SECONDS = 0.05
"""Time from the parameters to the note, so that what smooths its parameters has arrived."""

PSEUDO = re.compile(r"MIDI (CC|Ch\.?|Controller|Program)\b|(Bypass|Buffer Size|Sample Rate)$", re.I)
"""Parameters that are no part of the sound: MIDI controllers, and what a host tells a plug-in."""


@contextmanager
def silenced() -> Iterator[None]:
    """Keep what plug-ins print, to both outputs of the process, off the terminal.

    Around a function it lasts until what the function held is gone: plug-ins print at their end.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    try:
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), 1)
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        for target, source in enumerate(kept, start=1):
            os.dup2(source, target)
            os.close(source)


@dataclass(frozen=True)
class PluginOptions:
    """The table ``[plugin]``.

    Attributes
    ----------
    preset : str
        A preset file beside ``patch.toml``; none when empty.
    gain_db : float
        Decibels added to every sound.
    """

    preset: str = ""
    gain_db: float = 0.0


class PluginEngine:
    """A plug-in instrument.

    Parameters
    ----------
    patch : Patch
        A patch whose source is a plug-in.

    Raises
    ------
    MissingExtra
        DawDreamer is not installed.
    FormatError
        The plug-in or its preset cannot be loaded, or ``patch.toml`` names a parameter that it
        does not have, or gives one a value that is not from 0 to 1.
    """

    sample_rate = SAMPLE_RATE

    def __init__(self, patch: Patch):
        self._patch = patch
        self._options = read_options(patch, PluginOptions)
        controls = self._find_controls()
        require_controls(patch.controls, list(controls), f"{patch.file}: names")
        require_ranges(patch, controls)
        self._indices = {name: control.address for name, control in controls.items()}
        self._held: tuple[Any, Any] | None = None

    @silenced()
    def hold(self) -> None:
        """Load the plug-in that plays the next sound."""
        self._held = self._load()

    def render(self, values: Sequence[float], note: Note) -> NDArray[np.float32]:
        """Play one note; see `timbremap_jax.data.engines.Engine`."""
        return self._play(self._patch.control_values(values), note)

    @silenced()
    def _find_controls(self) -> dict[str, Control]:
        _, plugin = self._load()
        return {name: Control(d["index"], 0.0, 1.0) for name, d in described(plugin).items()}

    @silenced()
    def _play(self, controls: Mapping[str, float], note: Note) -> NDArray[np.float32]:
        (host, plugin), self._held = self._held or self._load(), None
        for control, value in controls.items():
            plugin.set_parameter(self._indices[control], value)
        plugin.add_midi_note(note.pitch, note.velocity, SETTLE_SECONDS, note.sustain_ms / 1000)
        host.load_graph([(plugin, [])])
        start = round(SETTLE_SECONDS * SAMPLE_RATE) + plugin.get_latency_samples()
        end = start + note.n_samples(SAMPLE_RATE)
        host.render((end + 0.5) / SAMPLE_RATE)
        gain = 10 ** (self._options.gain_db / 20)
        return (gain * host.get_audio()[:, start:end].mean(axis=0)).astype(np.float32)

    def _load(self) -> tuple[Any, Any]:
        host, plugin = load_plugin(self._patch.source)
        if self._options.preset:
            preset = self._patch.folder / self._options.preset
            load = plugin.load_vst3_preset if preset.suffix == ".vstpreset" else plugin.load_preset
            try:
                loaded = load(str(preset))
            except RuntimeError:
                loaded = False
            if loaded is False:
                raise FormatError(
                    f"{preset}: cannot be read as a preset of {self._patch.source}"
                    " (a .vstpreset for VST3, a .fxp or .fxb for VST2)"
                )
        return host, plugin


LV2_FOLDERS = {
    "linux": "~/.lv2:/usr/local/lib/lv2:/usr/lib/lv2",
    "darwin": "~/Library/Audio/Plug-Ins/LV2:~/.lv2:/Library/Audio/Plug-Ins/LV2:/usr/local/lib/lv2",
    "win32": r"%APPDATA%\LV2;%COMMONPROGRAMFILES%\LV2",
}
"""Where LV2 plug-ins lie, if ``LV2_PATH`` does not tell."""

PREFIX = re.compile(r"@prefix\s+([\w-]*):\s*<([^>]*)>")


def more_sources(patch: Patch) -> list[Path]:
    """Return the files of an LV2 plug-in, which has only an address in ``patch.toml``."""
    if "://" not in patch.source:
        return []
    folders = os.environ.get("LV2_PATH") or LV2_FOLDERS.get(sys.platform, LV2_FOLDERS["linux"])
    for folder in os.path.expandvars(folders).split(os.pathsep):
        for manifest in sorted(Path(folder).expanduser().glob("*.lv2/manifest.ttl")):
            text = manifest.read_text(encoding="utf-8", errors="replace")
            names = {f"<{patch.source}>"}
            for prefix, start in PREFIX.findall(text):
                if patch.source.startswith(start):
                    names.add(f"{prefix}:{patch.source.removeprefix(start)}")
            # A name at the beginning of a line, or of a statement, is what is described there.
            if any(re.search(rf"(?m)^\s*{re.escape(name)}(?![\w-])", text) for name in names):
                return sorted(f for f in manifest.parent.rglob("*") if f.is_file())
    return []


def load_plugin(source: str) -> tuple[Any, Any]:
    """Load a plug-in afresh.

    Returns
    -------
    host, plugin
        DawDreamer's engine and its processor; neither holds the other.
    """
    host = open_host(BLOCK_SIZE)
    try:
        return host, host.make_plugin_processor("instrument", source)
    except RuntimeError:
        raise FormatError(
            f"{source}: cannot be loaded as a plug-in instrument; give a VST3 or VST2 file, or the"
            " address of an LV2 plug-in (http://...), built for this system"
        ) from None


def described(plugin: Any) -> dict[str, dict[str, Any]]:
    """DawDreamer's description of each parameter of the sound, by a name that is its own."""
    there: dict[str, dict[str, Any]] = {}
    for description in plugin.get_parameters_description():
        name = description["name"].strip()
        if not name or PSEUDO.match(name):
            continue
        number = sum(n == name or n.startswith(f"{name}#") for n in there) + 1
        there[name if number == 1 else f"{name}#{number}"] = description
    return there

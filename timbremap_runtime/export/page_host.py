"""One HTML file with a map, a pad and the instrument, that plays from a disk or a web server."""

from __future__ import annotations

import html
import json
import re
from importlib import resources
from typing import TYPE_CHECKING

from timbremap_runtime.export.js_host import engine
from timbremap_runtime.export.json_host import content
from timbremap_runtime.export.wasm import instrument

if TYPE_CHECKING:
    from collections.abc import Iterable

    from timbremap_runtime.export.chain import Chain
    from timbremap_runtime.export.voice import Voice

WORKLET = ("sound/voices.js", "sound/worklet.js")
SCRIPT = (
    "sound/voices.js",
    "sound/processors.js",
    "sound/instrument.js",
    "sound/player.js",
    "sound/keyboard.js",
    "sound/midi.js",
    "sound/scope.js",
    "page.js",
)
"""Modules in the order in which they need each other."""

HOW = (
    "Press and drag, or play the keys A W S E D F. With the pad in focus, arrow keys move the point"
)
HOW_Z = "; page up and page down, or the wheel, move z"
"""What the page says under the pad."""

IMPORT = re.compile(r"^import .*;\n", re.MULTILINE)
EXPORT = re.compile(r"^export ", re.MULTILINE)


def write(chain: Chain, voice: Voice | None = None) -> dict[str, str]:
    """Write a map as a page; without a voice it plays a synth on a MIDI output.

    Raises
    ------
    SettingsError
        The voice has another number of parameters than the map.
    FormatError
        The voice lacks a control.
    """
    if voice is not None:
        voice.check(chain)
    data = {"map": content(chain), "instrument": voice and instrument(voice)}
    page = _read("page.html").format(
        description=chain.description.replace("--", "- -"),
        title=html.escape(chain.name),
        sizes=f"{chain.control_size} coordinates play {chain.parameter_size} parameters.",
        how=f"{HOW}{HOW_Z if chain.control_size > 2 else ''}.",
        style=_read("page.css"),
        worklet=bundle(WORKLET),
        data=json.dumps(data).replace("<", "\\u003c"),
        script=engine() + bundle(SCRIPT),
    )
    return {f"{chain.identifier}.html": page}


def bundle(names: Iterable[str]) -> str:
    """Join modules, in the order in which they need each other, to one without imports."""
    texts = (_read(name) for name in names)
    return "\n".join(EXPORT.sub("", IMPORT.sub("", text)) for text in texts)


def _read(name: str) -> str:
    return resources.files("timbremap_runtime.export").joinpath("page", name).read_text("utf-8")

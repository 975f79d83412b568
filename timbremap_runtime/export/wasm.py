"""A Faust voice as WebAssembly, with what a page has to know of it in a section of its own.

Faust writes the controls of a voice into the module as JSON, beside paths of the machine that
compiled it and a word that differs each time. `pack` takes what counts into a custom section named
``timbremap`` and leaves the rest out, so that the same source gives the same bytes.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, cast

from timbremap_runtime.errors import FormatError

if TYPE_CHECKING:
    from timbremap_runtime.export.voice import Voice

MAGIC = b"\0asm\x01\0\0\0"
CUSTOM, DATA = 0, 11
"""Numbers of sections (WebAssembly Core Specification 2.0, 5.5.2)."""
HEAD = b"\x09timbremap"
"""How our section begins: with its name, and before that the length of it."""


@dataclass(frozen=True)
class Program:
    """What a module needs of its host.

    Attributes
    ----------
    size : int
        Bytes of one voice's state, at the beginning of the memory.
    inputs, outputs : int
        Audio channels.
    controls : dict of str to int
        The place of each control in memory, by its address.
    faust : str
        Version of the compiler.
    source : str
        SHA-256 of what was compiled.
    """

    size: int
    inputs: int
    outputs: int
    controls: dict[str, int]
    faust: str
    source: str


def pack(module: bytes, source: str) -> bytes:
    """Take the controls out of what Faust compiled.

    Parameters
    ----------
    module : bytes
        What ``faust -lang wasm`` writes.
    source : str
        SHA-256 of what was compiled.

    Raises
    ------
    FormatError
        It is not what Faust writes.
    """
    parts = list(_sections(module))
    text = next((content for number, content in parts if number == DATA), b"")
    try:
        description: dict[str, Any] = json.loads(text[text.index(b"{") :])
        controls = {each["address"]: each["index"] for each in _items(description["ui"])}
        size, inputs, outputs = (int(description[key]) for key in ("size", "inputs", "outputs"))
        program = Program(size, inputs, outputs, controls, description["version"], source)
    except (ValueError, KeyError, TypeError):
        raise FormatError(
            "the WebAssembly module does not describe its controls; compile it with Faust 2.50 or"
            " later"
        ) from None
    kept = [part for part in parts if part[0] not in (DATA, CUSTOM)]
    section = HEAD + json.dumps(asdict(program), sort_keys=True).encode()
    return MAGIC + b"".join(
        bytes([number]) + _leb128(len(content)) + content
        for number, content in [*kept, (CUSTOM, section)]
    )


def unpack(module: bytes) -> Program:
    """Read the description that `pack` wrote.

    Raises
    ------
    FormatError
        There is none.
    """
    try:
        for number, content in _sections(module):
            if number == CUSTOM and content.startswith(HEAD):
                return Program(**json.loads(content[len(HEAD) :]))
    except (ValueError, TypeError):
        pass
    raise FormatError("not a WebAssembly voice of TimbreMap; make it again from its .dsp file")


def instrument(voice: Voice) -> dict[str, Any]:
    """Return what a page needs to play a voice, as JSON can hold it.

    Returns
    -------
    dict
        ``wasm`` (base64), ``size``, ``inputs``, ``outputs``; the places of ``freq``, ``gain`` and
        ``gate``; ``controls``, for each parameter its ``index`` and what 0 and 127 are for it;
        ``fixed``, pairs of place and value; ``note``, the pitch and velocity that it was learned
        with.

    Raises
    ------
    FormatError
        The voice has no such control, or more than one that goes by that name.
    """
    program = unpack(voice.wasm)

    def place(name: str) -> int:
        ending = f"/{name.strip('/')}"
        found = [index for address, index in program.controls.items() if address.endswith(ending)]
        if len(found) != 1:
            raise FormatError(
                f"{voice.file_name}: {len(found)} controls are named '{name}'; "
                f"there are {', '.join(program.controls)}"
            )
        return found[0]

    return {
        "wasm": base64.b64encode(voice.wasm).decode(),
        "size": program.size,
        "inputs": program.inputs,
        "outputs": program.outputs,
        **{name: place(name) for name in ("freq", "gain", "gate")},
        "controls": [
            {"index": place(each.name), "low": each.low, "high": each.high, "steps": each.steps}
            for each in voice.controls
        ],
        "fixed": [[place(name), value] for name, value in voice.fixed.items()],
        "note": {"pitch": voice.pitch, "velocity": voice.velocity},
    }


def _items(groups: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the controls of Faust's nested groups."""
    for group in groups:
        if "items" in group:
            yield from _items(cast("list[dict[str, Any]]", group["items"]))
        elif "address" in group:
            yield group


def _sections(module: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the number and content of each section."""
    if not module.startswith(MAGIC):
        raise FormatError("not a WebAssembly module; make it again from its .dsp file")
    at = len(MAGIC)
    while at < len(module):
        number, at = module[at], at + 1
        size, shift, more = 0, 0, True
        while more and at < len(module):
            size |= (module[at] & 0x7F) << shift
            more = module[at] >= 0x80
            shift, at = shift + 7, at + 1
        yield number, module[at : at + size]
        at += size


def _leb128(value: int) -> bytes:
    """Write an unsigned number as WebAssembly does."""
    written = bytearray()
    while True:
        value, low = value >> 7, value & 0x7F
        written.append(low | (0x80 if value else 0))
        if not value:
            return bytes(written)

"""Faust voices as WebAssembly, for pages that play them.

The compiler is DawDreamer's, the one that renders the sounds. A module that lies beside its source,
such as ``lfo4.wasm`` beside ``lfo4.dsp``, is taken instead if it was made of that source as it is:
so the instruments that come with TimbreMap play where DawDreamer is not installed.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from timbremap_jax.data.engines.faust import more_sources
from timbremap_jax.data.patch import Patch
from timbremap_runtime.errors import FormatError, MissingExtra
from timbremap_runtime.export.voice import Voice, VoiceControl
from timbremap_runtime.export.wasm import pack, unpack

OPTIONS = ["-ftz", "2"]
"""Numbers too small to be heard become 0: WebAssembly has no switch for that, and they are slow."""


def voice_of(patch: Patch, compiled: bool = True) -> Voice:
    """Return an instrument's voice, with its module unless that is not wanted.

    Raises
    ------
    FormatError
        It does not compile.
    MissingExtra
        It has to be compiled, and DawDreamer is not installed.
    """
    source = Path(patch.source)
    controls = (VoiceControl(p.control, p.low, p.high, p.steps) for p in patch.parameters)
    return Voice(
        source.name,
        source.read_text(encoding="utf-8"),
        tuple(controls),
        patch.fixed,
        patch.note.pitch,
        patch.note.velocity,
        module_of(patch) if compiled else b"",
    )


def module_of(patch: Patch) -> bytes:
    """Return the voice's module: the one beside its source if it fits, or a new one.

    Raises
    ------
    FormatError
        It does not compile.
    MissingExtra
        It has to be compiled, and DawDreamer is not installed.
    """
    try:
        module = Path(patch.source).with_suffix(".wasm").read_bytes()
        if unpack(module).source == digest_of(patch):
            return module
    except (OSError, FormatError):
        pass
    return compile_module(patch)


def digest_of(patch: Patch) -> str:
    """SHA-256 of the voice's source and of the files that it names, whatever ends their lines."""
    digest = hashlib.sha256()
    for file in (Path(patch.source), *sorted(more_sources(patch))):
        text = file.read_text(encoding="utf-8", errors="replace")
        digest.update(f"{file.name}\0{text}\0".encode())
    return digest.hexdigest()


def compile_module(patch: Patch) -> bytes:
    """Compile the voice.

    Raises
    ------
    FormatError
        It does not compile.
    MissingExtra
        DawDreamer is not installed.
    """
    try:
        faust: Any = import_module("dawdreamer.faust")
        box: Any = import_module("dawdreamer.faust.box")
    except ImportError:
        raise MissingExtra("dawdreamer", "render") from None
    source = Path(patch.source)
    try:
        with faust.FaustContext(), _quiet():
            process = box.boxFromDSP(
                source.read_text(encoding="utf-8"), ["-I", str(source.parent.resolve())]
            )
            module: bytes = box.boxToSource(process, "wasm", "voice", OPTIONS)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise FormatError(f"{source}: does not compile: {reason}") from None
    return pack(module, digest_of(patch))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep from the terminal that Faust has no folder for a helper file, which nobody wants."""
    sys.stderr.flush()
    before = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)
        os.close(nowhere)

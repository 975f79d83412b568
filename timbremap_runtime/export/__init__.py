"""A map as code for other hosts, so that it plays without Python.

A new host is a file beside these with ``write(chain)``, which returns the text of each file by its
name, and a line in `HOSTS`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from timbremap_runtime.errors import SettingsError
from timbremap_runtime.export.chain import describe, describe_model

if TYPE_CHECKING:
    from timbremap_runtime.export.chain import Chain
    from timbremap_runtime.export.voice import Voice

__all__ = ["HOSTS", "WITH_VOICE", "describe", "describe_model", "write"]

HOSTS = {
    "faust": "a library, and with the voice a whole instrument whose knobs are the point",
    "c": "one header for C99 and C++, float and double",
    "js": "one module, for browsers, Node and Max's v8",
    "pd": "an abstraction for Pure Data, of vanilla objects",
    "supercollider": "a function file for sclang, also for UGens",
    "max": "for Max: a patch, a script for v8, a codebox for gen~",
    "page": "one HTML file with pad and instrument, that plays from a disk",
    "json": "every number with names, units and ranges",
}
"""What is written for each host; the host's file has its name."""


WITH_VOICE = ("faust", "page")
"""Hosts that make an instrument of a map and a Faust voice."""


def write(chain: Chain, host: str, voice: Voice | None = None) -> dict[str, str]:
    """Write a map as the files of a host.

    Parameters
    ----------
    chain : Chain
        The map.
    host : str
        A key of `HOSTS`.
    voice : Voice, optional
        The instrument's voice, for the hosts of `WITH_VOICE`.

    Returns
    -------
    dict of str to str
        The text of each file, by its name.

    Raises
    ------
    SettingsError
        If the host is unknown, or the voice has other parameters than the map.
    """
    if host not in HOSTS:
        raise SettingsError(f"unknown host '{host}'; choose one of {', '.join(HOSTS)}")
    module = import_module(f"{__name__}.{host}_host")
    return module.write(chain) if voice is None else module.write(chain, voice)

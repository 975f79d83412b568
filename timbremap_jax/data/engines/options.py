"""What ``patch.toml`` says to one engine alone."""

from __future__ import annotations

from dataclasses import fields
from typing import TypeVar

from timbremap_jax.data.patch import Patch
from timbremap_runtime.errors import FormatError, SettingsError

T = TypeVar("T")


def read_options(patch: Patch, kind: type[T]) -> T:
    """Make ``kind``, a dataclass of defaults, from the patch's table of the engine's name.

    Raises
    ------
    FormatError
        The table has a key that ``kind`` does not have, or a value of another type.
    """
    defaults = {field.name: field.default for field in fields(kind)}  # pyright: ignore[reportArgumentType]
    for key, value in patch.options.items():
        if key not in defaults:
            known = ", ".join(defaults)
            raise FormatError(f"{patch.file}: [{patch.engine}] has no '{key}'; known are {known}")
        wanted = type(defaults[key])
        if type(value) is not wanted and not (wanted is float and type(value) is int):
            raise FormatError(
                f"{patch.file}: '{key}' of [{patch.engine}] should be like {defaults[key]!r},"
                f" not {value!r}"
            )
    try:
        return kind(**patch.options)
    except SettingsError as error:
        raise FormatError(f"{patch.file}: [{patch.engine}]: {error}") from None

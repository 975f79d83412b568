"""Files that are whole or not there: written under a temporary name, then renamed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timbremap_runtime.errors import PathError, TimbreMapError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``, renamed to it when the block ends well.

    When the block fails the temporary file is removed and ``path`` is as it was.

    Raises
    ------
    PathError
        The disk is full, or may not be written to.

    Examples
    --------
    >>> with replacing(Path("notes.txt")) as temporary:
    ...     temporary.write_text("all of it")
    """
    # Hidden, and with the ending kept: writers choose their format by it.
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if not isinstance(error, OSError) or isinstance(error, TimbreMapError):
            raise
        if not path.parent.is_dir():
            raise PathError(f"{path}: there is no folder {path.parent}") from None
        raise PathError(
            f"{path}: cannot be written ({error.strerror}); choose another folder or make room, and"
            " run the command again (tm-generate and tm-train continue with --resume)"
        ) from None


def save_bytes(path: Path, content: bytes | memoryview) -> None:
    """Write ``content``, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def save_array(path: Path, array: NDArray[Any]) -> None:
    """Write ``array`` as ``.npy``, whole or not at all."""
    with replacing(path) as temporary:
        np.save(temporary, array)


def save_arrays(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Write some arrays as ``.npz``, by their names, whole or not at all."""
    with replacing(path) as temporary:
        np.savez(temporary, allow_pickle=False, **arrays)


def save_json(path: Path, content: Any) -> None:
    """Write ``content`` as readable JSON, whole or not at all."""
    save_bytes(path, (json.dumps(content, indent=2) + "\n").encode())

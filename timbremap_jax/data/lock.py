"""One run at a time in a folder."""

from __future__ import annotations

import errno
import json
import os
import shlex
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from timbremap_jax.data.files import save_json
from timbremap_runtime.errors import PathError

LOCK = ".timbremap.lock"
"""What the run at work holds. The system lets go of it when the process ends, however it ends."""

OWNER = ".timbremap.owner.json"
"""Who holds it. It says nothing while `LOCK` is free: a killed run leaves it behind."""

CANNOT_LOCK = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP}
"""Of network folders without locks. Runs there are not kept apart."""


@contextmanager
def at_work_in(folder: Path, command: Sequence[str] = ()) -> Iterator[None]:
    """Make a folder if it is missing, and keep other runs out of it while the block runs.

    A block that fails leaves no empty folders behind, so that the corrected command finds all as it
    was.

    Parameters
    ----------
    folder : Path
        The folder.
    command : sequence of str
        What was typed, to tell whoever comes second.

    Raises
    ------
    PathError
        Another run is at work in it; it may not be written to; it is a file.

    Examples
    --------
    >>> with at_work_in(Path("data/fm"), ["tm-features", "data/fm"]):
    ...     Path("data/fm/features.npy").touch()
    """
    with ExitStack() as stack:
        try:
            _make(folder, stack)
            _lock(folder, stack)
            _sign(folder, command, stack)
        except Timeout:
            raise PathError(
                f"{folder}: another run is at work in it{_owner(folder)}; wait until it has ended,"
                " or choose another folder"
            ) from None
        except (FileExistsError, NotADirectoryError):
            raise PathError(f"{folder}: is a file, or lies in one; choose another folder") from None
        except PathError:
            raise
        except OSError as error:
            raise PathError(
                f"{folder}: cannot be written ({error.strerror}); choose another folder, or change"
                " its permissions"
            ) from None
        yield


def _make(folder: Path, stack: ExitStack) -> None:
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):  # a stack: the innermost is removed first
        stack.callback(_remove_if_empty, each)
    folder.mkdir(parents=True, exist_ok=True)


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def _lock(folder: Path, stack: ExitStack) -> None:
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(blocking=False)
    except OSError as error:
        if error.errno not in CANNOT_LOCK:
            raise
        return
    stack.callback(lock.release)
    stack.callback(_remove, folder / LOCK)


def _remove(file: Path) -> None:
    with suppress(OSError):
        file.unlink()


def _sign(folder: Path, command: Sequence[str], stack: ExitStack) -> None:
    stack.callback(_remove, folder / OWNER)
    owner = {
        "command": list(command),
        "process": os.getpid(),
        "host": socket.gethostname(),
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
    }
    save_json(folder / OWNER, owner)


def _owner(folder: Path) -> str:
    """Say who is at work, as far as it can be read."""
    try:
        owner = json.loads((folder / OWNER).read_text(encoding="utf-8"))
        command = [*map(str, owner["command"])]
        who = f"process {owner['process']} on {owner['host']} since {owner['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return f" ({who}{f':  {shlex.join(command)}' if command else ''})"

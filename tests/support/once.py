"""Folders that take seconds to make, made once for all processes that the tests run in."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock


def make_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return a folder that ``make`` has filled, in this process of the test run or in another.

    ``make`` is given a folder that does not exist. Tests only read what is in it.
    """
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # which all workers of a run have in common
    folder, done = base / "once" / name, base / f"{name.replace('/', '-')}.done"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(done.with_suffix(".lock")):
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)  # where it failed before
            make(folder)
            done.touch()
    return folder

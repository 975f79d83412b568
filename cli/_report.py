"""What is kept of an error that nobody foresaw, for those who mend it."""

from __future__ import annotations

import platform
import re
import tempfile
import traceback
from datetime import UTC, datetime
from importlib import metadata


def report(error: Exception, typed: str) -> str:
    """Write all that is known of an unforeseen error to a file, and return a line that names it."""
    what = "".join(traceback.format_exception_only(error)).strip()
    lines = [
        typed,
        datetime.now(UTC).isoformat(timespec="seconds"),
        f"Python {platform.python_version()}, {platform.platform()}",
        *versions(),
        "",
        *traceback.format_exception(error),
    ]
    try:
        with tempfile.NamedTemporaryFile(
            "w",
            prefix="timbremap-",
            suffix=".txt",
            delete=False,
            encoding="utf-8",
            errors="backslashreplace",
        ) as file:
            file.write("\n".join(lines))
    except OSError:
        return f"{what}; this is a fault in TimbreMap, and no report of it could be written"
    return f"{what}; this is a fault in TimbreMap: please report it, with the file {file.name}"


def versions() -> list[str]:
    """Return the version of TimbreMap and of each installed package that it may use."""
    names = {"timbremap"}
    for requirement in metadata.requires("timbremap") or []:
        names.add(re.split(r"[^\w.-]", requirement, maxsplit=1)[0])
    found: list[str] = []
    for name in sorted(names):
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            found.append(f"{name} is not installed")
    return found

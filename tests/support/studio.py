"""A studio to play with in tests: the command itself, in a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from tests.support.osc_client import free_port
from tests.support.paths import REPOSITORY


class Running(NamedTuple):
    """Where a studio serves its page, where it listens for OSC, and its process."""

    url: str
    osc_port: int
    process: subprocess.Popen[str]


@contextmanager
def running_studio(*arguments: str) -> Iterator[Running]:
    """Run ``tm-studio``; it is told to end afterwards, and must do so."""
    command = [sys.executable, "-m", "timbremap_cli.studio", "--no-browser", "--osc-port", "0"]
    if "--port" not in arguments:
        command += ["--port", "0"]
    if "--to" not in arguments:
        command += ["--to", str(free_port())]
    process = subprocess.Popen(
        [*command, *arguments], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    try:
        said = process.stdout.readline() + process.stdout.readline()
        url, osc_port = re.findall(r"open  (\S+)|OSC in on \S+:(\d+)", said)
        yield Running(url[0], int(osc_port[1]), process)
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


def until(page: Any, condition: str, timeout_s: float = 10.0) -> None:
    """Wait until a function of the page returns true.

    Playwright's own way evaluates text in the page, which the page's policy forbids.
    """
    end = time.monotonic() + timeout_s
    while not page.evaluate(condition):
        assert time.monotonic() < end, condition
        page.wait_for_timeout(10)

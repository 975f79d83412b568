"""A studio to play with in tests: the command itself, in a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

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

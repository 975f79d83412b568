from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from timbremap_cli import serve

from tests.support.osc_client import Client, free_port, hostile, make_library, make_map
from tests.support.paths import REPOSITORY, command
from timbremap_runtime.errors import FormatError, PathError
from timbremap_runtime.service.message_log import Recorder, read_recording


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_library(tmp_path_factory.mktemp("library"))


@pytest.fixture
def client() -> Iterator[Client]:
    client = Client()
    yield client
    client.close()


def start(*arguments: object) -> tuple[subprocess.Popen[str], str]:
    """Start tm-serve; give it and its first line."""
    run = subprocess.Popen(
        [command("tm-serve"), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert run.stdout
    line = run.stdout.readline()
    assert line, run.communicate()[1]
    return run, line


def listening(line: str) -> tuple[str, int]:
    host, port = line.split("listening on ")[1].split(",")[0].split(":")
    return host, int(port)


def test_the_command_serves_until_it_is_told_to_end(library: Path, client: Client, tmp_path: Path):
    take = tmp_path / "take.jsonl"
    run, line = start(
        library, "--port", 0, "--to", client.port, "--status", "--record", take, "--named"
    )
    assert line.startswith("one: 3 controls, 4 parameters (rate, duty, shape, 5 1/3')")
    client.to = listening(line)
    assert client.to[0] == "127.0.0.1"
    assert client.wait_for("/tm/loaded")[0] == "one"
    for i in range(50):
        client.send("/tm/c", i / 50, 0.5, 0.5)
        time.sleep(0.002)
    client.send("/tm/nothing")
    assert "no such address" in client.wait_for("/tm/error")[0]
    time.sleep(1.2)
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=10)
    assert run.returncode == 0
    assert "/tm/load takes one, two, wide" in out
    assert "latency p50" in out
    assert "Traceback" not in err
    assert len(list(read_recording(take))) == 51
    # What was recorded plays again to the same end.
    client.drain()
    replay = subprocess.run(
        [command("tm-serve"), library, "--port", "0", "--to", str(client.port), "--replay", take],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert "Traceback" not in replay.stderr
    *_, (_, last) = [message for message in client.drain() if message[0] == "/tm/p"]
    assert last == pytest.approx(make_map(0).forward([49 / 50, 0.5, 0.5]), abs=1e-4)


def memory_kib(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


def test_a_hundred_thousand_packets_leave_it_running_and_small(
    library: Path, client: Client, tmp_path: Path
):
    generator = np.random.default_rng(0)
    log = tmp_path / "serve.log"
    run, line = start(library, "--load", "one", "--port", 0, "--to", free_port(), "--log", log)
    client.to = listening(line)
    pool = [hostile(generator, client.to) for _ in range(5000)]
    measured = sys.platform == "linux"
    before = 0
    try:
        for i in range(100_000):
            client.socket.sendto(pool[int(generator.integers(len(pool)))], client.to)
            if i % 50 == 49:  # not faster than they are read
                client.send("/tm/ping", i)
                while client.wait_for("/tm/pong") != [i]:
                    pass
            if i == 20_000 and measured:
                before = memory_kib(run.pid)
        assert not measured or memory_kib(run.pid) - before < 1024
        client.send("/tm/get")
        assert client.wait_for("/tm/loaded")[0] == "one"
    finally:
        run.send_signal(signal.SIGINT)
        _, err = run.communicate(timeout=10)
    assert run.returncode == 0
    assert "Traceback" not in err


def test_the_page_s_python_plays_and_listens(library: Path, capsys: pytest.CaptureFixture[str]):
    page = (REPOSITORY / "docs" / "performing.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.S)
    assert len(blocks) == 2
    ours = Client()  # for a port that is free
    to = ours.port
    ours.close()
    run, line = start(library, "--port", 0, "--to", to)
    try:
        _, port = listening(line)
        code = "".join(blocks).replace("9000", str(port)).replace("9001", str(to))
        script: dict[str, Any] = {}
        exec(code, script)
        script["client"]._sock.close()
        assert re.match(r"/tm/p( \d+\.\d+){4}", capsys.readouterr().out)
    finally:
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=10)


def test_a_port_in_use_is_said(library: Path, client: Client, capsys: pytest.CaptureFixture[str]):
    assert serve.main([str(library), "--port", str(client.port)]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"error: 127.0.0.1:{client.port} cannot be listened on")
    assert said.count("\n") == 1


def test_a_folder_without_models_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert serve.main([str(tmp_path)]) == 1
    assert f"error: {tmp_path}: no model in it" in capsys.readouterr().err


@pytest.mark.parametrize("to", ["9001x", "0", "70000", "host:", ""])
def test_a_target_that_is_none_is_wrong_usage(
    to: str, library: Path, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit) as caught:
        serve.main([str(library), "--to", to])
    assert caught.value.code == 2
    assert "is not a port" in capsys.readouterr().err


def test_a_recording_is_read_as_it_was_written(tmp_path: Path):
    now = [0.0]
    recorder = Recorder(tmp_path / "take.jsonl", clock=lambda: now[0])
    for address, values in (("/tm/c", (0.25, 1)), ("/tm/load", ("one",)), ("/x", (b"blob",))):
        recorder.write(address, values)
        now[0] += 0.5
    recorder.close()
    events = list(read_recording(tmp_path / "take.jsonl"))
    assert events == [(0.0, "/tm/c", (0.25, 1)), (0.5, "/tm/load", ("one",))]
    with pytest.raises(PathError, match="is there already"):
        Recorder(tmp_path / "take.jsonl")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[0.0, "/tm/c", 1]\nnonsense', "line 2: 'nonsense' is not"),
        ("[]", "line 1"),
        ('[1.0, "/a"]\n[0.5, "/a"]', "line 2: time runs backwards"),
        ('["x", "/a"]', "line 1"),
    ],
)
def test_a_recording_that_is_none_names_the_line(text: str, said: str, tmp_path: Path):
    (tmp_path / "take.jsonl").write_text(text)
    with pytest.raises(FormatError, match=said):
        list(read_recording(tmp_path / "take.jsonl"))
    with pytest.raises(FormatError, match="not a recording"):
        list(read_recording(tmp_path / "missing.jsonl"))


def test_nothing_is_recorded_of_what_did_not_begin(library: Path, tmp_path: Path):
    take = tmp_path / "take.jsonl"
    assert serve.main([str(library), "--port", "0", "--record", str(take), "--load", "no"]) == 1
    assert not take.exists()


@pytest.mark.parametrize("port", ["99999", "-1", "x"])
def test_a_port_that_cannot_be_is_wrong_usage(library: Path, port: str):
    with pytest.raises(SystemExit):
        serve.main([str(library), "--port", port])

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from timbremap_cli import serve

import timbremap_runtime as tm
from tests.support.osc_client import Client, free_port, hostile, make_library, make_map
from tests.support.paths import REPOSITORY, command
from timbremap_runtime.service.message_log import read_messages


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


@pytest.mark.slow
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
    client.send("/tm/nothing")
    assert "unknown address" in client.wait_for("/tm/error")[0]
    assert run.stdout
    assert run.stdout.readline() == "/tm/load takes one, two, wide\n"
    while "latency p50" not in (line := run.stdout.readline()):  # once a second
        assert line.startswith("in ")
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=10)
    assert run.returncode == 0
    assert "Traceback" not in err
    assert len(list(read_messages(take))) == 51
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


@pytest.mark.slow
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
            # Python's own pools fill up first, and end at 6 MiB after half a million packets.
            if i == 50_000 and measured:
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
    assert said.startswith(f"error: cannot listen on 127.0.0.1:{client.port} ")
    assert said.count("\n") == 1


def test_a_folder_without_models_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert serve.main([str(tmp_path)]) == 1
    assert f"error: {tmp_path}: contains no model" in capsys.readouterr().err


@pytest.mark.parametrize("to", ["9001x", "0", "70000", "host:", ""])
def test_a_target_that_is_none_is_wrong_usage(
    to: str, library: Path, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit) as caught:
        serve.main([str(library), "--to", to])
    assert caught.value.code == 2
    assert "is not a port; use" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--log", "--record"])
def test_a_file_that_cannot_be_written_is_said(
    option: str, library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    file = tmp_path / "missing" / "file"
    assert serve.main([str(library), "--port", "0", option, str(file)]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"error: {file}: cannot be written (No such file or directory); ")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    "refused",
    [
        ["--load", "no"],
        ["--to", "no-such-host.invalid:9001"],
        ["--host", "no-such-host.invalid"],
        ["--smooth", "-1"],
        ["--replay", "missing.jsonl"],
    ],
    ids=lambda refused: refused[0],
)
def test_a_refused_command_leaves_nothing_that_refuses_the_corrected_one(
    refused: list[str], library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    take = tmp_path / "take.jsonl"
    words = [str(library), "--port", "0", "--record", str(take)]
    assert serve.main([*words, *refused]) == 1
    assert capsys.readouterr().err.startswith("error: ")
    assert not take.exists()
    (tmp_path / "log.jsonl").write_text('[0.0, "/tm/c", 0.5, 0.5, 0.5]\n')
    assert serve.main([*words, "--replay", str(tmp_path / "log.jsonl")]) == 0
    assert len(list(read_messages(take))) == 1


def test_a_terminal_of_another_code_page_takes_every_name(tmp_path: Path):
    tm.save(make_map(0), tmp_path / "音" / "timbremap")
    (tmp_path / "log.jsonl").write_text("")
    run = subprocess.run(
        [command("tm-serve"), tmp_path, "--port", "0", "--replay", tmp_path / "log.jsonl"],
        env={**os.environ, "PYTHONIOENCODING": "cp437"},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("\\u97f3: 3 controls")


def test_parameters_named_by_numbers_are_pointed_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    tm.save(make_map(0), tmp_path / "m" / "timbremap")
    (tmp_path / "m" / "config.json").write_text('{"parameters": ["1", "2", "3", "x"]}')
    (tmp_path / "log.jsonl").write_text("")
    assert serve.main([str(tmp_path), "--port", "0", "--replay", str(tmp_path / "log.jsonl")]) == 0
    assert "/tm/p/_1, /tm/p/_2, /tm/p/_3\n" in capsys.readouterr().out


def test_ccs_that_cannot_be_are_said(
    library: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    assert serve.main([str(library), "--port", "0", "--midi", "Pad", "--midi-cc", "1,1"]) == 1
    assert capsys.readouterr().err == (
        "error: --midi-cc 1,1: CC 1 is given twice; use another one for each coordinate\n"
    )


@pytest.mark.parametrize("port", ["99999", "-1", "x"])
def test_a_port_that_cannot_be_is_wrong_usage(library: Path, port: str):
    with pytest.raises(SystemExit):
        serve.main([str(library), "--port", port])

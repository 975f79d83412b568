"""tm-studio: what it says before it serves."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from timbremap_cli import studio

from tests.support.osc_client import make_library


def test_it_lists_the_models(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert studio.main([str(make_library(tmp_path / "library")), "--list"]) == 0
    assert capsys.readouterr().out.split() == ["one", "two", "wide"]
    assert studio.main(["--list"]) == 0
    assert "fm" in capsys.readouterr().out.split()


def test_what_cannot_be_served_is_said_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    library = str(make_library(tmp_path / "library"))
    (tmp_path / "empty").mkdir()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for arguments, said in (
            ([library, "--port", port], f"cannot listen on 127.0.0.1:{port}"),
            ([library, "--port", "0", "--load", "three"], "no model 'three'"),
            ([library, "--port", "0", "--to", "no.such.host:1"], "give another host to --to"),
            ([library, "--host", "no.such.host"], "cannot listen on no.such.host"),
            ([str(tmp_path / "empty")], "contains no model"),
            ([str(tmp_path / "nothing")], "contains no model"),
            ([library, "--midi-out", "none", "--port", "0"], "MIDI"),
        ):
            assert studio.main([*arguments, "--no-browser"]) == 1, arguments
            line = capsys.readouterr().err
            assert line.startswith("error: ")
            assert line.count("\n") == 1
            assert said in line


def test_a_port_that_is_taken_gives_way_to_a_free_one():
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", studio.PORT))
        except OSError:
            pass  # somebody else has it
        else:
            taken.listen()
        with studio.bound("127.0.0.1", None) as found:
            assert found.getsockname()[1] not in (0, studio.PORT)

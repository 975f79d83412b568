from __future__ import annotations

import argparse
import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from timbremap_cli import _common

from tests.support.paths import command
from timbremap_runtime.errors import SettingsError


def failing(error: BaseException) -> _common.Command:
    def main(argv: list[str] | None = None) -> None:
        raise error

    return _common.command(main)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (SettingsError("x: no"), "x: no"),
        (SettingsError("a file\nof two lines: no"), "a file of two lines: no"),
        (OSError(errno.ENOSPC, "No space left on device"), "no space left on device; choose"),
        (PermissionError(errno.EACCES, "Permission denied", "x"), "x: permission denied; choose"),
        (IsADirectoryError(errno.EISDIR, "Is a directory", "x"), "x: is a directory; name a file"),
        (OSError("PortAudio library not found"), "portAudio library not found"),
        (OSError(), "oSError"),
        (ModuleNotFoundError(name="jax.numpy"), "jax is not installed; run  pip install"),
        (MemoryError(), "not enough memory; close"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_foreseen_error_is_one_line(
    error: Exception, line: str, capsys: pytest.CaptureFixture[str]
):
    assert failing(error)([]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"error: {line}")
    assert said.count("\n") == 1


@pytest.mark.parametrize("error", [KeyError("rate"), ModuleNotFoundError(name="timbremap_jax.x")])
def test_an_unforeseen_error_is_a_line_that_names_a_report(
    error: Exception,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert failing(error)(["a b", "\udcff.wav"]) == 1
    said = capsys.readouterr().err
    (report,) = tmp_path.iterdir()
    assert said.startswith(f"error: {type(error).__name__}")
    assert said.endswith(f"please report it, with the file {report}\n")
    assert said.count("\n") == 1
    text = report.read_text(encoding="utf-8")
    assert text.startswith("tm-test_common 'a b' '\\udcff.wav'\n")
    assert "\nPython 3." in text
    assert "\ntimbremap 0." in text
    assert re.search(r"\nnumpy \d", text)
    assert re.search(r"Traceback .*test_common\.py.*raise error\n", text, re.DOTALL)


def test_a_report_that_cannot_be_written_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    assert failing(KeyError("rate"))([]) == 1
    assert capsys.readouterr().err == (
        "error: KeyError: 'rate'; this is a fault in TimbreMap, and no report of it could be"
        " written\n"
    )


def test_a_line_that_is_no_text_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file = tmp_path / "x.txt"
    file.write_text("1,2", encoding="utf-16")

    def main(argv: list[str] | None = None) -> None:
        file.read_text(encoding="utf-8")

    assert _common.command(main)([]) == 1
    assert capsys.readouterr().err == (
        "error: the input is not utf-8 text (byte 0xff at 0); save it as UTF-8\n"
    )


def test_a_name_that_is_no_text_is_said(capsys: pytest.CaptureFixture[str]):
    def main(argv: list[str] | None = None) -> None:
        "sound\udcff.wav".encode()

    assert _common.command(main)([]) == 1
    assert capsys.readouterr().err == (
        "error: sound\\udcff.wav: this name is not utf-8 text; rename the file or folder\n"
    )


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437"])
def test_any_name_can_be_printed_whatever_the_terminal_takes(encoding: str):
    """As a Windows console and a redirected output have it: another code page than UTF-8."""
    code = (
        "from timbremap_cli._common import command, parser\n"
        "@command\n"
        "def main(argv=None):\n"
        "    print('сад☃')\n"
        "    raise OSError('сад☃')\n"
        "raise SystemExit(main([]))\n"
    )
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    run = [sys.executable, "-c", code]
    done = subprocess.run(run, env=environment, capture_output=True, check=False)
    escaped = rb"\u0441\u0430\u0434\u2603"
    assert (done.returncode, done.stdout.strip()) == (1, escaped)
    assert done.stderr.strip() == b"error: " + escaped


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every file name is text")
@pytest.mark.parametrize("name", ["generate", "features", "train", "plot", "encode", "map"])
def test_a_folder_whose_name_is_no_text_is_one_line(name: str, tmp_path: Path):
    folder = os.fsencode(tmp_path) + b"/\xff"
    os.mkdir(folder)
    more = {"generate": ["data"], "train": ["model"], "encode": ["x.wav"], "map": ["1", "2", "3"]}
    run = [command(f"tm-{name}"), folder, *more.get(name, [])]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "\\udcff" in done.stderr
    assert done.stderr.count("\n") == 1
    assert "fault in TimbreMap" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has another error for it")
def test_a_reader_that_has_seen_enough_ends_it_without_a_word(model_dir: Path):
    run = subprocess.Popen(
        [command("tm-map"), model_dir],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert run.stdin and run.stdout and run.stderr
    run.stdin.write(b"0.5,0.5,0.5\n")
    run.stdin.flush()
    assert run.stdout.readline()
    run.stdout.close()
    run.stdin.write(b"0.5,0.5,0.5\n")
    run.stdin.close()
    assert run.stderr.read() == b""
    run.stderr.close()
    assert run.wait(20) == 1


@pytest.mark.parametrize(
    ("text", "note"), [("A2", 45), ("c4", 60), ("F#3", 54), ("Bb-1", 10), ("45", 45), ("-3", -3)]
)
def test_notes_have_names(text: str, note: int):
    assert _common.pitch(text) == note


@pytest.mark.parametrize("text", ["H2", "A", "4.5", "A#b2", "", "²", "1" * 5000])
def test_an_invalid_note_is_said(text: str):
    with pytest.raises(argparse.ArgumentTypeError, match="; use 0 to 127 or a name such as A2"):
        _common.pitch(text)


@pytest.mark.parametrize("number", [0, 1, 2**32 - 1])
def test_a_seed_is_taken(number: int):
    assert _common.seed(str(number)) == number


@pytest.mark.parametrize("text", ["-1", str(2**32), str(2**63), "1.5", "", "x", "٣", "9" * 5000])
def test_what_is_no_seed_is_said(text: str):
    with pytest.raises(argparse.ArgumentTypeError, match="is not a seed; use a whole number"):
        _common.seed(text)


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", "", "9" * 5000])
def test_what_is_no_number_above_zero_is_said(text: str):
    with pytest.raises(argparse.ArgumentTypeError, match="is not a whole number above zero"):
        _common.positive(text)

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from timbremap_jax.data.lock import at_work_in
from timbremap_runtime.errors import PathError

HOLD = """
import sys
from pathlib import Path
from timbremap_jax.data.lock import at_work_in
with at_work_in(Path(sys.argv[1]), ["tm-generate", "a synth", "data"]):
    print("at work", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def hold(tmp_path: Path):
    """A function that lets another process be at work in a folder."""
    running: list[subprocess.Popen[str]] = []

    def start(folder: Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", HOLD, str(folder)]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        running.append(process)
        assert process.stdout and process.stdout.readline() == "at work\n"
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def test_the_second_run_is_told_who_is_at_work(
    tmp_path: Path, hold: Callable[[Path], subprocess.Popen[str]]
):
    folder = tmp_path / "data"
    first = hold(folder)
    told = rf"data: another run is at work in it \(process {first.pid} on .* since .*:  tm-generate"
    with pytest.raises(PathError, match=told), at_work_in(folder):
        pass
    # The first one is not disturbed, and neither is its lock.
    assert first.poll() is None
    with pytest.raises(PathError, match=told), at_work_in(folder):
        pass
    first.communicate("")
    with at_work_in(folder):
        pass


def test_a_killed_run_holds_nothing(tmp_path: Path, hold: Callable[[Path], subprocess.Popen[str]]):
    first = hold(tmp_path)
    first.kill()
    first.wait()
    with at_work_in(tmp_path, ["me"]):
        (tmp_path / "done").touch()
    assert [file.name for file in tmp_path.iterdir()] == ["done"]


def test_two_of_one_process_are_kept_apart_too(tmp_path: Path):
    with at_work_in(tmp_path):
        with pytest.raises(PathError, match=f"process {os.getpid()}"), at_work_in(tmp_path):
            pass
        with pytest.raises(PathError, match="another run"), at_work_in(tmp_path):
            pass


def test_what_fails_leaves_no_empty_folders_behind(tmp_path: Path):
    folder = tmp_path / "a" / "b"
    with pytest.raises(KeyError), at_work_in(folder):
        assert folder.is_dir()
        raise KeyError
    assert list(tmp_path.iterdir()) == []
    # What is in them stays, and so do folders that were there.
    (tmp_path / "a").mkdir()
    with pytest.raises(KeyError), at_work_in(folder):
        raise KeyError
    assert [file.name for file in tmp_path.iterdir()] == ["a"]
    with pytest.raises(KeyError), at_work_in(folder):
        (folder / "kept").touch()
        raise KeyError
    assert [file.name for file in folder.iterdir()] == ["kept"]


def test_what_cannot_be_a_folder_is_said(tmp_path: Path):
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "data"):
        with pytest.raises(PathError, match="is a file, or lies in one"), at_work_in(folder):
            pass
    with pytest.raises(PathError, match="cannot be written"), at_work_in(tmp_path / ("x" * 300)):
        pass
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


AS_NOBODY = """
import os, sys
from pathlib import Path
from timbremap_jax.data.lock import at_work_in
from timbremap_runtime.errors import PathError
with at_work_in(Path(sys.argv[1])):
    pass  # all is imported now
if os.getuid() == 0:
    os.setuid(65534)
os.chmod(sys.argv[1], 0o555) if os.stat(sys.argv[1]).st_uid == os.getuid() else None
for name in ("", "new"):
    try:
        with at_work_in(Path(sys.argv[1], name)):
            pass
    except PathError as error:
        print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="permissions as POSIX has them")
def test_a_folder_that_may_not_be_written_is_said():
    # Root may write anywhere, so it becomes nobody, who must be able to look into the folder.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        command = [sys.executable, "-c", AS_NOBODY, folder]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        Path(folder).chmod(0o755)
    assert done.stdout.splitlines() == [
        f"{each}: cannot be written (Permission denied); choose another folder, or change its"
        " permissions"
        for each in (folder, f"{folder}/new")
    ]

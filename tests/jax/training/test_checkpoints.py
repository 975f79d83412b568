from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from timbremap_cli import train

from tests.support.paths import command

LIMITED = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Lets the system refuse to write beyond 20 KB of any file."""


def test_a_full_disk_is_one_line_and_nothing_is_written(
    data_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    folder = tmp_path / "m"
    options = ["--cnn", "--epochs", "1", "--batch", "16", str(data_dir), str(folder)]
    nearly_full = shutil.disk_usage(tmp_path)._replace(free=100_000)
    with monkeypatch.context() as full:
        full.setattr(shutil, "disk_usage", lambda _: nearly_full)
        assert train.main(options) == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"error: {folder / 'checkpoint'}: cannot be written (No space left on device); make room"
        " and resume the run"
    )
    assert [file.name for file in folder.iterdir()] == ["config.json"]
    assert train.main(options) == 0


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process are those of Unix")
def test_a_checkpoint_that_the_system_refuses_names_the_reason(data_dir: Path, tmp_path: Path):
    folder = tmp_path / "m"
    options = ["--cnn", "--epochs", "1", "--batch", "16", str(data_dir), str(folder)]
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, command("tm-train"), *options],
        capture_output=True,
        text=True,
        env={**os.environ, "JAX_ENABLE_COMPILATION_CACHE": "false"},
    )
    assert done.returncode == 1
    # Orbax may print among it that an event loop of its own is closed.
    assert "cannot be written (File too large); make room and resume the run" in done.stderr
    assert "fault in TimbreMap" not in done.stderr
    subprocess.run([command("tm-train"), "--resume", *options], check=True)

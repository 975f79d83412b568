"""Every command that the documentation tells to type is run, in the order of its page.

Each page has a folder of its own with what the reader has by then. Fewer sounds and epochs than the
page says, and a free port; nothing else is changed. What needs hardware ends as told without it.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from timbremap_cli import demo

import timbremap_runtime as tm
from tests.docs.test_documents import PAGES, WITH_COMMANDS, commands, shell_lines
from tests.support.commands import COMMANDS
from tests.support.paths import REPOSITORY, command
from timbremap_jax.data.audio.sounds import find_fault

N_EXAMPLES = 40
N_DEMO = 200
"""Of which 20 are for test: with fewer there is no report."""
AMSYNTH = Path("/usr/lib/vst/amsynth_vst.so")

NEEDS = {
    "your_own_synth.md": (AMSYNTH.exists() and shutil.which("pd"), "amsynth and Pure Data"),
}

NOT_HERE = {
    "make test": "is what runs this",
    "make install": "has been run where this runs",
    "source .venv/bin/activate": "the tests call the commands by their paths",
    "tm-map --help": "test_cli.py asks every command for help",
    "make demo": "test_the_demo_ends_in_sounds_and_pictures runs what it does",
    "make api": "test_api_pages.py runs what it does",
    "make bench": "takes minutes",
    "make bench-short": "test_benchmarks_run runs what it does",
    "python benchmarks": "takes minutes",
    "python benchmarks/bench_frame.py": "takes minutes",
    "python benchmarks/bench_training.py": "needs PyTorch",
    "pip install torch": "needs the network",
    "cc fm_example.c -o fm -lm": "test_export_pages.py runs it",
    "./fm note.wav 0.2 0.8 0.5": "test_export_pages.py runs it",
}


def given(page: Path, workplace: Path, data_dir: Path, model_dir: Path) -> None:
    """What a reader has when he comes to this page."""
    shutil.copytree(REPOSITORY / "patches", workplace / "patches")
    if page.name == "from_the_original.md":
        for variant in ("fm", "pwm"):  # as the original has them
            shutil.copytree(data_dir, workplace / "patches/subtractive/lfo4/data" / variant)
    elif page.name == "training.md":
        shutil.copytree(data_dir, workplace / "data" / "fm")
        (workplace / "recordings").mkdir()
        for name in ("bell", "gong"):
            shutil.copy(data_dir / "wavs" / "ex_0.wav", workplace / "recordings" / f"{name}.wav")
    elif page.name in ("pictures.md", "studio.md"):
        shutil.copytree(model_dir, workplace / "demo" / "model")
    elif page.name == "listening.md":
        for name in ("fm", "fm_longer"):
            shutil.copytree(model_dir, workplace / "models" / name)
            (workplace / "models" / name / "latent.npy").unlink()  # of too few test sounds
        tm.save(tm.load(model_dir), workplace / "jg_timbremap_am")
    elif page.name == "performing.md":
        shutil.copytree(model_dir, workplace / "models" / "fm")


def shortened(line: str) -> list[str]:
    """Words of a command, with less to do, and file patterns written out as a shell does."""
    line = re.sub(r"--examples \d+", f"--examples {N_EXAMPLES}", line)
    line = re.sub(r"--epochs \d+", "--epochs 1", line)
    if line.startswith("tm-report"):
        line += " --quick"
    if line.startswith("tm-train") and "--epochs" not in line:
        line += " --epochs 1"
    words: list[str] = []
    for word in shlex.split(line):
        found = sorted(map(str, Path().glob(word))) if "*" in word else []
        words += found or [word]
    return words


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: f"{page.parent.name}/{page.name}")
def test_every_command_does_what_it_is_told_for(
    page: Path,
    data_dir: Path,
    model_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    there, programs = NEEDS.get(page.name, (True, ""))
    if not there:
        pytest.skip(f"needs {programs}")
    given(page, tmp_path, data_dir, model_dir)
    monkeypatch.chdir(tmp_path)
    for line in commands(page):
        name, *words = shortened(line.partition("#")[0])
        if name == "tm-serve" and "--midi" not in words:
            serve_and_end(name, *words, "--port", "0")
            continue
        if name == "tm-studio":
            serve_and_end(name, *words, "--port", "0", "--osc-port", "0", "--no-browser")
            continue
        status = COMMANDS[name](words)
        said = capsys.readouterr().err
        if '--midi "' in line:
            assert status == 1
            assert "error: no MIDI " in said
        elif "--midi list" not in line:
            assert status == 0, f"{line}: {said}"
        if "--describe" in words:
            choose(page, Path(words[-1], "patch.toml"))


def choose(page: Path, patch: Path) -> None:
    """Choose the parameters that the page shows, out of those that were described."""
    block = re.findall(r"```toml\n(parameters = .*?\n\]\n)```", page.read_text("utf-8"), re.S)[0]
    described = patch.read_text(encoding="utf-8")
    for chosen in re.findall(r"^  (\{ name = .*)$", block, re.M):
        control = chosen.partition("control = ")[2].partition(",")[0]
        assert f"# {{ name = {control}" in described
    patch.write_text(re.sub(r"parameters = \[.*?\n\]\n", block, described, flags=re.S), "utf-8")


def serve_and_end(name: str, *words: str) -> None:
    """Start it, see that it listens, and end it as a musician does."""
    run = subprocess.Popen(
        [command(name), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert run.stdout
    line = run.stdout.readline()
    assert re.search("listening on 127.0.0.1:|open  http://127.0.0.1:", line), run.communicate()
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=20)
    assert run.returncode == 0


@pytest.mark.slow
def test_the_demo_ends_in_sounds_and_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(REPOSITORY)
    monkeypatch.setattr(demo, "N_EXAMPLES", N_DEMO)
    monkeypatch.setattr(demo, "EPOCHS", 1)
    assert demo.main(["--folder", str(tmp_path)]) == 0
    headings = re.findall(r"^\d\. \w+.*", capsys.readouterr().out, re.M)
    page = (REPOSITORY / "docs" / "demo.md").read_text("utf-8")
    shown = re.findall(r"^\d\. \w+.*", page, re.M)
    assert [line.replace(f" {N_DEMO} ", " 1000 ") for line in headings] == shown
    for name in ("left", "middle", "right", "glide"):
        samples = soundfile.read(tmp_path / f"{name}.wav")[0].astype(np.float32)
        assert find_fault(samples) is None
    assert (tmp_path / "model" / "latent.png").exists()
    assert (tmp_path / "model" / "report.html").exists()
    # Stopped in training, it goes on from there.
    (tmp_path / "model" / "metrics.json").unlink()
    assert demo.main(["--folder", str(tmp_path)]) == 0
    assert "--resume" in capsys.readouterr().out


@pytest.mark.slow
def test_benchmarks_run(tmp_path: Path):
    """The lines that continuous integration runs, without the slower half of the races."""
    for line in shell_lines(REPOSITORY / "docs" / "benchmarks.md"):
        if not line.startswith("python benchmarks ") or "new.json" not in line:
            continue
        words = shlex.split(line.replace("frame osc", "osc"))[1:]
        words = [
            str(tmp_path / word) if word.startswith(("new.", "summary.")) else word
            for word in words
        ]
        subprocess.run([sys.executable, *words], cwd=REPOSITORY, check=True, capture_output=True)
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert "python-osc echo" in summary
    # The figures depend on the machine; that every race was compared does not.
    was, now = (
        {(race["case"], race["peer"]) for race in results["benchmarks"]["osc"]["races"]}
        for results in (
            json.loads(file.read_text(encoding="utf-8"))
            for file in (REPOSITORY / "benchmarks/results/latest.json", tmp_path / "new.json")
        )
    )
    assert was & now
    found = re.search(r"(?:Of|of) (\d+) multiples (?:none is|are) worse", summary)
    assert found and int(found[1]) == len(was & now)


def test_every_other_line_is_accounted_for():
    known: list[Callable[[str], bool]] = [
        lambda line: line.startswith("tm-"),
        lambda line: line in NOT_HERE,
        lambda line: line.startswith("python benchmarks "),
    ]
    for page in PAGES:
        for line in shell_lines(page):
            assert any(each(line.partition("#")[0].strip()) for each in known), f"{page}: {line}"

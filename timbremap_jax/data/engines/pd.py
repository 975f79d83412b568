"""Pure Data patches, rendered by ``pd -batch`` faster than real time.

A patch needs nothing special to be rendered:

- it plays to ``[dac~]``, in the main patch itself, not in an abstraction;
- it hears each control through ``[r NAME]``;
- it hears the note through ``[r note]``, a list of pitch and velocity; velocity 0 ends it.

In ``patch.toml``::

    engine = "pd"
    source = "voice.pd"

    [pd]
    note = "note"                   # the receiver of the note, where it has another name

Every sound gets a Pure Data of its own: nothing of one can be heard in the next.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile
from numpy.typing import NDArray

from timbremap_jax.data.engines.base import NoSound
from timbremap_jax.data.engines.options import read_options
from timbremap_jax.data.engines.sources import follow
from timbremap_jax.data.patch import SAMPLE_RATE, Note, Patch
from timbremap_runtime.errors import FormatError, MissingProgram

SETTLE_MS = 100
"""From the parameters to the note, so that what smooths its parameters has arrived."""

PATIENCE_S = 30.0
"""Seconds that Pure Data may take for a sound, beside ten times its length."""

PROGRAMS = (
    "/Applications/Pd*.app/Contents/Resources/bin/pd",
    "C:/Program Files*/Pd/bin/pd.com",
)
"""Where Pure Data lies on macOS and Windows, which do not put it on the path."""

DAC = re.compile(r"^(#X obj -?\d+ -?\d+) dac~((?: \d+){0,2})(?=[,;])", re.MULTILINE)
OUTPUT = "timbremap-out~"
OUTPUT_PATCH = """\
#N canvas 0 0 300 200 12;
#X obj 20 20 inlet~;
#X obj 120 20 inlet~;
#X obj 20 60 *~ \\$1;
#X obj 20 100 throw~ timbremap-take;
#X connect 0 0 2 0;
#X connect 1 0 2 0;
#X connect 2 0 3 0;
"""
"""What stands for [dac~]: the mean of its channels, for the recorder."""

RECORDER = "timbremap-recorder.pd"
RECORDER_PATCH = """\
#N canvas 0 0 600 300 12;
#X obj 20 20 loadbang;
#X msg 20 50 \\; pd dsp 1{values};
#X obj 120 80 del {settle};
#X obj 120 110 t b b b;
#X msg 120 140 \\; {note} {pitch} {velocity};
#X obj 250 110 del {sustain};
#X msg 250 140 \\; {note} {pitch} 0;
#X obj 400 80 catch~ timbremap-take;
#X obj 400 140 tabwrite~ timbremap-take;
#X obj 400 170 table timbremap-take {n_samples};
#X obj 20 200 del {end};
#X msg 20 230 write -wave -bytes 4 take.wav timbremap-take;
#X obj 20 260 soundfiler;
#X msg 120 260 \\; pd quit;
#X connect 0 0 1 0;
#X connect 0 0 2 0;
#X connect 2 0 3 0;
#X connect 3 0 5 0;
#X connect 3 1 4 0;
#X connect 3 2 8 0;
#X connect 3 0 10 0;
#X connect 5 0 6 0;
#X connect 7 0 8 0;
#X connect 10 0 11 0;
#X connect 11 0 12 0;
#X connect 12 0 13 0;
"""


@dataclass(frozen=True)
class PdOptions:
    """The table ``[pd]``.

    Attributes
    ----------
    note : str
        The receiver of pitch and velocity.
    """

    note: str = "note"


class PdEngine:
    """A Pure Data patch.

    Parameters
    ----------
    patch : Patch
        A patch whose source is a ``.pd`` file.

    Raises
    ------
    MissingProgram
        Pure Data is not installed.
    FormatError
        The source is not a Pure Data patch, or does not play to a ``[dac~]``.
    """

    sample_rate = SAMPLE_RATE

    def __init__(self, patch: Patch):
        self._patch = patch
        self._options = read_options(patch, PdOptions)
        self._program = find_pd()
        source = Path(patch.source)
        try:
            text, n_outputs = DAC.subn(_output, source.read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            text, n_outputs = "", 0
        if not text.startswith("#N canvas"):
            raise FormatError(f"{source}: not a Pure Data patch")
        if not n_outputs:
            raise FormatError(
                f"{source}: has no [dac~] of one or two channels, so nothing of it can be heard"
            )
        for name in (*patch.controls, self._options.note):
            if re.search(r"[,;$\\]", name):
                raise FormatError(f"{patch.file}: '{name}' cannot be the name of a [receive]")
        self._text = text

    def render(self, values: Sequence[float], note: Note) -> NDArray[np.float32]:
        """Play one note; see `timbremap_jax.data.engines.Engine`."""
        sent = "".join(
            f" \\; {_escaped(control)} {value!r}"
            for control, value in self._patch.control_values(values).items()
        )
        recorder = RECORDER_PATCH.format(
            values=sent,
            note=_escaped(self._options.note),
            pitch=note.pitch,
            velocity=note.velocity,
            settle=SETTLE_MS,
            sustain=note.sustain_ms,
            end=note.duration_ms + 50,
            n_samples=note.n_samples(SAMPLE_RATE),
        )
        played = Path(self._patch.source).name
        files = {
            f"{OUTPUT}.pd": OUTPUT_PATCH,
            played: self._text,
            RECORDER: recorder,
        }
        command = [self._program, "-nogui", "-batch", "-noprefs", "-stderr", "-r", str(SAMPLE_RATE)]
        command += ["-path", str(self._patch.folder.resolve())]
        command += ["-open", played, "-open", RECORDER]
        patience_s = PATIENCE_S + note.duration_ms / 100
        with TemporaryDirectory(prefix="timbremap-pd-") as folder:
            for name, text in files.items():
                Path(folder, name).write_text(text, encoding="utf-8")
            try:
                run = subprocess.run(command, cwd=folder, capture_output=True, timeout=patience_s)
            except subprocess.TimeoutExpired:
                raise NoSound(f"took more than {patience_s:.0f} s in Pure Data") from None
            self._require_no_complaint(run.stderr.decode(errors="replace"))
            take = Path(folder, "take.wav")
            if not take.exists():
                raise NoSound(f"did not come out of Pure Data, which ended with {run.returncode}")
            return np.asarray(soundfile.read(take)[0], np.float32)

    def _require_no_complaint(self, said: str) -> None:
        if match := re.search(r"(.*)\n.*couldn't create", said):
            missing = match[1].rpartition("): ")[2].removeprefix("error: ")
            raise FormatError(f"{self._patch.source}: Pure Data cannot make the object [{missing}]")
        if match := re.search(r"error: (.*): no such object", said):
            raise FormatError(
                f"{self._patch.source}: nothing in it listens to '{match[1]}':"
                f" add [r {match[1]}], or correct {self._patch.file}"
            )


EXTERNALS = (
    "", ".pd", ".pd_linux", ".l_amd64", ".l_arm64", ".so", ".pd_darwin", ".d_fat", ".d_amd64",
    ".d_arm64", ".dll", ".m_amd64", ".m_i386", ".pd_lua",
)  # fmt: skip
"""What the name of an object may end with as a file: abstractions, externals, sounds, texts."""


def more_sources(patch: Patch) -> list[Path]:
    """Return the files beside a patch that words in it name: abstractions, externals, sounds."""

    def named_in(file: Path, text: str) -> Iterator[Path]:
        words = text.replace("\\ ", "\0").replace(";", " ").replace(",", " ").split()
        for word in dict.fromkeys(words):
            for folder in dict.fromkeys((patch.folder, file.parent)):
                for ending in EXTERNALS:
                    yield folder / f"{word}{ending}".replace("\0", " ")

    return follow(Path(patch.source), named_in)


def program_versions(patch: Patch) -> dict[str, str | None]:
    """Return which Pure Data plays."""
    said = subprocess.run([find_pd(), "-version"], capture_output=True, check=False, timeout=30)
    version = re.search(r"Pd-\S+", (said.stdout + said.stderr).decode(errors="replace"))
    return {"pd": version[0] if version else None}


def find_pd() -> str:
    """Find the program: named by ``TIMBREMAP_PD``, on the path, or where installers put it."""
    named = os.environ.get("TIMBREMAP_PD")
    candidates = [named] if named else ["pd", *(f for p in PROGRAMS for f in sorted(glob(p)))]
    for candidate in candidates:
        if program := shutil.which(candidate):
            return program
    raise MissingProgram(
        f"{named}: no such program, though TIMBREMAP_PD names it"
        if named
        else "Pure Data is not installed; get it from puredata.info (Debian: apt install"
        " puredata-core), or name the program in TIMBREMAP_PD"
    )


def _output(dac: re.Match[str]) -> str:
    return f"{dac[1]} {OUTPUT} {1 if len(dac[2].split()) == 1 else 0.5}"


def _escaped(name: str) -> str:
    return name.replace(" ", "\\ ")

"""Faust voices, rendered offline by DawDreamer.

A voice has the controls ``freq`` (Hz), ``gain`` (0..1) and ``gate`` (0 or 1), as Faust's own
polyphonic architectures expect, and one control for each parameter of its patch. Where two groups
have a control of one label, it is named by its path, such as ``osc1/level``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from timbremap_jax.data.engines.controls import Control, require_controls, require_ranges
from timbremap_jax.data.engines.host import open_host
from timbremap_jax.data.engines.sources import follow
from timbremap_jax.data.patch import SAMPLE_RATE, Note, Patch
from timbremap_runtime.errors import FormatError

BLOCK_SIZE = 32
"""Samples that DawDreamer computes at a time. The gate moves at the start of a block, so a note
ends at most 0.7 ms late; blocks of 512 would make that 12 ms and render at most a tenth faster."""

NOTE_CONTROLS = ("freq", "gain", "gate")

QUOTED = re.compile(r'"([^"\n]+)"')
"""In Faust, whatever names a file stands in quotes: import, library, component, soundfile."""


def more_sources(patch: Patch) -> list[Path]:
    """Return the files that a voice is made of beside its own; Faust's libraries come with it."""
    source = Path(patch.source)

    def named_in(file: Path, text: str) -> Iterator[Path]:
        for name in QUOTED.findall(text):
            yield file.parent / name
            yield source.parent / name

    return follow(source, named_in)


class FaustEngine:
    """One compiled Faust voice.

    Parameters
    ----------
    patch : Patch
        A patch whose source is a ``.dsp`` file.

    Raises
    ------
    MissingExtra
        DawDreamer is not installed.
    FormatError
        The source does not compile, or the patch names a control that it does not have, that more
        than one goes by, or that does not take such values.
    """

    sample_rate = SAMPLE_RATE

    def __init__(self, patch: Patch):
        # The renderer keeps no reference to the processor, so this object must.
        self._renderer = open_host(BLOCK_SIZE)
        self._voice = self._renderer.make_faust_processor("voice")
        self._compile(patch)
        controls = self._find_controls(patch)
        require_ranges(patch, controls)
        self._addresses = {name: control.address for name, control in controls.items()}
        self._patch = patch
        for control, value in patch.fixed.items():
            self._voice.set_parameter(self._addresses[control], value)
        self._renderer.load_graph([(self._voice, [])])

    def _compile(self, patch: Patch) -> None:
        try:
            # Faust itself would look for imports in the working directory, wherever that is.
            self._voice.faust_libraries_paths = [str(Path(patch.source).parent.resolve())]
            self._voice.set_dsp(patch.source)
            self._voice.compile()
        except RuntimeError as error:
            reason = " ".join(str(error).removeprefix("FaustProcessor::compile(): ").split())
            raise FormatError(f"{patch.source}: does not compile: {reason}") from None

    def _find_controls(self, patch: Patch) -> dict[str, Control]:
        """Return the controls that are named, by those names."""
        descriptions = self._voice.get_parameters_description()
        # Hosts differ in how an address begins (/dawdreamer/x, /lfo4/x): its end is what counts.
        paths = [d["name"].strip("/").partition("/")[2] for d in descriptions]
        found: dict[str, Control] = {}
        for name in (*NOTE_CONTROLS, *patch.controls):
            ends = f"/{name.strip('/')}"
            meant = [at for at, d in enumerate(descriptions) if d["name"].endswith(ends)]
            if len(meant) > 1:
                raise FormatError(
                    f"{patch.file}: '{name}' is the label of {len(meant)} controls of"
                    f" {patch.source}; give the path of one: {', '.join(paths[m] for m in meant)}"
                )
            for at in meant:
                of_voice = descriptions[at]
                found[name] = Control(of_voice["name"], of_voice["min"], of_voice["max"])
        labels = [path.rpartition("/")[2] for path in paths]
        there = sorted(
            path if labels.count(label) > 1 else label
            for path, label in zip(paths, labels, strict=True)
        )
        there = sorted({*there, *found})
        require_controls(NOTE_CONTROLS, there, f"{patch.source}: a voice needs")
        require_controls(patch.controls, there, f"{patch.file}: names")
        return found

    def render(self, values: Sequence[float], note: Note) -> NDArray[np.float32]:
        """Play one note; see `timbremap_jax.data.engines.Engine`."""
        for parameter, value in zip(self._patch.parameters, values, strict=True):
            control = self._addresses[parameter.control]
            self._voice.set_parameter(control, parameter.control_value(value))
        return self._play(note)

    def glide(self, path: NDArray[np.floating], note: Note) -> NDArray[np.float32]:
        """Play one note while the parameters move.

        Parameters
        ----------
        path : ndarray, shape (n_points, n)
            The learned parameters 0..127 at moments evenly spaced from the beginning to the end;
            between them they move in straight lines.
        note : Note
            What to play and how long.

        Returns
        -------
        ndarray of float32, shape (n_samples,)
        """
        n_samples = note.n_samples(self.sample_rate)
        moments = np.linspace(0, len(path) - 1, n_samples)
        for parameter, column in zip(self._patch.parameters, path.T, strict=True):
            controls = [parameter.control_value(value) for value in column]
            curve = np.interp(moments, np.arange(len(path)), controls).astype(np.float32)
            self._voice.set_automation(self._addresses[parameter.control], curve)
        return self._play(note)

    def _play(self, note: Note) -> NDArray[np.float32]:
        n_samples = note.n_samples(self.sample_rate)
        gate = np.zeros(n_samples, np.float32)
        gate[: round(note.sustain_ms * self.sample_rate / 1000)] = 1.0
        voice, addresses = self._voice, self._addresses
        voice.set_parameter(addresses["freq"], note.frequency_hz)
        voice.set_parameter(addresses["gain"], note.velocity / 127)
        voice.set_automation(addresses["gate"], gate)
        # Half a sample more than wanted, so that rounding cannot make it one less.
        self._renderer.render((n_samples + 0.5) / self.sample_rate)
        return self._renderer.get_audio()[0, :n_samples].astype(np.float32)

"""What the page's sound is held against: the renderer's, in dB of mel power."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from timbremap_jax.data.features.mel import FeatureSettings, MelSpectrogram
from timbremap_jax.report.measures import distances, floor_below, log_mel
from timbremap_runtime.export import page_host

SOUND = Path(page_host.__file__).parent / "page" / "sound"

needs_node = pytest.mark.skipif(not shutil.which("node"), reason="needs Node.js (node)")


def run_node(program: str, given: Any) -> Any:
    """Run a module of the page's sound in Node; it reads `given` and returns `said` as JSON."""
    names = {
        "voices.js": "Limiter, Voices, bytesOf, inUnits",
        "render.js": "renderSamples, renderGesture, wav",
        "midi.js": "MpeDecoder, createMidi, createMidiOut",
    }
    imports = "".join(
        f'import {{ {each} }} from "{(SOUND / file).as_uri()}";\n' for file, each in names.items()
    )
    text = (
        f"{imports}import {{ readFileSync }} from 'fs';\n"
        "const given = JSON.parse(readFileSync(0));\nlet said = null;\n"
        f"{program}\nconsole.log(JSON.stringify(said));\n"
    )
    done = subprocess.run(
        ["node", "--input-type=module", "--eval", text],
        input=json.dumps(given), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def apart(heard: NDArray[np.floating], expected: NDArray[np.floating]) -> float:
    """Distance of two sounds of the same length, in dB."""
    mel = MelSpectrogram(FeatureSettings())
    power = [mel(np.asarray(each, np.float32)) for each in (heard, expected)]
    a, b = (log_mel(each, floor_below(power[1])) for each in power)
    return float(distances(a, b))


def aligned(captured: NDArray[np.floating], expected: NDArray[np.floating]) -> NDArray[np.floating]:
    """Cut from what was captured the part that is most like a sound."""
    size = len(captured) + len(expected)
    spectra = np.fft.rfft(captured, size) * np.conj(np.fft.rfft(expected, size))
    start = int(np.argmax(np.fft.irfft(spectra, size)[: len(captured) - len(expected) + 1]))
    return captured[start : start + len(expected)]

"""The sound of a page: run by Node or heard in a browser, and how far it is from another one."""

from __future__ import annotations

import base64
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


def apart(heard: NDArray[Any], expected: NDArray[Any]) -> float:
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


LISTEN = """async (seconds) => {
  const { analyser, context } = PLAYER;
  const end = context.currentTime + seconds;
  while (context.currentTime < end) await new Promise((done) => setTimeout(done, 5));
  const samples = new Float32Array(analyser.fftSize);
  analyser.getFloatTimeDomainData(samples);
  const bytes = new Uint8Array(samples.buffer);
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) {
    text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  }
  return btoa(text);
}"""


def listen(page: Any, player: str, seconds: float) -> NDArray[np.float32]:
    """Let a page sound for some seconds, and return the last 0.74 s of what was heard.

    Parameters
    ----------
    page : playwright.sync_api.Page
        The page.
    player : str
        Where its player is, in JavaScript.
    seconds : float
        How long.
    """
    text = page.evaluate(LISTEN.replace("PLAYER", player), seconds)
    return np.frombuffer(base64.b64decode(text), np.float32)


def hush(page: Any, player: str) -> None:
    """Wait until a page is silent."""
    while np.abs(listen(page, player, 0.1)[-2048:]).max() > 1e-5:
        pass


MIDI = """
const port = (name) => ({ name, sent: [], send(bytes) { this.sent.push([...bytes]); } });
const access = {
  inputs: new Map([["in", port("Pads")]]),
  outputs: new Map([["out", port("Synth")]]),
};
navigator.requestMIDIAccess = async () => access;
window.midi = {
  send: (...data) => access.inputs.get("in").onmidimessage({ data }),
  sent: access.outputs.get("out").sent,
};
"""
"""MIDI ports without hardware, for a page that is not open yet."""

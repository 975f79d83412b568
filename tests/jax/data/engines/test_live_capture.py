"""Live capture: a real Pure Data that is played over UDP and writes its own files."""

from __future__ import annotations

import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from pythonosc.dispatcher import Dispatcher
from pythonosc.osc_message_builder import build_msg
from pythonosc.osc_server import BlockingOSCUDPServer
from timbremap_cli import generate as tm_generate

from tests.support.osc_client import free_port
from tests.support.paths import REPOSITORY
from timbremap_jax.data.engines import osc, recorders
from timbremap_jax.data.engines.base import NoSound
from timbremap_jax.data.engines.transport import Transport
from timbremap_jax.data.patch import SAMPLE_RATE, Patch, load_patch
from timbremap_jax.data.render.generate import generate
from timbremap_jax.data.render.sampling import GenerateSettings
from timbremap_runtime.errors import ConnectionFailed, FormatError, MissingExtra

FM2 = REPOSITORY / "patches" / "fm" / "fm2"
needs_pd = pytest.mark.skipif(
    shutil.which("pd") is None, reason="Pure Data is not installed (Debian: puredata-core)"
)


def write_patch(folder: Path, port: int, listen: int = 0, more: str = "") -> Path:
    """Write the live patch that comes with fm2, with other ports."""
    text = (FM2 / "live" / "patch.toml").read_text()
    for name, default, value in (("port", 7400, port), ("listen", 7401, listen)):
        text = text.replace(f"{name} = {default}", f"{name} = {value}")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "patch.toml").write_text(text + more)
    return folder


@pytest.fixture
def pd_port(tmp_path: Path) -> Iterator[int]:
    """Port of a Pure Data that plays ``fm2_live.pd`` at another sample rate than ours."""
    port = free_port()
    folder = tmp_path / "pd"
    folder.mkdir()
    shutil.copy(FM2 / "fm2_voice.pd", folder)
    text = (FM2 / "fm2_live.pd").read_text()
    (folder / "live.pd").write_text(text.replace("listen 7400", f"listen {port}"))
    command = ["pd", "-nogui", "-nosound", "-noprefs", "-stderr", "-r", "48000"]
    command += ["-send", "pd dsp 1", "-open", str(folder / "live.pd")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while port not in udp_ports() and time.monotonic() < deadline:
        time.sleep(0.05)
    yield port
    process.kill()
    process.wait()


def udp_ports() -> set[int]:
    """Ports that somebody listens on: a packet sent too early would be lost."""
    lines = [s for f in Path("/proc/net").glob("udp*") for s in f.read_text().splitlines()[1:]]
    return {int(line.split()[1].rpartition(":")[2], 16) for line in lines}


@pytest.mark.slow
@needs_pd
def test_twenty_rows_of_a_real_pd_and_a_damaged_one_repairs_itself(
    tmp_path: Path, pd_port: int, monkeypatch: pytest.MonkeyPatch
):
    data = tmp_path / "data"
    takes: list[Path] = []
    read = recorders.FileRecorder._read

    def damage_once(recorder: recorders.FileRecorder, n_samples: int) -> object:
        take = recorder._take
        if take not in takes:
            takes.append(take)
        if len(takes) == 8 and take.exists():  # the eighth take loses its end, for good
            content = take.read_bytes()
            take.write_bytes(content[: len(content) // 2])
        return read(recorder, n_samples)

    monkeypatch.setattr(recorders.FileRecorder, "_read", damage_once)
    monkeypatch.setattr(recorders, "FILE_SECONDS", 0.5)
    patch = write_patch(tmp_path / "patch", pd_port)
    assert tm_generate.main([str(patch), str(data), "--examples", "20"]) == 0
    assert len(takes) == 21
    sounds = []
    for row in range(20):
        info = soundfile.info(data / "wavs" / f"ex_{row}.wav")
        assert (info.samplerate, info.channels, info.frames) == (44_100, 1, 13_230)
        sounds.append(soundfile.read(data / "wavs" / f"ex_{row}.wav")[0])
    # They are what Pure Data renders offline from the same settings.
    assert tm_generate.main([str(FM2), str(tmp_path / "offline"), "--examples", "20"]) == 0
    assert (tmp_path / "offline" / "labels.csv").read_text() == (data / "labels.csv").read_text()
    offline = [
        soundfile.read(tmp_path / "offline" / "wavs" / f"ex_{row}.wav")[0] for row in range(20)
    ]
    for row in range(20):
        distances = [spectral_distance(sounds[row], other) for other in offline]
        assert int(np.argmin(distances)) == row


def spectral_distance(one: np.ndarray, other: np.ndarray) -> float:
    """Mean difference of levels in dB, of the sustained part: blind to how a live note is late."""
    spectra = [np.abs(np.fft.rfft(s[2000:10_192] * np.hanning(8192))) for s in (one, other)]
    first, second = (20 * np.log10(s / s.max() + 1e-3) for s in spectra)
    return float(np.abs(first - second).mean())


class Synth:
    """A synth that answers at once: it writes the file that the recorder was told to."""

    def __init__(self):
        self.heard: list[tuple[str, tuple[object, ...]]] = []
        self.path = Path()
        self.works = True
        dispatcher = Dispatcher(strict_timing=False)
        dispatcher.set_default_handler(self.hear)
        self.server = BlockingOSCUDPServer(("127.0.0.1", 0), dispatcher)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def hear(self, address: str, *values: object) -> None:
        self.heard.append((address, values))
        if values[0] == "open":
            self.path = Path(str(values[1]))
        elif address == "/record" and values[0] == 0 and self.works:
            tone = 0.5 * np.sin(np.arange(20_000) / 20)
            soundfile.write(self.path, tone, 44_100, subtype="PCM_24")

    def rows(self) -> list[tuple[object, ...]]:
        return [values for address, values in self.heard if address == "/p"]


@pytest.fixture
def synth() -> Iterator[Synth]:
    synth = Synth()
    yield synth
    synth.server.shutdown()
    synth.server.server_close()


def live_patch(folder: Path, synth: Synth, listen: int = 0, more: str = "") -> Patch:
    return load_patch(write_patch(folder, synth.port, listen, more))


SHORT = {"sustain_ms": 20.0, "release_ms": 10.0}


def test_what_is_sent_for_a_row(tmp_path: Path, synth: Synth):
    patch = live_patch(tmp_path / "p", synth)
    note = patch.note.with_changes(pitch=60, velocity=90, **SHORT)
    assert generate(patch, tmp_path / "d", GenerateSettings(2), note) == {}
    row = [int(word) for word in (tmp_path / "d" / "labels.csv").read_text().split()[0].split(",")]
    addresses = [address for address, _ in synth.heard[:6]]
    assert addresses == ["/p", "/record", "/record", "/note", "/note", "/record"]
    values = [values for _, values in synth.heard[:6]]
    assert values[0] == tuple(row) and all(type(v) is float for v in values[0])
    assert values[1][0] == "open" and str(values[1][1]).endswith(".wav")
    assert values[2:] == [(1,), (60, 90), (60, 0), (0,)]


def test_a_parameter_has_one_type_whatever_its_value(tmp_path: Path, synth: Synth):
    folder = write_patch(tmp_path / "p", synth.port)
    text = (folder / "patch.toml").read_text()
    text = text.replace('"ratio"', '"ratio", range = [0, 1], steps = 3')
    text = text.replace('"index"', '"index", range = [0.0, 4.0], steps = 5, type = "int"')
    text = text.replace('"tone"', '"tone", type = "float"')
    (folder / "patch.toml").write_text(text)
    patch = load_patch(folder)
    data = tmp_path / "d"
    generate(patch, data, GenerateSettings(6), patch.note.with_changes(**SHORT))
    labels = np.loadtxt(data / "labels.csv", delimiter=",")
    assert {type(v) for row in synth.rows() for v in row[::2]} == {float}
    assert {type(row[1]) for row in synth.rows()} == {int}
    # Whole values are among them, which once changed the type.
    assert {row[0] for row in synth.rows()} & {0.0, 1.0}
    for row, label in zip(synth.rows(), labels, strict=True):
        assert row[1] == round(4 * label[1] / 127)


def test_addresses_and_ranges_are_as_the_patch_says(tmp_path: Path, synth: Synth):
    folder = tmp_path / "p"
    more = 'parameters = "/set"\nnote = "/play"\n'
    patch = live_patch(folder, synth, more=more)
    text = (folder / "patch.toml").read_text()
    (folder / "patch.toml").write_text(text.replace('"ratio"', '"ratio", range = [1.0, 2.0]'))
    patch = load_patch(folder)
    generate(patch, tmp_path / "d", GenerateSettings(1), patch.note.with_changes(**SHORT))
    heard = dict(synth.heard)
    assert set(heard) == {"/set", "/play", "/record"}
    label = int((tmp_path / "d" / "labels.csv").read_text().split(",")[0])
    assert heard["/set"][0] == pytest.approx(1 + label / 127)


@pytest.mark.slow
def test_it_stops_starts_and_resumes_over_osc(
    tmp_path: Path, synth: Synth, monkeypatch: pytest.MonkeyPatch
):
    """Messages are sent when a row's turn comes, so that no clock decides what is in time."""
    listen = free_port()
    patch = live_patch(tmp_path / "p", synth, listen, "wait = true\n")
    resumes: list[tuple[str, bool]] = []
    resume, wait_for_turn = Transport._resume, Transport.wait_for_turn
    turns: list[int | None] = []

    def say(address: str, *values: int | float | str) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.sendto(build_msg(address, list(values)).dgram, ("127.0.0.1", listen))

    def hear_resume(transport: Transport, address: str, *values: object) -> None:
        resume(transport, address, *values)
        resumes.append((repr(values), transport._running.is_set()))

    def turn(transport: Transport) -> int | None:
        if not turns:
            assert not transport._running.is_set()  # it waits
            say("/start")
        elif len(turns) == 2:
            say("/stop")
            deadline = time.monotonic() + 10
            while transport._running.is_set() and time.monotonic() < deadline:
                time.sleep(0.01)
            for values in ((), (99,), ("x",), (float("nan"),), (1,)):
                say("/resume", *values)
        turns.append(wait_for_turn(transport))
        return turns[-1]

    monkeypatch.setattr(Transport, "_resume", hear_resume)
    monkeypatch.setattr(Transport, "wait_for_turn", turn)
    note = patch.note.with_changes(**SHORT)
    assert generate(patch, tmp_path / "d", GenerateSettings(8), note) == {}
    # What means no row starts nothing; then row 1 again, and all that follow.
    assert resumes == [
        ("()", False), ("(99,)", False), ("('x',)", False), ("(nan,)", False), ("(1,)", True)
    ]  # fmt: skip
    assert turns == [None, None, 1, *[None] * 7]
    labels = np.loadtxt(tmp_path / "d" / "labels.csv", delimiter=",", dtype=int).tolist()
    assert [list(row) for row in synth.rows()] == labels[:2] + labels[1:]


@pytest.mark.slow
def test_nobody_there_is_said_after_a_few_rows(
    tmp_path: Path, synth: Synth, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(recorders, "FILE_SECONDS", 0.05)
    synth.works = False
    patch = live_patch(tmp_path / "p", synth)
    note = patch.note.with_changes(**SHORT)
    with pytest.raises(ConnectionFailed, match=r"recorded for the first 3 rows .*no file came"):
        generate(patch, tmp_path / "d", GenerateSettings(5), note)
    # Once somebody is there it goes on.
    synth.works = True
    assert generate(patch, tmp_path / "d", GenerateSettings(5), note, resume=True) == {}
    assert len(list((tmp_path / "d" / "wavs").glob("ex_*.wav"))) == 5


def test_what_cannot_be_meant_is_refused(tmp_path: Path, synth: Synth):
    fixed = write_patch(tmp_path / "f", synth.port, more="[fixed]\nx = 1\n")
    with pytest.raises(FormatError, match=r"engine osc has no \[fixed\]"):
        generate(load_patch(fixed), tmp_path / "d", GenerateSettings(2))
    with pytest.raises(ConnectionFailed, match=r"cannot listen on port .* set another 'listen'"):
        patch = live_patch(tmp_path / "busy", synth, listen=synth.port)
        generate(patch, tmp_path / "d2", GenerateSettings(2))


class SoundCard:
    """An audio input that hears the synth, and the clock that both go by.

    There is no sound card where tests run, and a busy machine lets a real clock go on while the
    synth stands still: time passes only while the engine sleeps, when all it has sent has arrived.
    """

    def __init__(self, synth: Synth):
        self.synth = synth
        self.n_sent = 0
        self.now_s = 0.0
        self.n_blocks = 0
        self.open: InputStream | None = None

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        deadline = time.monotonic() + 20
        while len(self.synth.heard) < self.n_sent:
            assert time.monotonic() < deadline, "a packet was lost"
            time.sleep(0.001)
        note = next((v[1] for a, v in reversed(self.synth.heard) if a == "/note"), 0)
        self.now_s += seconds
        while self.open and (self.n_blocks + 1) * self.open.block_size <= self.now_s * SAMPLE_RATE:
            self.n_blocks += 1
            self.open.play(0.5 if note else 0.001)


class InputStream:
    """What the sounddevice package gives for an audio input."""

    card: SoundCard

    def __init__(self, samplerate: int, callback: Callable[..., None], blocksize: int, **_: object):
        assert samplerate == SAMPLE_RATE
        self.callback, self.block_size = callback, blocksize

    def start(self) -> None:
        self.card.open = self

    def close(self) -> None:
        self.card.open = None

    def play(self, level: float) -> None:
        self.callback(np.full((self.block_size, 1), level, np.float32), self.block_size, None, None)


def test_an_audio_input_instead_of_a_recorder(
    tmp_path: Path, synth: Synth, monkeypatch: pytest.MonkeyPatch
):
    card = InputStream.card = SoundCard(synth)
    send = osc.OscEngine._send

    def counted(engine: osc.OscEngine, address: str, *values: str | float) -> None:
        send(engine, address, *values)
        card.n_sent += 1

    monkeypatch.setattr(osc.OscEngine, "_send", counted)
    monkeypatch.setattr(osc, "time", card)
    monkeypatch.setattr(recorders, "time", card)
    fake = types.ModuleType("sounddevice")
    fake.__dict__.update(InputStream=InputStream, PortAudioError=OSError)
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    patch = live_patch(tmp_path / "p", synth, more='input = "default"\n')
    note = patch.note.with_changes(sustain_ms=200, release_ms=100)
    assert generate(patch, tmp_path / "d", GenerateSettings(2), note) == {}
    assert card.open is None
    assert not any(address == "/record" for address, _ in synth.heard)
    sound, rate = soundfile.read(tmp_path / "d" / "wavs" / "ex_1.wav")
    assert (len(sound), rate) == (13_230, 44_100)
    # The note is in it from its beginning, and of its length: to a block of 64 samples.
    assert np.argmax(sound > 0.4) <= 64
    assert np.sum(sound > 0.4) == pytest.approx(0.2 * 44_100, abs=64)
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(MissingExtra, match=r"timbremap\[capture\]"):
        generate(patch, tmp_path / "d2", GenerateSettings(2), note)


def test_a_take_that_is_not_whole_is_not_taken(monkeypatch: pytest.MonkeyPatch):
    recorder = recorders.FileRecorder(lambda *_: None)
    recorder.start()
    take = recorder._take
    soundfile.write(take, np.full(1000, 0.5), 44_100, subtype="PCM_24")
    assert recorder._read(1000)[0] is None
    assert recorder._read(2000)[0] == "has 1000 samples instead of 2000"
    take.write_bytes(take.read_bytes()[:900])
    assert "is cut short" in str(recorder._read(1000)[0])
    take.write_bytes(struct.pack("<4sI", b"RIFF", 0))
    assert "not a sound" in str(recorder._read(1000)[0])
    take.write_bytes(b"")
    assert "not a sound" in str(recorder._read(1000)[0])
    take.unlink()
    monkeypatch.setattr(recorders, "FILE_SECONDS", 0.02)
    with pytest.raises(NoSound, match="was not recorded: no file came"):
        recorder.stop(1000)
    assert not take.parent.exists()

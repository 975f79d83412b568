"""The patches in a real Pure Data, talking to a real service over real UDP."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import soundfile

import timbremap_runtime as tm
from tests.support.osc_client import Client, free_port, make_map, serving
from tests.support.paths import REPOSITORY
from timbremap_jax.data.engines import open_engine
from timbremap_jax.data.features.mel import MelSpectrogram
from timbremap_jax.data.features.settings import FeatureSettings
from timbremap_jax.data.patch import load_patch
from timbremap_runtime.service.targets import Target

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("pd") is None, reason="Pure Data is not installed (Debian: puredata-core)"
    ),
]
LFO4 = REPOSITORY / "patches" / "subtractive" / "lfo4"
CLONEWHEEL = REPOSITORY / "patches" / "additive" / "clonewheel"
HARNESS = Path(__file__).parent / "pd" / "harness.pd"
RATE = 44_100


class Pd:
    """A running Pure Data with the harness and a patch, which is told its ports as arguments."""

    def __init__(self, patch: Path, service_port: int, patch_port: int):
        self.harness_port = free_port()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.folder = TemporaryDirectory()
        around = Path(self.folder.name) / "around.pd"
        around.write_text(
            f"#N canvas 0 0 400 200 12;\n#X obj 20 20 {patch.stem} {service_port} {patch_port};\n"
        )
        command = ["pd", "-nogui", "-nosound", "-noprefs", "-stderr", "-r", str(RATE)]
        command += ["-path", str(patch.parent), "-open", str(around), "-open", str(HARNESS)]
        command += ["-send", "pd dsp 1", "-send", f"harness-listen {self.harness_port}"]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)

    def again(self, symbol: str) -> None:
        """Have a slider say where it is."""
        self._tell(f"again {symbol}")

    def hand(self, symbol: str, value: float) -> None:
        """Move a slider as a hand would."""
        self._tell(f"hand {value} {symbol}")

    def drag(self, x: float, y: float) -> None:
        """Move the point as dragging the dot does."""
        self._tell(f"drag {x} {y}")

    def record(self, file: Path, seconds: float) -> np.ndarray:
        """Play a note and record it."""
        self._tell(f"open {file}")
        time.sleep(0.1)
        self.hand("tm-note-hand", 1)
        time.sleep(seconds)
        self.hand("tm-note-hand", 0)
        time.sleep(0.2)
        self._tell("close")
        time.sleep(0.2)
        return soundfile.read(file)[0]

    def _tell(self, words: str) -> None:
        self.socket.sendto(f"{words};\n".encode(), ("127.0.0.1", self.harness_port))

    def close(self) -> str:
        """End it; give what it said on standard error."""
        self.socket.close()
        self.process.kill()
        said = self.process.communicate()[1]
        self.folder.cleanup()
        return said


@contextmanager
def playing(patch: Path, service_port: int, patch_port: int) -> Iterator[Pd]:
    pd = Pd(patch, service_port, patch_port)
    try:
        time.sleep(1.5)
        yield pd
    finally:
        said = pd.close()
    # Without a sound card ALSA complains.
    errors = [line for line in said.splitlines() if "ALSA" not in line and "snd" not in line]
    assert not [line for line in errors if "error" in line or "create" in line], said


@pytest.mark.parametrize(("patch", "n"), [(LFO4, 4), (CLONEWHEEL, 9)])
def test_sliders_and_pad_speak_osc_and_do_not_echo(patch: Path, n: int):
    service, port = Client(), free_port()
    with playing(patch / f"{patch.name}.pd", service.port, port) as pd:
        service.drain()
        pd.hand(f"tm-p{n - 1}-hand", 64)
        assert service.receive() == (f"/tm/p/{n - 1}", [64.0])
        pd.hand("tm-x-hand", 0.25)
        assert service.receive() == ("/tm/c", [0.25, 0.5, 0.0])
        pd.hand("tm-z-hand", 1)
        assert service.receive() == ("/tm/c", [0.25, 0.5, 1.0])
        # What comes in sets sliders and pad, and is not sent back.
        service.to = ("127.0.0.1", port)
        service.send("/tm/p", *[10.0 + i for i in range(n)])
        service.send("/tm/c", 0.1, 0.2, 0.3)
        service.send("/tm/error", "a text")
        service.send("/tm/loaded", "fm", 3, n, "rate")
        assert not service.drain()
        for i in range(n):
            pd.again(f"tm-p{i}-hand")
            assert service.receive() == (f"/tm/p/{i}", [10.0 + i])
            # The number beside it shows the same.
            pd.again(f"tm-p{i}-hand-shown")
            assert service.receive() == (f"/tm/p/{i}", [10.0 + i])
        pd.again("tm-y-hand")
        assert service.receive() == ("/tm/c", pytest.approx([0.1, 0.2, 0.3]))
    service.close()


@pytest.mark.parametrize("axis", range(3))
def test_a_hand_goes_on_from_where_the_service_put_the_point(axis: int):
    service, port = Client(), free_port()
    service.to = ("127.0.0.1", port)
    with playing(LFO4 / "lfo4.pd", service.port, port) as pd:
        service.drain()
        service.send("/tm/c", 0.1, 0.2, 0.3)
        assert not service.drain()
        pd.hand(f"tm-{'xyz'[axis]}-hand", 0.9)
        expected = [0.1, 0.2, 0.3]
        expected[axis] = 0.9
        assert service.drain() == [("/tm/c", pytest.approx(expected))]
        # The dot: one message, not one for x and one for y.
        pd.drag(0.6, 0.7)
        expected[:2] = [0.6, 0.7]
        assert service.drain() == [("/tm/c", pytest.approx(expected))]
        pd.again("tm-y-hand")
        assert service.drain() == [("/tm/c", pytest.approx(expected))]
    service.close()


def test_an_opened_patch_asks_for_what_is_played():
    service, port = Client(), free_port()
    with playing(LFO4 / "lfo4.pd", service.port, port) as pd:
        assert service.drain() == [("/tm/subscribe", [float(port)])]
        pd.again("tm-hello-hand")
        assert service.receive() == ("/tm/subscribe", [float(port)])
    service.close()


def test_the_other_controls_say_what_they_are_for():
    service = Client()
    with playing(LFO4 / "lfo4.pd", service.port, free_port()) as pd:
        service.drain()
        pd.again("tm-release-hand")
        assert service.receive() == ("/tm/release", [200.0])
        for i, scale in ((1, "uniform"), (0, "normal")):
            pd.hand("tm-scale-hand", i)
            assert service.receive() == ("/tm/scale", [scale])
        pd.hand("tm-smooth-shown", 30)
        assert service.receive() == ("/tm/smooth", [30.0])
    service.close()


def test_a_loaded_model_chooses_its_variant_and_loads_nothing():
    service, port = Client(), free_port()
    service.to = ("127.0.0.1", port)
    with playing(LFO4 / "lfo4.pd", service.port, port) as pd:
        service.drain()
        service.send("/tm/loaded", "fcm", 3, 4, "rate")
        assert not service.drain()
        pd.again("tm-variant-hand")
        assert service.receive() == ("/tm/load", ["fcm"])
    service.close()


def test_the_variant_loads_its_model():
    service = Client()
    with playing(LFO4 / "lfo4.pd", service.port, free_port()) as pd:
        service.drain()
        for i, name in enumerate(("fm", "pwm", "fcm", "am")):
            pd.hand("tm-variant-hand", i)
            assert service.receive() == ("/tm/load", [name])
    service.close()


@pytest.fixture
def models(tmp_path: Path) -> Path:
    tm.save(make_map(0), tmp_path / "models" / "fm" / "timbremap")
    return tmp_path / "models"


def test_a_point_reaches_pd_and_a_slider_of_pd_moves_the_point(models: Path):
    port = free_port()
    with serving(models, "fm", [Target(("127.0.0.1", port))]) as (service, address, _):
        watcher = Client(address)
        with playing(LFO4 / "lfo4.pd", address[1], port) as pd:
            watcher.send("/tm/subscribe", watcher.port)
            watcher.drain()
            watcher.send("/tm/c", 0.2, 0.5, 0.9)
            p = make_map(0).forward([0.2, 0.5, 0.9])
            assert watcher.wait_for("/tm/p") == pytest.approx(p, abs=1e-3)
            time.sleep(0.2)
            # Pd's slider is where the service put it: moved on to itself it says so.
            pd.again("tm-p2-hand")
            assert watcher.wait_for("/tm/p")[2] == pytest.approx(p[2], abs=0.6)
            pd.hand("tm-p2-hand", 100)
            while watcher.wait_for("/tm/p")[2] != pytest.approx(100.0):
                pass
            c = watcher.wait_for("/tm/c")
            assert np.abs(np.array(c) - [0.2, 0.5, 0.9]).max() > 0.01
            assert service.performer.p[2] == pytest.approx(100.0)
            # And the pad: from Pd to the parameters.
            pd.hand("tm-x-hand", 0.9)
            time.sleep(0.3)
            assert service.performer.c[0] == pytest.approx(0.9)
        watcher.close()


def test_a_patch_opened_late_takes_up_what_is_played(models: Path):
    port = free_port()
    with serving(models, "fm") as (service, address, call):
        call(service.handle, "/tm/c", [0.2, 0.5, 0.9])
        with playing(LFO4 / "lfo4.pd", address[1], port) as pd:
            watcher = Client(address)
            watcher.send("/tm/subscribe", watcher.port)
            watcher.drain()
            pd.hand("tm-x-hand", 0.9)
            p = make_map(0).forward([0.9, 0.5, 0.9])
            assert watcher.wait_for("/tm/p") == pytest.approx(p, abs=1e-3)
            watcher.close()


def spectrum(sound: np.ndarray) -> np.ndarray:
    """Mean log-mel power of half a second from the onset on, (64,)."""
    start = int(np.argmax(np.abs(sound) > 0.01))
    transform = MelSpectrogram(FeatureSettings(n_mels=64))
    power = transform(sound[start : start + RATE // 2].astype(np.float32))
    return np.log(power + 1e-3).mean(axis=1)


def test_the_sound_changes_when_the_point_moves(models: Path, tmp_path: Path):
    port = free_port()
    sounds = []
    with serving(models, "fm", [Target(("127.0.0.1", port))]) as (_, address, _):
        client = Client(address)
        with playing(LFO4 / "lfo4.pd", address[1], port) as pd:
            for i, point in enumerate([(0.02, 0.02, 0.98)] * 2 + [(0.98, 0.98, 0.02)]):
                client.send("/tm/c", *point)
                time.sleep(0.2)
                sounds.append(pd.record(tmp_path / f"{i}.wav", 0.6))
        client.close()
    for sound in sounds:
        assert np.isfinite(sound).all()
        assert 0.05 < np.abs(sound).max() < 1.0
    first, again, moved = map(spectrum, sounds)
    assert np.abs(first - moved).mean() > 3 * np.abs(first - again).mean()


@pytest.mark.parametrize(("folder", "n"), [(LFO4, 4), (CLONEWHEEL, 9)])
def test_the_outermost_settings_are_heard_and_do_not_clip(folder: Path, n: int, tmp_path: Path):
    service, port = Client(), free_port()
    service.to = ("127.0.0.1", port)
    with playing(folder / f"{folder.name}.pd", service.port, port) as pd:
        for variant in range(4 if n == 4 else 1):
            pd.hand("tm-variant-hand", variant)
            for value in (0.0, 127.0):
                service.send("/tm/p", *[value] * n)
                time.sleep(0.2)
                sound = pd.record(tmp_path / f"{variant}-{value}.wav", 0.5)
                assert np.isfinite(sound).all()
                # The organ with all drawbars in still leaks and clicks, at -40 dB.
                assert 1e-3 < np.abs(sound).max() < 1.0
    service.close()


@pytest.mark.parametrize(
    ("folder", "variant", "settings"),
    [
        (LFO4, "fm", [(60.0, 64.0, 0.0, 40.0), (10.0, 20.0, 127.0, 120.0)]),
        (LFO4, "am", [(60.0, 64.0, 0.0, 127.0), (10.0, 100.0, 60.0, 60.0)]),
        (LFO4, "fcm", [(60.0, 64.0, 42.0, 100.0), (20.0, 30.0, 0.0, 30.0)]),
        (LFO4, "pwm", [(60.0, 64.0, 42.0, 127.0), (20.0, 30.0, 0.0, 10.0)]),
        (CLONEWHEEL, None, [(127.0,) * 3 + (0.0,) * 6, (0.0,) * 6 + (127.0,) * 3]),
    ],
)
def test_pd_sounds_as_faust_does(
    folder: Path, variant: str | None, settings: list[tuple[float, ...]], tmp_path: Path
):
    """Each setting's sound in Pd is nearest to the same setting's in Faust, and near it."""
    patch = load_patch(str(folder), variant)
    engine = open_engine(patch)
    note = patch.note.with_changes(sustain_ms=800, release_ms=200)
    faust = [spectrum(engine.render(list(setting), note)) for setting in settings]
    service, port = Client(), free_port()
    with playing(folder / f"{folder.name}.pd", service.port, port) as pd:
        service.to = ("127.0.0.1", port)
        if variant:
            pd.hand("tm-variant-hand", ("fm", "pwm", "fcm", "am").index(variant))
        sounds = []
        for i, setting in enumerate(settings):
            service.send("/tm/p", *setting)
            time.sleep(0.2)
            sounds.append(spectrum(pd.record(tmp_path / f"{i}.wav", 0.8)))
    service.close()
    for i, sound in enumerate(sounds):
        distances = [float(np.abs(sound - other).mean()) for other in faust]
        assert np.argmin(distances) == i, distances
        assert distances[i] < 1.0, distances  # nepers of power: 4 dB, over all bands


LOAD_BY_NUMBER = """#N canvas 0 0 400 200 12;
#X obj 20 20 loadbang;
#X msg 20 50 connect 127.0.0.1 PORT;
#X obj 20 140 netsend -u -b;
#X obj 120 20 del 200;
#X msg 120 50 2;
#X obj 120 80 oscformat tm load;
#X obj 120 110 list prepend send;
#X obj 120 130 list trim;
#X connect 0 0 1 0;
#X connect 0 0 3 0;
#X connect 1 0 2 0;
#X connect 3 0 4 0;
#X connect 4 0 5 0;
#X connect 5 0 6 0;
#X connect 6 0 7 0;
#X connect 7 0 2 0;
"""


def test_a_model_named_by_a_number_is_loaded_from_a_message_box(tmp_path: Path):
    for seed, name in enumerate(("1", "2")):
        tm.save(make_map(seed), tmp_path / "models" / name / "timbremap")
    client = Client()
    with serving(tmp_path / "models", "1", [Target(("127.0.0.1", client.port))]) as (_, to, _):
        assert client.wait_for("/tm/loaded")[0] == "1"
        patch = tmp_path / "load.pd"
        patch.write_text(LOAD_BY_NUMBER.replace("PORT", str(to[1])))
        command = ["pd", "-nogui", "-nosound", "-noprefs", "-stderr", "-open", str(patch)]
        pd = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            assert client.wait_for("/tm/loaded", timeout_s=20)[0] == "2"
        finally:
            pd.kill()
            pd.wait()
    client.close()

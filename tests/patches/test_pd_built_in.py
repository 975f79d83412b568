"""The switch of the Pure Data patches, in a real Pure Data that has no tm-serve."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import timbremap_runtime as tm
from tests.patches.test_pd_patches import Pd, playing
from tests.support.osc_client import Client, free_port
from tests.support.paths import LFO4, PATCHES, REPOSITORY
from timbremap_runtime.core.types import FloatArray

sys.path.insert(0, str(REPOSITORY / "patches"))


CLONEWHEEL = PATCHES / "additive" / "clonewheel"
TOLERANCE = 2e-3
"""Of a parameter: Pure Data's messages are floats, and so are its numbers."""

needs_pd = pytest.mark.skipif(
    shutil.which("pd") is None, reason="Pure Data is not installed (Debian: puredata-core)"
)
pytestmark = pytest.mark.slow


class Played:
    """A patch that is switched to its own maps, and the place where tm-serve would be."""

    def __init__(self, pd: Pd, service: Client, n: int):
        self.pd, self.service, self.n = pd, service, n
        self.switch(built_in=True)

    def switch(self, built_in: bool) -> None:
        self.pd.hand("tm-map-hand", float(built_in))

    def hands(self, **values: float) -> None:
        """Move what a hand can move."""
        for name, value in values.items():
            self.pd.hand(f"tm-{name}-hand", value)

    def look(self) -> tuple[FloatArray, FloatArray]:
        """Read the point and the parameters, which are sent when the switch is back at tm-serve.

        Until then nothing was: what is not the patch's greeting comes after the mark.
        """
        self.switch(built_in=False)
        self.pd.again("tm-release-hand")
        while (sent := self.service.receive()[0]) != "/tm/release":
            assert sent == "/tm/subscribe"
        self.pd.again("tm-x-hand")
        c = self.service.wait_for("/tm/c")
        p: list[float] = []
        for i in range(self.n):
            self.pd.again(f"tm-p{i}-hand")
            p += self.service.wait_for(f"/tm/p/{i}")
        self.switch(built_in=True)
        return np.array(c), np.array(p)


@contextmanager
def built_in(folder: Path, n: int) -> Iterator[Played]:
    service, port = Client(), free_port()
    service.to = ("127.0.0.1", port)
    with playing(folder / f"{folder.name}.pd", service.port, port) as pd:
        yield Played(pd, service, n)
    service.close()


@pytest.fixture(scope="module")
def lfo4() -> Iterator[Played]:
    """The patch of lfo4; what is held is let go when it is looked at."""
    with built_in(LFO4, 4) as played:
        yield played


def check_point(played: Played, mapping: tm.TimbreMap) -> None:
    played.hands(x=0.2, y=0.8, z=0.5)
    # What tm-serve sends, should it run, is not heard. Pure Data reads its sockets in an order of
    # its own, so the packet gets a head start.
    played.service.send("/tm/p", *[5.0] * played.n)
    time.sleep(0.1)
    c, p = played.look()
    np.testing.assert_allclose(c, [0.2, 0.8, 0.5], atol=1e-6)
    np.testing.assert_allclose(p, mapping.forward(c), atol=TOLERANCE)


@needs_pd
def test_the_point_plays_the_map_beside_the_patch(lfo4: Played):
    lfo4.hands(variant=0)
    check_point(lfo4, tm.load(LFO4 / "models" / "fm", scale=None))


@needs_pd
def test_the_organ_plays_at_once_where_the_point_is():
    mapping = tm.load(CLONEWHEEL / "models" / "clonewheel", scale=None)
    with built_in(CLONEWHEEL, 9) as played:
        c, p = played.look()
        np.testing.assert_allclose(c, [0.5, 0.5, 0.0])
        np.testing.assert_allclose(p, mapping.forward(c), atol=TOLERANCE)
        check_point(played, mapping)


@needs_pd
def test_a_hand_is_held_until_it_lets_go(lfo4: Played):
    mapping = tm.load(LFO4 / "models" / "fm", scale=None)
    start = {"x": 0.3, "y": 0.6, "z": 0.5}
    wanted = mapping.forward(list(start.values()))
    wanted[2] = 100
    nearest = mapping.inverse(wanted)
    reached = mapping.forward(nearest)
    assert np.abs(reached - wanted).max() > 1  # there is something to hold
    lfo4.hands(variant=0, **start, p2=100)
    c, p = lfo4.look()
    np.testing.assert_allclose(p, wanted, atol=TOLERANCE)
    np.testing.assert_allclose(c, nearest, atol=1e-5)

    lfo4.hands(**start)
    lfo4.hands(p2=100)
    lfo4.hands(x=0.9)
    c, p = lfo4.look()
    np.testing.assert_allclose(c, [0.9, *nearest[1:]], atol=1e-5)
    held = np.clip(mapping.forward(c) + wanted - reached, 0, 127)
    np.testing.assert_allclose(p, held, atol=TOLERANCE)

    lfo4.hands(**start)
    lfo4.hands(p2=100)
    lfo4.pd.again("tm-release-hand")
    c, p = lfo4.look()
    np.testing.assert_allclose(c, nearest, atol=1e-5)
    np.testing.assert_allclose(p, reached, atol=TOLERANCE)


@needs_pd
def test_each_variant_plays_its_own_map(lfo4: Played):
    lfo4.hands(x=0.2, y=0.8, z=0.5)
    for i, name in enumerate(("fm", "pwm", "fcm", "am")):
        lfo4.hands(variant=i)
        expected = tm.load(LFO4 / "models" / name, scale=None).forward([0.2, 0.8, 0.5])
        np.testing.assert_allclose(lfo4.look()[1], expected, atol=TOLERANCE, err_msg=name)
    lfo4.pd.again("tm-universal-hand")
    expected = tm.load(LFO4 / "models" / "universal", scale=None).forward([0.2, 0.8, 0.5])
    np.testing.assert_allclose(lfo4.look()[1], expected, atol=TOLERANCE)

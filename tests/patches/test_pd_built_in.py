"""The switch of the Pure Data patches, in a real Pure Data that has no tm-serve."""

from __future__ import annotations

import shutil
import sys
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

    def switch(self, built_in: bool) -> None:
        self.pd.hand("tm-map-hand", float(built_in))

    def hands(self, **values: float) -> None:
        """Move what a hand can move; none of it is sent while the maps are built in."""
        for name, value in values.items():
            self.pd.hand(f"tm-{name}-hand", value)
        assert self.service.drain() == []

    def look(self) -> tuple[FloatArray, FloatArray]:
        """Read the point and the parameters: sliders say where they are once all is sent again."""
        self.switch(False)
        assert [address for address, _ in self.service.drain()] == ["/tm/subscribe"]
        self.pd.again("tm-x-hand")
        c = self.service.wait_for("/tm/c")
        p: list[float] = []
        for i in range(self.n):
            self.pd.again(f"tm-p{i}-hand")
            p += self.service.wait_for(f"/tm/p/{i}")
        self.switch(True)
        assert self.service.drain() == []
        return np.array(c), np.array(p)


@contextmanager
def built_in(folder: Path, n: int) -> Iterator[Played]:
    service, port = Client(), free_port()
    service.to = ("127.0.0.1", port)
    with playing(folder / f"{folder.name}.pd", service.port, port) as pd:
        service.drain()
        played = Played(pd, service, n)
        played.switch(True)
        assert service.drain() == []
        yield played
    service.close()


@pytest.mark.parametrize(
    ("folder", "n", "first"),
    [(LFO4, 4, "fm"), (CLONEWHEEL, 9, "clonewheel")],
    ids=["lfo4", "organ"],
)
@needs_pd
def test_the_point_plays_the_map_beside_the_patch(folder: Path, n: int, first: str):
    mapping = tm.load(folder / "models" / first)
    with built_in(folder, n) as played:
        # At once, where the point is.
        c, p = played.look()
        np.testing.assert_allclose(c, [0.5, 0.5, 0.0])
        np.testing.assert_allclose(p, mapping.forward(c), atol=TOLERANCE)
        played.hands(x=0.2, y=0.8, z=0.5)
        c, p = played.look()
        np.testing.assert_allclose(c, [0.2, 0.8, 0.5], atol=1e-6)
        np.testing.assert_allclose(p, mapping.forward(c), atol=TOLERANCE)
        # What tm-serve sends, should it run, is not heard.
        played.service.send("/tm/p", *[5.0] * n)
        np.testing.assert_allclose(played.look()[1], p, atol=TOLERANCE)


@needs_pd
def test_a_hand_is_held_until_it_lets_go():
    mapping = tm.load(LFO4 / "models" / "fm")
    start = {"x": 0.3, "y": 0.6, "z": 0.5}
    wanted = mapping.forward(list(start.values()))
    wanted[2] = 100
    nearest = mapping.inverse(wanted)
    reached = mapping.forward(nearest)
    assert np.abs(reached - wanted).max() > 1  # there is something to hold
    with built_in(LFO4, 4) as played:
        played.hands(**start, p2=100)
        c, p = played.look()
        np.testing.assert_allclose(p, wanted, atol=TOLERANCE)
        np.testing.assert_allclose(c, nearest, atol=1e-5)

        played.hands(**start)
        played.hands(p2=100)
        played.hands(x=0.9)
        c, p = played.look()
        np.testing.assert_allclose(c, [0.9, *nearest[1:]], atol=1e-5)
        held = np.clip(mapping.forward(c) + wanted - reached, 0, 127)
        np.testing.assert_allclose(p, held, atol=TOLERANCE)

        played.hands(**start)
        played.hands(p2=100)
        played.pd.again("tm-release-hand")
        c, p = played.look()
        np.testing.assert_allclose(c, nearest, atol=1e-5)
        np.testing.assert_allclose(p, reached, atol=TOLERANCE)


@needs_pd
def test_each_variant_plays_its_own_map():
    with built_in(LFO4, 4) as played:
        played.hands(x=0.2, y=0.8, z=0.5)
        for i, name in enumerate(("fm", "pwm", "fcm", "am")):
            played.hands(variant=i)
            expected = tm.load(LFO4 / "models" / name).forward([0.2, 0.8, 0.5])
            np.testing.assert_allclose(played.look()[1], expected, atol=TOLERANCE, err_msg=name)
        played.pd.again("tm-universal-hand")
        expected = tm.load(LFO4 / "models" / "universal").forward([0.2, 0.8, 0.5])
        np.testing.assert_allclose(played.look()[1], expected, atol=TOLERANCE)

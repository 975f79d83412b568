"""The switch of the Max patches, played without Max: see tests/patches/max/player.mjs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import timbremap_runtime as tm
from tests.support.max_player import MaxPatch, needs_node
from tests.support.paths import LFO4, PATCHES

pytestmark = needs_node

CLONEWHEEL = PATCHES / "additive" / "clonewheel"
MENU_ITEMS = {"tm-serve": 0, "built in": 1}


class Hands:
    """What is done to a patch, one after the other, and what came of it."""

    def __init__(self, folder: Path):
        self.patch = MaxPatch(folder / f"{folder.name}.maxpat")
        self.steps: list[tuple[str, int, list[Any]]] = []
        (self.z,) = (box["id"] for box in self.patch.boxes if box.get("size") == 1.0)

    def pad(self, x: float, y: float) -> None:
        pad = self.patch.box("pictslider")
        self.steps += [(pad, 1, [127 * y]), (pad, 0, [127 * x])]

    def pressure(self, z: float) -> None:
        self.steps.append((self.z, 0, [z]))

    def parameter(self, index: int, value: float) -> None:
        names = [box for box in self.patch.boxes if box["maxclass"] == "slider"]
        self.steps.append((names[index]["id"], 0, [value]))

    def switch(self, to: str) -> None:
        (menu,) = (b["id"] for b in self.patch.boxes if b.get("items", [""])[0] == "tm-serve")
        self.steps.append((menu, 0, [MENU_ITEMS[to]]))

    def load(self, index: int) -> None:
        (menu,) = (b["id"] for b in self.patch.boxes if b.get("items", [""])[0] == "fm")
        self.steps.append((menu, 0, [index]))

    def say(self, text: str) -> None:
        self.steps.append((self.patch.box(text), 0, ["bang"]))

    def hear(self, *message: Any) -> None:
        self.steps.append((self.patch.box("udpreceive 9001"), 0, list(message)))

    def done(self, folder: Path) -> list[dict[str, Any]]:
        return self.patch.play(self.steps, folder)


def parameters(then: dict[str, Any]) -> list[float]:
    return [then["sends"][f"tm-p{i}"] for i in range(len(then["sends"]))]


def test_until_it_is_switched_everything_goes_to_tm_serve(tmp_path: Path):
    hands = Hands(LFO4)
    hands.pad(0.2, 0.8)
    hands.parameter(2, 100)
    hands.load(1)
    hands.say("/tm/release 200")
    hands.hear("/tm/p", 1, 2, 3, 4)
    _, moved, set_, loaded, released, heard = hands.done(tmp_path)
    assert moved["packets"][-1] == ["/tm/c", pytest.approx(0.2), pytest.approx(0.8), 0]
    assert set_["packets"] == [["/tm/p/2", 100]]
    assert loaded["packets"] == [["/tm/load", "pwm"]]
    assert released["packets"] == [["/tm/release", 200]]
    assert parameters(heard) == [1, 2, 3, 4]


@pytest.mark.parametrize(("folder", "name"), [(LFO4, "fm"), (CLONEWHEEL, "clonewheel")])
def test_built_in_it_plays_as_a_performer_does(folder: Path, name: str, tmp_path: Path):
    performer = tm.Performer(tm.load(folder / "models" / name, scale=None))
    n = performer.mapping.parameter_size
    hands, expected = Hands(folder), []

    def note(count: int = 1) -> None:
        expected.extend([None] * (count - 1) + [(performer.c, performer.p)])

    hands.switch("built in")
    performer.move([0.5, 0.5, 0.0])
    note()
    hands.pad(0.2, 0.8)
    performer.move([0.2, 0.8, 0.0])
    note(2)
    hands.pressure(0.6)
    performer.move([0.2, 0.8, 0.6])
    note()
    for index, value in ((1, 10.0), (1, 30.0), (n - 1, 120.0)):
        hands.parameter(index, value)
        performer.set(index, value)
        note()
    hands.pressure(0.3)
    performer.move([*performer.c[:2], 0.3])
    note()
    hands.hear("/tm/p", *[5.0] * n)  # a tm-serve that runs beside it is not heard
    note()
    hands.say("/tm/release 200")
    performer.release()
    note()
    for then, now in zip(hands.done(tmp_path), expected, strict=True):
        assert then["packets"] == []
        if now is None:
            continue
        c, p = now
        np.testing.assert_allclose(parameters(then), p, atol=1e-9)
        shown = then["shown"]
        pad = shown.get(hands.patch.box("pictslider"), [63.5, 63.5])
        (z,) = shown.get(hands.z, [0.0])
        np.testing.assert_allclose([pad[0] / 127, pad[1] / 127, z], c, atol=1e-9)


def test_each_model_plays_its_own_map_at_the_point_that_was_played(tmp_path: Path):
    hands = Hands(LFO4)
    hands.switch("built in")
    hands.pad(0.2, 0.8)
    names = ["fm", "pwm", "fcm", "am", "universal"]
    for index in range(len(names)):
        hands.load(index)
    for name, then in zip(names, hands.done(tmp_path)[3:], strict=True):
        expected = tm.load(LFO4 / "models" / name, scale=None).forward([0.2, 0.8, 0.0])
        np.testing.assert_allclose(parameters(then), expected, atol=1e-9)
        loaded = [name, 3, 4, "rate", "duty", "shape", "depth"]
        assert loaded in then["shown"].values()


def test_what_is_not_built_in_is_said(tmp_path: Path):
    hands = Hands(LFO4)
    hands.switch("built in")
    hands.say("/tm/scale uniform")
    then = hands.done(tmp_path)[-1]
    assert ["/tm/scale: not here; choose tm-serve"] in then["shown"].values()

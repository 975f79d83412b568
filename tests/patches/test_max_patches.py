from __future__ import annotations

import json
import sys
from itertools import combinations
from typing import Any

import pytest

from tests.support.paths import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "patches"))

from build_patches import build
from max_patch import OBJECTS, sockets

PATCHES = sorted((REPOSITORY / "patches").rglob("*.maxpat"))


@pytest.fixture(params=PATCHES, ids=lambda path: path.stem)
def patcher(request: pytest.FixtureRequest) -> dict[str, Any]:
    return json.loads(request.param.read_text())["patcher"]


def test_the_patches_are_what_the_builder_writes():
    for file, content in build().items():
        assert file.read_text(encoding="utf-8") == content, f"run  {build.__module__}.py"


def test_there_is_a_patch_for_each_instrument():
    assert [path.stem for path in PATCHES] == ["clonewheel", "lfo4"]


def test_every_object_exists_with_its_inlets_and_outlets(patcher: dict[str, Any]):
    for item in patcher["boxes"]:
        box = item["box"]
        text = box["text"] if box["maxclass"] == "newobj" else box["maxclass"]
        assert text.split()[0] in OBJECTS
        assert (box["numinlets"], box["numoutlets"]) == sockets(text)
        assert len(box["outlettype"]) == box["numoutlets"]
        assert all(value > 0 for value in box["patching_rect"])


def test_every_cord_ends_in_an_inlet_that_exists(patcher: dict[str, Any]):
    boxes = {item["box"]["id"]: item["box"] for item in patcher["boxes"]}
    assert len(boxes) == len(patcher["boxes"])
    cords = [tuple(map(tuple, item["patchline"].values())) for item in patcher["lines"]]
    assert len(set(cords)) == len(cords)
    for item in patcher["lines"]:
        (source, outlet), (target, inlet) = (
            item["patchline"][end] for end in ("source", "destination")
        )
        assert 0 <= outlet < boxes[source]["numoutlets"]
        assert 0 <= inlet < boxes[target]["numinlets"]


@pytest.mark.parametrize("view", ["patching_rect", "presentation_rect"])
def test_no_box_covers_another(view: str, patcher: dict[str, Any]):
    boxes = [item["box"] for item in patcher["boxes"] if view in item["box"]]
    assert len(boxes) > 20
    for a, b in combinations(boxes, 2):
        ax, ay, aw, ah = a[view]
        bx, by, bw, bh = b[view]
        apart = ax + aw <= bx or bx + bw <= ax or ay + ah <= by or by + bh <= ay
        assert apart, (a.get("text", a["maxclass"]), b.get("text", b["maxclass"]))


def test_what_is_shown_lies_in_the_window(patcher: dict[str, Any]):
    _, _, width, height = patcher["rect"]
    assert patcher["openinpresentation"]
    shown = [item["box"] for item in patcher["boxes"] if "presentation_rect" in item["box"]]
    assert {"slider", "pictslider", "flonum", "button"} <= {box["maxclass"] for box in shown}
    for box in shown:
        x, y, w, h = box["presentation_rect"]
        assert x >= 0 and y >= 0
        assert x + w <= width
        assert y + h <= height


@pytest.mark.parametrize("view", ["patching_rect", "presentation_rect"])
def test_every_text_has_room(view: str, patcher: dict[str, Any]):
    """Max sets texts in Arial 12, whose small letters and digits are 6.2 pixels wide on average."""
    texts = [item["box"] for item in patcher["boxes"] if {"text", view} <= item["box"].keys()]
    assert len(texts) > 5
    for box in texts:
        assert box[view][2] >= 6.2 * len(box["text"]) + 8, box["text"]


def test_what_is_received_is_kept_where_a_hand_goes_on_from(patcher: dict[str, Any]):
    """Numbers from the network reach the silent inlets of what packs the point and the sliders."""
    boxes = {item["box"]["id"]: item["box"] for item in patcher["boxes"]}
    cords = {tuple(map(tuple, item["patchline"].values())) for item in patcher["lines"]}
    packs = [i for i, box in boxes.items() if box.get("text", "").startswith("pack ")]
    assert len(packs) == 2
    for pack in packs:
        (first,) = [a for (a, _), (b, inlet) in cords if (b, inlet) == (pack, 0)]
        silent = [(first, 1)] + [(pack, i) for i in range(1, boxes[pack]["numinlets"])]
        for i, place in enumerate(silent):
            sources = [
                (boxes[a]["text"].split()[0], outlet) for (a, outlet), b in cords if b == place
            ]
            assert sorted(sources) == [("t", 1), ("unpack", i)]


def test_what_is_received_sets_without_being_sent_again(patcher: dict[str, Any]):
    """From the network no cord leads back to it but through a ``set`` or a silent inlet."""
    boxes = {item["box"]["id"]: item["box"] for item in patcher["boxes"]}
    onward: dict[str, set[str]] = {}
    for item in patcher["lines"]:
        source, (target, inlet) = item["patchline"].values()
        kind = boxes[target].get("text", "").split()[:1] or [boxes[target]["maxclass"]]
        if not (inlet and kind[0] in ("float", "pack")):
            onward.setdefault(source[0], set()).add(target)
    start = next(i for i, box in boxes.items() if box.get("text", "").startswith("udpreceive"))
    reached, todo = set[str](), [start]
    while todo:
        here = todo.pop()
        reached.add(here)
        if boxes[here].get("text") != "prepend set":
            todo += onward.get(here, set()) - reached
    texts = {boxes[i].get("text", boxes[i]["maxclass"]) for i in reached}
    assert "prepend set" in texts
    assert not any(text.startswith("udpsend") for text in texts)

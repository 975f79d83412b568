from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from tests.support.max_layout import check_boxes, check_cords, check_room
from tests.support.paths import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "patches"))

from build_patches import build

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
    check_boxes(patcher)


def test_every_cord_ends_in_an_inlet_that_exists(patcher: dict[str, Any]):
    check_cords(patcher)


@pytest.mark.parametrize("view", ["patching_rect", "presentation_rect"])
def test_no_box_covers_another_and_every_text_has_room(view: str, patcher: dict[str, Any]):
    assert sum(view in item["box"] for item in patcher["boxes"]) > 20
    check_room(patcher, view)


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


def test_what_is_received_is_kept_where_a_hand_goes_on_from(patcher: dict[str, Any]):
    """Numbers from the network or a script reach the silent inlets of what packs the point."""
    boxes = {item["box"]["id"]: item["box"] for item in patcher["boxes"]}
    cords = {tuple(map(tuple, item["patchline"].values())) for item in patcher["lines"]}
    packs = [i for i, box in boxes.items() if box.get("text", "").startswith("pack ")]
    (pack,) = packs
    (first,) = [a for (a, _), (b, inlet) in cords if (b, inlet) == (pack, 0)]
    silent = [(first, 1)] + [(pack, i) for i in range(1, boxes[pack]["numinlets"])]
    for i, place in enumerate(silent):
        sources = [(boxes[a]["text"].split()[0], outlet) for (a, outlet), b in cords if b == place]
        assert sorted(sources) == [("t", 1), ("unpack", i)]


def test_what_is_received_sets_without_being_sent_again(patcher: dict[str, Any]):
    """From the network or a script no cord leads back but by ``set`` or a silent inlet."""
    boxes = {item["box"]["id"]: item["box"] for item in patcher["boxes"]}
    onward: dict[str, set[str]] = {}
    for item in patcher["lines"]:
        source, (target, inlet) = item["patchline"].values()
        kind = boxes[target].get("text", "").split()[:1] or [boxes[target]["maxclass"]]
        if not (inlet and kind[0] in ("float", "pack")):
            onward.setdefault(source[0], set()).add(target)
    sources = ("udpreceive", "v8")
    todo = [i for i, box in boxes.items() if box.get("text", "").startswith(sources)]
    assert len(todo) > 1
    reached = set[str]()
    while todo:
        here = todo.pop()
        reached.add(here)
        if boxes[here].get("text") != "prepend set":
            todo += onward.get(here, set()) - reached
    texts = {boxes[i].get("text", boxes[i]["maxclass"]) for i in reached}
    assert "prepend set" in texts
    assert not any(text.startswith(("udpsend", "gate 2")) for text in texts)

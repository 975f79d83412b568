"""What has to hold of every Max patch: its boxes exist, its cords end, nothing is hidden."""

from __future__ import annotations

from itertools import combinations
from typing import Any

from timbremap_runtime.export.max_canvas import OBJECTS, sockets


def check_boxes(patcher: dict[str, Any], of_the_map: tuple[str, ...] = ()) -> None:
    """Hold every box against `OBJECTS`; boxes ``of_the_map`` have sockets of their own."""
    for item in patcher["boxes"]:
        box = item["box"]
        text = box["text"] if box["maxclass"] == "newobj" else box["maxclass"]
        assert len(box["outlettype"]) == box["numoutlets"]
        assert all(value > 0 for value in box["patching_rect"])
        if text.split()[0] not in of_the_map:
            assert text.split()[0] in OBJECTS
            assert (box["numinlets"], box["numoutlets"]) == sockets(text)


def check_cords(patcher: dict[str, Any]) -> None:
    """Hold both ends of every cord against the boxes."""
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


def check_room(patcher: dict[str, Any], view: str) -> None:
    """Find no box that covers another, and no text that is wider than its box.

    Max sets texts in Arial 12, whose small letters and digits are 6.2 pixels wide on average.
    """
    boxes = [item["box"] for item in patcher["boxes"] if view in item["box"]]
    for a, b in combinations(boxes, 2):
        ax, ay, aw, ah = a[view]
        bx, by, bw, bh = b[view]
        apart = ax + aw <= bx or bx + bw <= ax or ay + ah <= by or by + bh <= ay
        assert apart, (a.get("text", a["maxclass"]), b.get("text", b["maxclass"]))
    for box in boxes:
        assert box[view][2] >= 6.2 * len(box.get("text", "")) + 8, box["text"]

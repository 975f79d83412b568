"""The Max patches: the layout of the Pure Data ones, and the external jg.timbremap beside it.

Max is not needed to write them: a patch is JSON. `OBJECTS` says which objects are used and how many
inlets and outlets each has; a test holds every box and every cord against it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pd_patch import PATCH_PORT, SERVICE_PORT

OBJECTS: dict[str, tuple[int | None, int | None]] = {
    # name: inlets, outlets; None where the arguments say (see `sockets`)
    "comment": (1, 0),
    "message": (2, 1),
    "slider": (1, 1),
    "flonum": (1, 2),
    "pictslider": (2, 2),
    "umenu": (1, 3),
    "loadbang": (1, 1),
    "udpsend": (1, 0),
    "udpreceive": (1, 1),
    "prepend": (1, 1),
    "print": (1, 0),
    "/": (2, 1),
    "*": (2, 1),
    "pak": (None, 1),
    "pack": (None, 1),
    "unpack": (1, None),
    "route": (None, None),
    "s": (1, 0),
    # The original's external, with the sizes m and n as arguments.
    "jg.timbremap": (3, 3),
}


def sockets(text: str) -> tuple[int, int]:
    """Inlets and outlets of an object by its text."""
    name, *arguments = text.split()
    inlets, outlets = OBJECTS[name]
    count = len(arguments)
    if name == "route":
        return count + 1, count + 1
    return (count if inlets is None else inlets), (count if outlets is None else outlets)


@dataclass
class Patcher:
    """A Max patcher that boxes are put on, one after the other."""

    boxes: list[dict[str, Any]] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)

    def put(
        self, maxclass: str, rect: tuple[float, float, float, float], text: str = "", **more: Any
    ) -> str:
        """Put a box; return its id."""
        inlets, outlets = sockets(text if maxclass == "newobj" else maxclass)
        box: dict[str, Any] = {
            "id": f"obj-{len(self.boxes) + 1}",
            "maxclass": maxclass,
            "numinlets": inlets,
            "numoutlets": outlets,
            "outlettype": [""] * outlets,
            "patching_rect": list(rect),
            **more,
        }
        if text:
            box["text"] = text
        self.boxes.append({"box": box})
        return box["id"]

    def obj(self, x: float, y: float, text: str, *inputs: str | tuple[str, int] | None) -> str:
        """Put an object whose inlets are connected to ``inputs`` in turn."""
        box = self.put("newobj", (x, y, 6.5 * len(text) + 14, 22), text)
        for inlet, source in enumerate(inputs):
            if source is not None:
                self.cord(source, box, inlet)
        return box

    def cord(self, source: str | tuple[str, int], target: str, inlet: int = 0) -> None:
        """Connect an outlet to an inlet."""
        box, outlet = source if isinstance(source, tuple) else (source, 0)
        line = {"source": [box, outlet], "destination": [target, inlet]}
        self.lines.append({"patchline": line})

    def content(self, width: float, height: float) -> dict[str, Any]:
        """Return what the file holds."""
        return {
            "patcher": {
                "fileversion": 1,
                "appversion": {
                    "major": 8,
                    "minor": 1,
                    "revision": 0,
                    "architecture": "x64",
                    "modernui": 1,
                },
                "classnamespace": "box",
                "rect": [60.0, 90.0, width, height],
                "boxes": self.boxes,
                "lines": self.lines,
            }
        }


def max_patch(title: str, names: list[str], variants: dict[str, Any], pitch: int) -> dict[str, Any]:
    """Return the patch of an instrument."""
    n = len(names)
    patch = Patcher()
    comment = "comment"
    text = f"{title}: start  tm-serve models  and move the point or a slider"
    patch.put(comment, (20, 10, 480, 20), text)
    text = "The sound is your own synth's: it takes the parameters, 0 to 127, from the right."
    patch.put(comment, (20, 32, 480, 20), text)

    # Out.
    out = patch.obj(20, 640, f"udpsend 127.0.0.1 {SERVICE_PORT}")
    sliders: list[str] = []
    for i, name in enumerate(names):
        x = 20 + 130 * i
        patch.put(comment, (x, 70, 90, 20), name)
        slider = patch.put("slider", (x, 94, 24, 160), size=128.0, floatoutput=1)
        sliders.append(slider)
        shown = patch.put("flonum", (x + 34, 94, 56, 22))
        patch.cord(slider, shown)
        patch.obj(x + 34, 230, f"s tm-p{i}", slider)
        patch.cord(patch.obj(x, 270, f"prepend /tm/p/{i}", slider), out)
    right = 40 + 130 * n
    pad = patch.put("pictslider", (right, 94, 200, 200))
    patch.put(comment, (right, 70, 200, 20), "x and y")
    patch.put(comment, (right + 220, 70, 80, 20), "pressure")
    pressure = patch.put("slider", (right + 220, 94, 24, 200), size=128.0)
    point = patch.obj(
        right,
        350,
        "pak 0.5 0.5 0.",
        *(
            patch.obj(right + 70 * i, 316, "/ 127.", source)
            for i, source in enumerate((pad, (pad, 1), pressure))
        ),
    )
    patch.cord(patch.obj(right, 384, "prepend /tm/c", point), out)
    if variants:
        items: list[str] = []
        for variant in variants:
            items += [variant, ","]
        patch.put(comment, (right + 310, 70, 110, 20), "model")
        menu = patch.put("umenu", (right + 310, 94, 110, 22), items=items[:-1])
        patch.cord(patch.obj(right + 310, 130, "prepend /tm/load", (menu, 1)), out)

    # In.
    routed = patch.obj(
        20, 340, "route /tm/p /tm/c /tm/error", patch.obj(20, 312, f"udpreceive {PATCH_PORT}")
    )
    values = patch.obj(20, 374, "unpack" + " 0." * n, routed)
    for i, slider in enumerate(sliders):
        # A slider that is set gives nothing out, so nothing goes in circles.
        patch.cord(patch.obj(20 + 130 * i, 420, "prepend set", (values, i)), slider)
        patch.obj(20 + 130 * i, 448, f"s tm-in{i}", (values, i))
    where = patch.obj(right, 420, "unpack 0. 0. 0.", (routed, 1))
    for i, (box, inlet) in enumerate(((pad, 0), (pad, 1), (pressure, 0))):
        scaled = patch.obj(right + 130 * i, 450, "* 127.", (where, i))
        patch.cord(patch.obj(right + 130 * i, 480, "prepend set", scaled), box, inlet)
    patch.obj(250, 340, "print timbremap", (routed, 2))

    # The same with the external: it needs no tm-serve.
    text = (
        "With the external jg.timbremap: load a model, patch blocks.multitouch into [prepend block]"
    )
    patch.put(comment, (20, 512, 640, 20), text)
    external = patch.obj(20, 594, f"jg.timbremap 3 {n}")
    load = patch.put(
        "message", (20, 534, 260, 22), f"load models/{next(iter(variants), title)}/timbremap"
    )
    patch.cord(load, external)
    patch.cord(patch.obj(300, 534, "prepend block"), external)
    held = patch.obj(450, 534, "pak" + " 0." * n, *sliders)
    patch.cord(patch.obj(450, 564, "prepend param", held), external)
    patch.cord(external, values)
    return patch.content(max(right + 440, 760), 700)

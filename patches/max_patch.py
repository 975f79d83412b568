"""The Max patches: the layout of the Pure Data ones, and the external jg.timbremap beside it.

Max is not needed to write them: a patch is JSON. `OBJECTS` says which objects are used and how many
inlets and outlets each has; a test compares every box and every cord with it. The patches open in
presentation mode, which shows only what is played with; the wiring is behind it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pd_patch import PATCH_PORT, SERVICE_PORT, UNIVERSAL

OBJECTS: dict[str, tuple[int | None, int | None]] = {
    # name: inlets, outlets; None where the arguments say (see `sockets`)
    "comment": (1, 0),
    "message": (2, 1),
    "button": (1, 1),
    "slider": (1, 1),
    "flonum": (1, 2),
    "pictslider": (2, 2),
    "umenu": (1, 3),
    "loadbang": (1, 1),
    "udpsend": (1, 0),
    "udpreceive": (1, 1),
    "prepend": (1, 1),
    "/": (2, 1),
    "*": (2, 1),
    "float": (2, 1),
    "t": (1, None),
    "pack": (None, 1),
    "unpack": (1, None),
    "route": (None, None),
    "s": (1, 0),
    # The original's external, with the sizes m and n as arguments.
    "jg.timbremap": (3, 3),
}

Plug = str | tuple[str, int]
"""A box, or a box and the number of its outlet or inlet."""
Rect = tuple[float, float, float, float]
"""Left, top, width, height in pixels."""


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
        self, maxclass: str, rect: Rect, text: str = "", seen: Rect | None = None, **more: Any
    ) -> str:
        """Put a box, in presentation mode at ``seen``; return its id."""
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
        if seen:
            box |= {"presentation": 1, "presentation_rect": list(seen)}
        if text:
            box["text"] = text
        self.boxes.append({"box": box})
        return box["id"]

    def obj(self, x: float, y: float, text: str, *inputs: Plug | None) -> str:
        """Put an object whose inlets are connected to ``inputs`` in turn."""
        box = self.put("newobj", (x, y, 6.5 * len(text) + 14, 22), text)
        for inlet, source in enumerate(inputs):
            if source is not None:
                self.cord(source, (box, inlet))
        return box

    def cord(self, source: Plug, target: Plug) -> None:
        """Connect an outlet to an inlet."""
        (a, outlet), (b, inlet) = (p if isinstance(p, tuple) else (p, 0) for p in (source, target))
        self.lines.append({"patchline": {"source": [a, outlet], "destination": [b, inlet]}})

    def kept(
        self, x: float, y: float, step: float, start: list[float], hands: list[Plug]
    ) -> tuple[str, list[Plug]]:
        """Keep numbers as one list: what a hand moves sends all of it.

        Returns
        -------
        (str, list)
            What sends the list; where each number can be set without sending.
        """
        first = self.obj(x, y + 30, f"float {start[0]}")
        values = self.obj(x, y + 60, "pack " + " ".join(map(str, start)), first)
        silent: list[Plug] = [(first, 1), *((values, i) for i in range(1, len(start)))]
        for i, (hand, place) in enumerate(zip(hands, silent, strict=True)):
            moved = self.obj(x + step * i, y, "t b f", hand)
            self.cord((moved, 1), place)
            self.cord(moved, first)
        return values, silent

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
                "openinpresentation": 1,
                "boxes": self.boxes,
                "lines": self.lines,
            }
        }


def max_patch(title: str, names: list[str], variants: dict[str, Any], pitch: int) -> dict[str, Any]:
    """Return the patch of an instrument."""
    n, column = len(names), 150
    patch = Patcher()

    def label(words: str, x: float, y: float, seen: tuple[float, float] | None = None) -> None:
        size = (7.5 * len(words) + 14, 20)
        patch.put("comment", (x, y, *size), words, (*seen, *size) if seen else None)

    label(f"{title}: start tm-serve, then move the point or a slider", 20, 10, (20, 14))
    label(
        "The sound is your own synth's: receive tm-p0, tm-p1 ..., 0 to 127, whoever moved them.",
        20,
        30,
        (20, 36),
    )

    # Out: what a hand moved.
    out = patch.obj(760, 520, f"udpsend 127.0.0.1 {SERVICE_PORT}")
    sliders: list[Plug] = []
    numbers: list[str] = []
    for i, name in enumerate(names):
        x, y = 20 + column * i, 90 + 44 * i
        label(name, x, 60, (20, y))
        # A size of 128 ends at 127 with whole numbers; with decimals the size is the end.
        slider = patch.put(
            "slider", (x, 82, 120, 18), seen=(24, y + 20, 256, 18), size=127.0, floatoutput=1
        )
        number = patch.put("flonum", (x, 108, 56, 22), seen=(300, y + 18, 56, 22))
        sliders.append(slider)
        numbers.append(number)
        patch.cord(slider, number)
        patch.obj(x, 138, f"s tm-p{i}", slider)
        patch.cord(patch.obj(x, 166, f"prepend /tm/p/{i}", slider), out)
    held, held_silent = patch.kept(20, 200, column, [0.0] * n, sliders)

    label("x and y", 20, 310, (400, 90))
    pad = patch.put("pictslider", (20, 332, 200, 200), seen=(400, 112, 200, 200))
    label("pressure", 240, 310, (616, 90))
    pressure = patch.put(
        "slider", (250, 332, 24, 200), seen=(630, 112, 24, 200), size=1.0, floatoutput=1
    )
    hands: list[Plug] = [patch.obj(340 + 80 * i, 332, "/ 127.", (pad, i)) for i in range(2)]
    point, point_silent = patch.kept(340, 366, 80, [0.5, 0.5, 0.0], [*hands, pressure])
    patch.cord(patch.obj(340, 466, "prepend /tm/c", point), out)

    if variants:
        items: list[str] = []
        for model in (*variants, UNIVERSAL):
            items += [model, ","]
        label("load", 760, 310, (700, 90))
        menu = patch.put("umenu", (760, 332, 110, 22), seen=(700, 112, 110, 22), items=items[:-1])
        patch.cord(patch.obj(760, 362, "prepend /tm/load", (menu, 1)), out)
    for i, words in enumerate(("/tm/release 200", "/tm/scale normal", "/tm/scale uniform")):
        seen = (700, 160 + 28 * i, 130, 22)
        patch.cord(patch.put("message", (920, 332 + 28 * i, 130, 22), words, seen), out)
    label("smooth ms", 1080, 310, (700, 252))
    smooth = patch.put("flonum", (1080, 332, 56, 22), seen=(790, 251, 56, 22))
    patch.cord(patch.obj(1080, 362, "prepend /tm/smooth", smooth), out)
    # Subscribes, and asks what is loaded and played.
    label("ask again", 990, 438, (700, 290))
    again = patch.put("button", (1080, 436, 24, 24), seen=(790, 288, 24, 24))
    hello = patch.put("message", (920, 466, 150, 22), f"/tm/subscribe {PATCH_PORT}")
    patch.cord(patch.obj(920, 436, "loadbang"), hello)
    patch.cord(again, hello)
    patch.cord(hello, out)

    # In: what tm-serve sends. What is set gives nothing out, so nothing goes in circles.
    received = patch.obj(20, 570, f"udpreceive {PATCH_PORT}")
    routed = patch.obj(20, 600, "route /tm/p /tm/c /tm/error /tm/loaded", received)
    values = patch.obj(20, 630, "unpack" + " 0." * n, routed)
    for i in range(n):
        here = patch.obj(20 + column * i, 664, "prepend set", (values, i))
        patch.cord(here, sliders[i])
        patch.cord(here, numbers[i])
        patch.obj(20 + column * i, 692, f"s tm-p{i}", (values, i))
        patch.cord((values, i), held_silent[i])
    where = patch.obj(20, 730, "unpack 0. 0. 0.", (routed, 1))
    for i, target in enumerate(((pad, 0), (pad, 1), pressure)):
        patch.cord((where, i), point_silent[i])
        scaled = (where, 2) if i == 2 else patch.obj(20 + column * i, 764, "* 127.", (where, i))
        patch.cord(patch.obj(20 + column * i, 792, "prepend set", scaled), target)
    for i, (what, outlet) in enumerate((("model", 3), ("error", 2))):
        label(what, 560, 730 + 32 * i, (400, 332 + 30 * i))
        shown = patch.put(
            "message", (640, 730 + 32 * i, 380, 22), seen=(460, 330 + 30 * i, 380, 22)
        )
        patch.cord((routed, outlet), (shown, 1))

    # The same with the external.
    top = 850
    label(
        "With the external jg.timbremap instead of tm-serve (else it is shown as missing):", 20, top
    )
    load = f"load models/{next(iter(variants), title)}/timbremap"
    external = patch.obj(20, top + 90, f"jg.timbremap 3 {n}")
    patch.cord(patch.put("message", (20, top + 28, 260, 22), load), external)
    label("the control values: [blocks.multitouch] into [prepend block]", 460, top + 28)
    patch.cord(patch.obj(300, top + 28, "prepend block"), external)
    patch.cord(patch.obj(300, top + 58, "prepend param", held), external)
    patch.cord(external, values)
    return patch.content(880, max(450, 150 + 44 * n))

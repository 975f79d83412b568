"""`Patcher`: a Max patch, written box by box.

Max is not needed to write one: a patch is JSON. `OBJECTS` says which objects are used and how many
inlets and outlets each has; tests compare every box and every cord with it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

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
    "gate": (2, None),
    "+": (2, 1),
    "==": (2, 1),
    "s": (1, 0),
    "sig~": (1, 1),
    "cycle~": (2, 1),
    "*~": (2, 1),
    "ezdac~": (2, 0),
    # A script that tm-export has written.
    "v8": (1, 3),
    # Inside gen~; gen~ and its codebox have as many as the map.
    "in": (0, 1),
    "out": (1, 0),
}

Plug: TypeAlias = str | tuple[str, int]
"""A box, or a box and the number of its outlet or inlet."""
Rect: TypeAlias = tuple[float, float, float, float]
"""Left, top, width, height in pixels."""


def sockets(text: str) -> tuple[int, int]:
    """Inlets and outlets of an object by its text."""
    name, *arguments = text.split()
    inlets, outlets = OBJECTS[name]
    count = len(arguments)
    if name == "route":
        return count + 1, count + 1
    if name == "gate":
        return 2, int(arguments[0])
    return (count if inlets is None else inlets), (count if outlets is None else outlets)


@dataclass
class Patcher:
    """A Max patcher that boxes are put on, one after the other."""

    boxes: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    lines: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def put(
        self, maxclass: str, rect: Rect, text: str = "", seen: Rect | None = None, **more: Any
    ) -> str:
        """Put a box, in presentation mode at ``seen``; return its id.

        Inlets and outlets are known by its text, or given as ``numinlets`` and ``numoutlets``.
        """
        if "numinlets" in more:
            inlets, outlets = more["numinlets"], more["numoutlets"]
        else:
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

    def box(self, box_id: str) -> dict[str, Any]:
        """Return a box, to say more about it."""
        return next(item["box"] for item in self.boxes if item["box"]["id"] == box_id)

    def content(
        self, width: float, height: float, namespace: str = "box", presented: bool = False
    ) -> dict[str, Any]:
        """Return what the file holds.

        Parameters
        ----------
        width, height : float
            Of the window in pixels.
        namespace : str
            ``box`` for a patch, ``dsp.gen`` for what is inside gen~.
        presented : bool
            Whether it opens in presentation mode.
        """
        return {
            "patcher": {
                "fileversion": 1,
                "appversion": {
                    "major": 9,
                    "minor": 0,
                    "revision": 0,
                    "architecture": "x64",
                    "modernui": 1,
                },
                "classnamespace": namespace,
                "rect": [60.0, 90.0, width, height],
                "openinpresentation": int(presented),
                "boxes": self.boxes,
                "lines": self.lines,
            }
        }

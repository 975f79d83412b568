"""What the Pure Data patches have in common: sliders, the pad, the note, the link to tm-serve.

Symbols to send to from outside (another patch, a test): ``tm-p0`` ... are what the sliders send,
and ``tm-p0-hand`` moves one as a hand would; ``tm-x-hand``, ``tm-y-hand``, ``tm-z-hand`` move the
point, ``tm-note-hand`` plays, ``tm-load`` loads a model, ``tm-listen PORT`` and ``tm-connect PORT``
change where the link goes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

SERVICE_PORT, PATCH_PORT = 9000, 9001
PAD = 200
"""Side of the pad in pixels."""
DOT = 10

Plug = int | tuple[int, int]
"""A box, or a box and the number of its outlet or inlet."""


@dataclass
class Canvas:
    """A Pure Data canvas that boxes are put on, one after the other."""

    size: tuple[int, int]
    name: str = ""
    lines: list[str] = field(default_factory=list)
    cords: list[str] = field(default_factory=list)
    n_boxes: int = 0

    def put(self, kind: str, x: int, y: int, text: str, *inputs: Plug | None) -> int:
        """Put a box, its inlets connected to ``inputs`` in turn; return its number."""
        for sign in ",;$":
            # In a message the comma is a word of its own.
            space = " " if kind == "msg" and sign == "," else ""
            text = text.replace(sign, space + "\\" + sign)
        self.lines.append(f"#X {kind} {x} {y} {text};")
        self.n_boxes += 1
        for inlet, source in enumerate(inputs):
            if source is not None:
                self.cord(source, (self.n_boxes - 1, inlet))
        return self.n_boxes - 1

    def obj(self, x: int, y: int, text: str, *inputs: Plug | None) -> int:
        """Put an object."""
        return self.put("obj", x, y, text, *inputs)

    def msg(self, x: int, y: int, text: str, *inputs: Plug | None) -> int:
        """Put a message."""
        return self.put("msg", x, y, text, *inputs)

    def cord(self, source: Plug, target: Plug) -> None:
        """Connect an outlet to an inlet."""
        (a, outlet), (b, inlet) = (p if isinstance(p, tuple) else (p, 0) for p in (source, target))
        self.cords.append(f"#X connect {a} {outlet} {b} {inlet};")

    def sub(self, x: int, y: int, canvas: Canvas) -> int:
        """Put a canvas inside this one."""
        self.lines.append(
            f"#N canvas 80 80 {canvas.size[0]} {canvas.size[1]} {canvas.name} 0;\n"
            + "\n".join([*canvas.lines, *canvas.cords])
            + f"\n#X restore {x} {y} pd {canvas.name};"
        )
        self.n_boxes += 1
        return self.n_boxes - 1

    def slider(
        self, kind: str, x: int, y: int, size: tuple[int, int], top: float, name: str, label: str
    ) -> int:
        """Put a slider: it sends to NAME, and what NAME-hand gets moves it."""
        word = label.replace(" ", "_")
        return self.obj(
            x,
            y,
            f"{kind} {size[0]} {size[1]} 0 {top} 0 0 {name} {name}-hand {word} 0 -9 0 12"
            " #fcfcfc #000000 #000000 0 1",
        )

    def text(self) -> str:
        """Return the file's content."""
        head = f"#N canvas 60 60 {self.size[0]} {self.size[1]} 12;"
        return "\n".join([head, *self.lines, *self.cords]) + "\n"


def pd_patch(
    title: str,
    names: list[str],
    variants: dict[str, Any],
    pitch: int,
    voice: Callable[[dict[str, Any]], Canvas],
) -> str:
    """Return the patch of an instrument."""
    height = max(420, 150 + 44 * len(names))
    pd = Canvas((760, height))
    pd.put("text", 20, 14, f"{title}: start  tm-serve models  and move the point or a slider")
    for i, name in enumerate(names):
        pd.slider("hsl", 20, 70 + 44 * i, (255, 18), 127, f"tm-p{i}", name)
        pd.put("floatatom", 290, 70 + 44 * i, f"5 0 0 0 - tm-p{i} - 12")
    left, top = 400, 70
    # The pad shows the point; the sliders at its sides move it.
    pd.obj(left, top, f"cnv 15 {PAD} {PAD} empty empty empty 20 12 0 14 #d0d8e8 #404040 0")
    pd.obj(left, top, f"cnv {DOT} {DOT} {DOT} empty tm-dot empty 20 12 0 14 #203060 #404040 0")
    pd.slider("hsl", left, top + PAD + 26, (PAD, 18), 1, "tm-x", "x")
    pd.slider("vsl", left - 36, top, (18, PAD), 1, "tm-y", "y")
    pd.slider("vsl", left + PAD + 24, top, (18, PAD), 1, "tm-z", "pressure")
    pd.obj(
        left + 250, 90, "tgl 30 0 tm-note tm-note-hand note 0 -9 0 12 #fcfcfc #000000 #000000 0 1"
    )
    pd.slider("vsl", left + 310, top, (18, PAD), 1, "tm-volume", "volume")
    if variants:
        words = "_".join(variants)
        pd.obj(
            left + 30,
            364,
            f"hradio 20 1 0 {len(variants)} tm-variant tm-variant-hand {words} 0 -9 0 12"
            " #fcfcfc #000000 #000000 0",
        )
    pd.put("symbolatom", left, 330, "44 0 0 0 - tm-message - 12")
    pd.sub(20, height - 40, link(names))
    pd.sub(90, height - 40, dot())
    pd.sub(160, height - 40, voice(variants))
    pd.sub(240, height - 40, note(pitch, list(variants)))
    return pd.text()


def link(names: list[str]) -> Canvas:
    """Make the two-way link to tm-serve."""
    pd = Canvas((1150, 560), "link")
    pd.put("text", 20, 10, "out: what a hand moved")
    for i in range(len(names)):
        # A slider that was set by tm-serve gives nothing out, so nothing goes in circles.
        moved = pd.obj(20, 40 + 28 * i, f"r tm-p{i}")
        pd.obj(220, 40 + 28 * i, "s tm-osc", pd.obj(90, 40 + 28 * i, f"oscformat tm p {i}", moved))
    row = 60 + 28 * len(names)
    point = pd.obj(20, row + 60, "pack 0.5 0.5 0")
    for inlet, axis in enumerate("xyz"):
        both = pd.obj(
            20 + 90 * inlet, row + 28, "t b f", pd.obj(20 + 90 * inlet, row, f"r tm-{axis}")
        )
        pd.cord((both, 1), (point, inlet))
        if inlet:
            pd.cord(both, point)
    pd.obj(20, row + 116, "s tm-osc", pd.obj(20, row + 88, "oscformat tm c", point))
    pd.obj(180, row + 88, "s tm-point", point)
    load = pd.obj(20, row + 178, "oscformat tm load", pd.obj(20, row + 150, "r tm-load"))
    pd.obj(20, row + 206, "s tm-osc", load)
    packet = pd.obj(380, 68, "list prepend send", pd.obj(380, 40, "r tm-osc"))
    out = pd.obj(380, 180, "netsend -u -b", pd.obj(380, 96, "list trim", packet))
    pd.cord(
        pd.msg(380, 150, f"connect 127.0.0.1 {SERVICE_PORT}", pd.obj(380, 124, "loadbang")), out
    )
    pd.cord(
        pd.msg(560, 150, "disconnect, connect 127.0.0.1 $1", pd.obj(560, 124, "r tm-connect")), out
    )

    pd.put("text", 780, 10, "in: what tm-serve sends")
    server = pd.obj(780, 68, f"netreceive -u -b {PATCH_PORT}")
    pd.cord(pd.msg(960, 40, "listen $1", pd.obj(960, 14, "r tm-listen")), server)
    parsed = pd.obj(780, 124, "list trim", pd.obj(780, 96, "oscparse", server))
    routed = pd.obj(780, 180, "route p c error loaded", pd.obj(780, 152, "route tm", parsed))
    p = pd.obj(380, 290, "unpack" + " f" * len(names), routed)
    for i in range(len(names)):
        x, y = 380 + 76 * (i % 5), 330 + 60 * (i // 5)
        pd.obj(x, y + 26, f"s tm-p{i}-hand", pd.msg(x, y, "set $1", (p, i)))
        pd.obj(x, y + 460, f"s tm-p{i}-in", (p, i))
    c = pd.obj(780, 290, "unpack f f f", (routed, 1))
    for i, axis in enumerate("xyz"):
        pd.obj(
            780 + 110 * i, 356, f"s tm-{axis}-hand", pd.msg(780 + 110 * i, 330, "set $1", (c, i))
        )
    pd.obj(960, 290, "s tm-point", (routed, 1))
    pd.obj(780, 446, "s tm-message", pd.obj(780, 420, "symbol", (routed, 2)))
    name = pd.obj(900, 420, "symbol", pd.obj(900, 394, "list split 1", (routed, 3)))
    pd.obj(900, 446, "s tm-message", name)
    return pd


def dot() -> Canvas:
    """Make what moves the dot on the pad."""
    pd = Canvas((420, 220), "dot")
    c = pd.obj(20, 60, "unpack f f f", pd.obj(20, 30, "r tm-point"))
    x = pd.obj(20, 90, f"expr 400 + $f1 * {PAD - DOT}", c)
    y = pd.obj(200, 90, f"expr 70 + (1 - $f1) * {PAD - DOT}", (c, 1))
    place = pd.obj(20, 120, "pack f f", x)
    pd.cord(y, (place, 1))
    pd.obj(20, 180, "s tm-dot", pd.msg(20, 150, "pos $1 $2", place))
    return pd


def note(pitch: int, variants: list[str]) -> Canvas:
    """Make what sets the patch up when it is opened: volume, note, model."""
    pd = Canvas((640, 260), "setup")
    opened = pd.obj(20, 20, "loadbang")
    pd.obj(20, 90, "s tm-volume-hand", pd.msg(20, 60, "0.5", opened))
    pd.obj(160, 90, "s tm-pitch", pd.msg(160, 60, str(pitch), opened))
    pd.obj(260, 90, "s tm-point", pd.msg(260, 60, "0.5 0.5 0", opened))
    for inlet, (axis, value) in enumerate((("x", 0.5), ("y", 0.5))):
        x = 360 + 120 * inlet
        pd.obj(x, 90, f"s tm-{axis}-hand", pd.msg(x, 60, f"set {value}", opened))
    if variants:
        chosen = pd.obj(
            20,
            160,
            "sel " + " ".join(map(str, range(len(variants)))),
            pd.obj(20, 130, "r tm-variant"),
        )
        for i, variant in enumerate(variants):
            pd.obj(
                20 + 120 * i,
                220,
                "s tm-load",
                pd.msg(20 + 120 * i, 190, f"symbol {variant}", (chosen, i)),
            )
    return pd

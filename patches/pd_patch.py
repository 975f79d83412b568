"""What the Pure Data patches have in common: sliders, the pad, the note, the link to tm-serve.

A patch may be an object in another one, ``[lfo4 9005 9006]``: its arguments are the ports of
tm-serve and of the patch, by default 9000 and 9001. Whatever a hand moves is sent; whatever
tm-serve sends is shown and played, and not sent back. Another patch, or a test, can send to:

============================================  ===================================================
``tm-p0-hand`` ...                            a number moves that slider as a hand would
``tm-x-hand``, ``tm-y-hand``, ``tm-z-hand``   x, y and pressure, as a hand would
``tm-drag``                                   x and y as one list, as dragging the dot does
``tm-note-hand``, ``tm-pitch-hand``           1 plays, 0 ends; a MIDI note number
``tm-volume-hand``, ``tm-variant-hand``       0 to 1; which variant, counted from 0
``tm-scale-hand``, ``tm-smooth``              0 normal, 1 uniform; milliseconds
``tm-map-hand``                               0 asks tm-serve, 1 plays the maps beside the patch
``tm-release-hand``, ``tm-hello-hand``        let go; ask tm-serve what it plays
``tm-load``                                   loads a model: its name, a symbol
============================================  ===================================================

and receive: ``tm-p0-now`` ... and ``tm-point``, what is played, whoever moved it; ``tm-model`` and
``tm-error``, what tm-serve says; the signal ``tm-sound``, before the volume.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pd_built_in import built_in

from timbremap_runtime.export.pd_canvas import Canvas as PlainCanvas
from timbremap_runtime.export.pd_canvas import Plug

SERVICE_PORT, PATCH_PORT = 9000, 9001
PAD = 200
"""Side of the pad in pixels."""
DOT = 12
"""Side of the dot. Pure Data grabs a corner from 6 pixels away, so all of the dot is a handle."""
UNIVERSAL = "universal"
"""Name of the model that has learned all variants of an instrument at once."""
GLIDE_MS = 200
"""How long parameters that are let go glide back."""
PALE, DARK, GREY = "#d0d8e8", "#203060", "#404040"


class Canvas(PlainCanvas):
    """A canvas with controls, which send to a name and are moved by NAME-hand."""

    def slider(
        self, kind: str, x: int, y: int, size: tuple[int, int], top: float, name: str, label: str
    ) -> int:
        """Put a slider: it sends to NAME, and what NAME-hand gets moves it."""
        word = label.replace(" ", "\\ ")
        return self.obj(
            x,
            y,
            f"{kind} {size[0]} {size[1]} 0 {top} 0 0 {name} {name}-hand {word} 0 -10 0 12"
            " #fcfcfc #000000 #000000 0 1",
        )

    def button(self, kind: str, x: int, y: int, name: str, label: str, size: int = 20) -> int:
        """Put a toggle (tgl), a button (bng) or a choice of N (vradio N), named as a slider is."""
        kind, *cells = kind.split()
        form = {"tgl": f"{size} 0", "bng": f"{size} 250 50 0", "vradio": f"{size} 1 0"}[kind]
        word = label.replace(" ", "\\ ") or "empty"
        end = {"tgl": " 0 1", "bng": "", "vradio": " 0"}[kind]
        return self.obj(
            x,
            y,
            " ".join([kind, form, *cells, name, f"{name}-hand", word])
            + f" 0 -10 0 12 #fcfcfc #000000 #000000{end}",
        )

    def number(self, x: int, y: int, name: str, low: float = 0, high: float = 0) -> int:
        """Put a number box to type into: it sends to NAME, and shows what NAME-shown gets."""
        return self.put("floatatom", x, y, f"5 {low} {high} 0 - {name}-shown {name} 12")


def pd_patch(
    title: str,
    names: list[str],
    start: list[float],
    variants: dict[str, Any],
    models: list[str],
    pitch: int,
    voice: Callable[[dict[str, Any]], Canvas],
) -> str:
    """Return the patch of an instrument; ``start`` is what is played until the map answers."""
    left, right, top = 400, 700, 90
    below_names, below_pad = top + 44 * len(names), top + PAD + 62
    # Each row lies under the last, so that a long list pushes down what follows.
    below_variants = top + 152 + (66 + 20 * len(variants) if variants else 0)
    row = max(below_pad, below_variants) + 26
    bars = max(below_names, row + 50)
    pd = Canvas((880, bars + 110))
    pd.obj(20, 14, f"cnv 15 840 30 empty empty {title} 10 15 0 20 {PALE} {DARK} 0")
    pd.text(240, 20, "start tm-serve or choose built in, then move the point or a slider")
    for i, name in enumerate(names):
        y = top + 44 * i
        pd.slider("hsl", 24, y, (256, 18), 127, f"tm-p{i}", name)
        pd.number(300, y, f"tm-p{i}-hand", 0, 127)

    # The dot may be dragged; the sliders beside the pad move one coordinate.
    pd.obj(left, top, f"cnv 15 {PAD} {PAD} empty empty empty 20 12 0 14 {PALE} {GREY} 0")
    pd.sub(left, top, pad())
    pd.slider("vsl", left - 28, top, (18, PAD), 1, "tm-y", "y")
    pd.slider("hsl", left, top + PAD + 28, (PAD, 18), 1, "tm-x", "x")
    pd.slider("vsl", left + PAD + 20, top, (18, PAD), 1, "tm-z", "pressure")

    pd.button("tgl", right, top, "tm-dsp", "sound on", 30)
    pd.button("tgl", right, top + 60, "tm-note", "note", 30)
    pd.number(right + 50, top + 66, "tm-pitch-hand", 0, 127)
    pd.text(right + 96, top + 66, "pitch")
    pd.slider("hsl", right, top + 120, (150, 18), 1, "tm-volume", "volume")
    if variants:
        pd.text(right - 4, top + 152, "variant")
        pd.button(f"vradio {len(variants)}", right, top + 174, "tm-variant", "")
        for i, variant in enumerate(variants):
            pd.text(right + 26, top + 174 + 20 * i, variant)
        below = top + 194 + 20 * len(variants)
        pd.button("bng", right, below, f"tm-{UNIVERSAL}", "")
        pd.text(right + 26, below, f"{UNIVERSAL} model")

    pd.button("bng", left - 28, row, "tm-release", "let go")
    pd.button("vradio 2", left + 50, row, "tm-scale", "scale")
    pd.text(left + 74, row, "normal")
    pd.text(left + 74, row + 20, "uniform")
    pd.text(left + 166, row - 20, "smooth ms")
    pd.number(left + 170, row, "tm-smooth", 0, 10000)
    pd.button("bng", left + 270, row, "tm-hello", "ask again")
    pd.button("vradio 2", left + 360, row, "tm-map", "map")
    pd.text(left + 384, row, "tm-serve")
    pd.text(left + 384, row + 20, "built in")

    for i, name in enumerate(("model", "error")):
        pd.text(20, bars + 26 * i, name)
        # Labels, because a symbol box would show a backslash before each space.
        look = f"empty 6 9 0 12 {PALE} {DARK} 0"
        pd.obj(70, bars + 26 * i, f"cnv 10 790 20 empty tm-{name}-shown {look}")
    for i, canvas in enumerate((
        link(names),
        shown(names),
        setup(start, pitch, variants),
        voice(variants),
        built_in(len(names), models),
    )):  # fmt: skip
        pd.sub(24 + 80 * i, bars + 70, canvas)
    return pd.content()


def pad() -> Canvas:
    """Make the pad: a window in the patch onto one scalar, the dot, whose corners may be dragged.

    The dot's fields are x and y themselves, 0 to 1; Pure Data keeps them there.
    """
    far = PAD - DOT
    fields = "float x float y float px float py"
    pd = Canvas((540, 320), "tm-pad")
    pd.structs.append(f"#N struct tm-dot {fields};")
    pd.lines.append("#X scalar tm-dot 0 0 0.5 0.5 \\;;")
    pd.n_boxes += 1
    template = Canvas((960, 260), "dot")
    moved = template.obj(20, 50, "route change", template.obj(20, 20, f"struct tm-dot {fields}"))
    fields_of = template.obj(20, 80, "get tm-dot px py", moved)
    template.obj(20, 140, "s tm-drag", template.obj(20, 110, "pack f f", fields_of, (fields_of, 1)))
    corners = [(0, 0), (DOT, 0), (DOT, DOT), (0, DOT)]
    path = " ".join(f"px(0:1)({x}:{far + x}) py(0:1)({far + y}:{y})" for x, y in corners)
    template.obj(20, 180, f"filledpolygon 239 0 1 {path}")
    pd.sub(240, 20, template)
    to_it = pd.obj(240, 110, "t a b", pd.obj(240, 80, "r tm-point"))
    point = pd.obj(240, 140, "unpack f f", to_it)
    scalar = pd.obj(340, 170, "pointer", pd.msg(340, 140, "traverse pd-tm-pad, next", (to_it, 1)))
    pd.obj(240, 200, "set tm-dot px py", point, (point, 1), scalar)
    # The part that the patch shows: the left upper corner, a unit a pixel.
    pd.cords.append(f"#X coords 0 0 {PAD} {PAD} {PAD} {PAD} 2 0 0;")
    return pd


def link(names: list[str]) -> Canvas:
    """Make the two-way link to tm-serve."""
    n, middle, right = len(names), 490, 860
    row = 80 + 28 * max(n, 12)
    pd = Canvas((1180, row + 340), "link")
    pd.text(20, 10, "out: what a hand moved")
    for i in range(n):
        # A slider that was set by tm-serve gives nothing out, so nothing goes in circles.
        moved = pd.obj(20, 40 + 28 * i, f"r tm-p{i}")
        pd.obj(220, 40 + 28 * i, "s tm-osc", pd.obj(90, 40 + 28 * i, f"oscformat tm p {i}", moved))
        pd.obj(310, 40 + 28 * i, f"s tm-p{i}-now", moved)
    # x is kept beside, so that tm-serve can set all three without a message going out.
    x = pd.obj(20, row + 66, "f 0.5")
    point = pd.obj(20, row + 100, "pack 0.5 0.5 0", x)
    kept: list[Plug] = [(x, 1), (point, 1), (point, 2)]
    for i, axis in enumerate("xyz"):
        both = pd.obj(20 + 90 * i, row + 34, "t b f", pd.obj(20 + 90 * i, row, f"r tm-{axis}"))
        pd.cord((both, 1), kept[i])
        pd.cord(both, x)
    pd.obj(20, row + 156, "s tm-osc", pd.obj(20, row + 128, "oscformat tm c", point))
    pd.obj(180, row + 128, "s tm-point", point)
    pd.obj(300, row + 128, "s tm-moved", point)
    # The dot was dragged: y in silence, then x, which sends both.
    dragged = pd.obj(320, row + 34, "unpack f f", pd.obj(320, row, "r tm-drag"))
    pd.cord((dragged, 1), (point, 1))
    pd.obj(420, row + 90, "s tm-y-hand", pd.msg(420, row + 62, "set $1", (dragged, 1)))
    pd.obj(320, row + 90, "s tm-x-hand", dragged)

    pd.text(middle, 10, "the connection")
    opened = pd.obj(middle + 190, 40, "loadbang")
    # In a patch opened by itself $1 is 0.
    ports: list[int] = []
    for i, port in enumerate((SERVICE_PORT, PATCH_PORT)):
        here = middle + 190 * i
        chosen = pd.obj(here, 96, "sel 0", pd.obj(here, 68, f"f ${i + 1}", opened))
        ports.append(pd.obj(here, 152, "f", (chosen, 1)))
        pd.cord(pd.msg(here, 124, str(port), chosen), ports[i])
    connect = pd.msg(middle, 180, "connect 127.0.0.1 $1", ports[0])
    out = pd.obj(middle, 208, "netsend -u -b", connect)
    packet = pd.obj(middle, 278, "spigot 1", pd.obj(middle, 250, "r tm-osc"))
    pd.cord(pd.obj(middle + 70, 250, "r tm-served"), (packet, 1))
    pd.cord(pd.obj(middle, 334, "list trim", pd.obj(middle, 306, "list prepend send", packet)), out)

    pd.text(right, 10, "in: what tm-serve sends")
    listen = pd.msg(middle + 190, 180, "listen $1", ports[1])
    server = pd.obj(right, 40, "netreceive -u -b", listen)
    # Once both are open: send to this port, and say what is loaded and played.
    later = pd.obj(middle + 190, 278, "del 100", pd.obj(middle + 190, 250, "r tm-hello"))
    pd.cord(pd.obj(middle + 290, 208, "t b", ports[1]), later)
    number = pd.obj(middle + 190, 306, "f", later, ports[1])
    hello = pd.obj(middle + 190, 334, "oscformat tm subscribe", number)
    pd.obj(middle + 190, 362, "s tm-osc", hello)

    heard = pd.obj(right, 68, "spigot 1", server)
    pd.cord(pd.obj(right + 140, 40, "r tm-served"), (heard, 1))
    parsed = pd.obj(right, 124, "list trim", pd.obj(right, 96, "oscparse", heard))
    routed = pd.obj(right, 180, "route p c error loaded", pd.obj(right, 152, "route tm", parsed))
    pd.cord(pd.obj(right + 140, 124, "r tm-in"), routed)
    p = pd.obj(20, row + 280, "unpack" + " f" * n, routed)
    for i in range(n):
        pd.obj(20 + 90 * i, row + 308, f"s tm-p{i}-in", (p, i))
    c = pd.obj(right, 208, "unpack f f f", (routed, 1))
    for i, axis in enumerate("xyz"):
        pd.cord((c, i), kept[i])
        here = right + 100 * i
        pd.obj(here, 266, f"s tm-{axis}-hand", pd.msg(here, 238, "set $1", (c, i)))
    pd.obj(right + 120, 208, "s tm-point", (routed, 1))
    pd.obj(right, 328, "s tm-error", pd.obj(right, 300, "symbol", (routed, 2)))
    # The first model that can be loaded clears the error.
    name = pd.obj(right + 120, 328, "t a b", pd.obj(right + 120, 300, "list split 1", (routed, 3)))
    pd.obj(right + 190, 384, "s tm-error", pd.msg(right + 190, 356, "symbol empty", (name, 1)))
    pd.obj(right + 120, 412, "s tm-model", pd.obj(right + 120, 356, "symbol", name))

    for i, what in enumerate(("load", "smooth", "release", "scale")):
        here = 520 + 150 * i
        formed = pd.obj(here, row + 200, f"oscformat tm {what}")
        pd.obj(here, row + 228, "s tm-osc", formed)
        moved = pd.obj(here, row + 116, f"r tm-{what}")
        if what == "release":
            pd.cord(pd.msg(here, row + 144, f"{GLIDE_MS}", moved), formed)
        elif what == "scale":
            picked = pd.obj(here, row + 144, "sel 0 1", moved)
            pd.cord(pd.msg(here, row + 172, "symbol normal", picked), formed)
            pd.cord(pd.msg(here + 80, row + 144, "symbol uniform", (picked, 1)), formed)
        else:
            pd.cord(moved, formed)
    return pd


def shown(names: list[str]) -> Canvas:
    """Make what shows the parameters, the model and errors, whoever moved or sent them."""
    column = 140
    pd = Canvas((max(440, 20 + column * len(names)), 310), "shown")
    for i, what in enumerate(("model", "error")):
        label = pd.msg(20 + 200 * i, 238, "label $1", pd.obj(20 + 200 * i, 212, f"r tm-{what}"))
        pd.obj(20 + 200 * i, 264, f"s tm-{what}-shown", label)
    for i in range(len(names)):
        x = 20 + column * i
        come = pd.obj(x, 20, f"r tm-p{i}-in")
        pd.obj(x, 76, f"s tm-p{i}-hand", pd.msg(x, 48, "set $1", come))
        pd.obj(x, 100, f"s tm-p{i}-now", come)
        number = pd.msg(x, 152, "set $1", pd.obj(x, 128, f"r tm-p{i}-now"))
        pd.obj(x, 176, f"s tm-p{i}-hand-shown", number)
    return pd


def setup(start: list[float], pitch: int, variants: dict[str, Any]) -> Canvas:
    """Make what sets the patch up when it is opened, and what plays the note."""
    pd = Canvas((1000, 670 if variants else 420), "setup")
    opened = pd.obj(20, 20, "loadbang")
    first = [("tm-volume-hand", "0.5"), ("tm-pitch-hand", str(pitch)), ("tm-point", "0.5 0.5 0")]
    first += [("tm-x-hand", "set 0.5"), ("tm-y-hand", "set 0.5")]
    first += [(f"tm-p{i}-in", f"{value:g}") for i, value in enumerate(start)]
    for i, (symbol, value) in enumerate(first):
        x, y = 20 + 140 * (i % 7), 60 + 70 * (i // 7)
        pd.obj(x, y + 28, f"s {symbol}", pd.msg(x, y, value, opened))

    pd.text(20, 210, "sound on and off")
    pd.msg(20, 268, "; pd dsp $1", pd.obj(20, 240, "r tm-dsp"))
    pd.text(180, 210, "pitch")
    pitched = pd.obj(180, 240, "r tm-pitch-hand")
    pd.obj(180, 268, "s tm-pitch", pitched)
    pd.obj(280, 296, "s tm-pitch-hand-shown", pd.msg(280, 268, "set $1", pitched))
    pd.text(480, 210, "a MIDI keyboard, if there is one: the last key held")
    keys = pd.obj(480, 240, "notein")
    voice = pd.obj(480, 268, "poly 1 1", keys, (keys, 1))
    key = pd.obj(480, 296, "t b f", (voice, 1))
    pd.obj(620, 324, "s tm-pitch-hand", (key, 1))
    down = pd.obj(480, 352, "> 0", pd.obj(480, 324, "f", key, (voice, 2)))
    pd.obj(480, 380, "s tm-note-hand", down)

    if variants:
        pd.text(20, 360, "variants: by hand")
        by_hand = pd.obj(20, 390, "r tm-variant")
        pd.obj(180, 390, "s tm-variant-now", by_hand)
        chosen = pd.obj(20, 418, "sel " + " ".join(map(str, range(len(variants)))), by_hand)
        load = pd.obj(20, 474, "s tm-load")
        for i, variant in enumerate(variants):
            pd.cord(pd.msg(20 + 100 * i, 446, f"symbol {variant}", (chosen, i)), load)
        x = 20 + 100 * len(variants)
        pd.cord(pd.msg(x, 446, f"symbol {UNIVERSAL}", pd.obj(x, 418, f"r tm-{UNIVERSAL}")), load)
        pd.text(20, 510, "or by the model that is loaded")
        loaded = pd.obj(20, 568, "sel " + " ".join(variants), pd.obj(20, 540, "r tm-model"))
        number = pd.obj(20, 624, "f")
        for i in range(len(variants)):
            pd.cord(pd.msg(20 + 60 * i, 596, str(i), (loaded, i)), number)
        pd.obj(380, 638, "s tm-variant-now", number)
        pd.obj(240, 638, "s tm-variant-hand", pd.msg(140, 638, "set $1", number))
    return pd

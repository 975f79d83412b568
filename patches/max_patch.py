"""The Max patches: the layout of the Pure Data ones, played by tm-serve or by the maps beside them.

The patches open in presentation mode, which shows only what is played with; the wiring is behind
it.
"""

from __future__ import annotations

from typing import Any

from pd_patch import PATCH_PORT, SERVICE_PORT, UNIVERSAL

from timbremap_runtime.export.max_canvas import Patcher, Plug


def max_patch(
    title: str, names: list[str], variants: dict[str, Any], models: list[str], pitch: int
) -> dict[str, Any]:
    """Return the patch of an instrument; beside it lies the script of each of its models."""
    n, column = len(names), 150
    patch = Patcher()

    def label(words: str, x: float, y: float, seen: tuple[float, float] | None = None) -> None:
        size = (7.5 * len(words) + 14, 20)
        patch.put("comment", (x, y, *size), words, (*seen, *size) if seen else None)

    label(f"{title}: start tm-serve or choose built in, then move the point", 20, 10, (20, 14))
    label(
        "The sound is your own synth's: receive tm-p0, tm-p1 ..., 0 to 127, whoever moved them.",
        20,
        30,
        (20, 36),
    )

    # Out: what a hand moved, to tm-serve or to a map here.
    out: Plug = patch.obj(760, 490, "gate 2 1"), 1
    patch.obj(760, 520, f"udpsend 127.0.0.1 {SERVICE_PORT}", (out[0], 0))
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
    heard = patch.obj(20, 600, "gate 1 1", None, patch.obj(20, 570, f"udpreceive {PATCH_PORT}"))
    routed = patch.obj(20, 630, "route /tm/p /tm/c /tm/error /tm/loaded", heard)
    values = patch.obj(20, 660, "unpack" + " 0." * n, routed)
    for i in range(n):
        here = patch.obj(20 + column * i, 690, "prepend set", (values, i))
        patch.cord(here, sliders[i])
        patch.cord(here, numbers[i])
        patch.obj(20 + column * i, 718, f"s tm-p{i}", (values, i))
    where = patch.obj(20, 750, "unpack 0. 0. 0.", (routed, 1))
    for i, target in enumerate(((pad, 0), (pad, 1), pressure)):
        patch.cord((where, i), point_silent[i])
        scaled = (where, 2) if i == 2 else patch.obj(20 + column * i, 780, "* 127.", (where, i))
        patch.cord(patch.obj(20 + column * i, 808, "prepend set", scaled), target)
    for i, (what, outlet) in enumerate((("model", 3), ("error", 2))):
        label(what, 560, 750 + 32 * i, (400, 366 + 30 * i))
        shown = patch.put(
            "message", (640, 750 + 32 * i, 380, 22), seen=(460, 364 + 30 * i, 380, 22)
        )
        patch.cord((routed, outlet), (shown, 1))

    # Without tm-serve: the switch, and the scripts, which say and hear what tm-serve does.
    top = 860
    label("map", 20, top, (700, 318))
    items = ["tm-serve", ",", "built", "in"]
    switch = patch.put("umenu", (20, top + 24, 110, 22), seen=(740, 318, 90, 22), items=items)
    switched = patch.obj(20, top + 54, "t b i i", switch)
    patch.cord(patch.obj(200, top + 54, "== 0", (switched, 2)), heard)
    patch.cord(patch.obj(300, top + 54, "+ 1", (switched, 1)), out[0])
    # Where the point is, then who plays it.
    greeted = patch.obj(20, top + 84, "t b b", switched)
    (first, _), *_ = point_silent
    patch.cord((greeted, 1), first)
    patch.cord(greeted, hello)

    label("the maps: each is a script that tm-export has written", 460, top)
    asked = patch.obj(460, top + 24, "route /tm/load", (out[0], 1))
    chosen = patch.obj(460, top + 54, "route " + " ".join(models), asked)
    taken = patch.obj(460, top + 114, "t b i")
    patch.cord(taken, greeted)
    playing = patch.obj(460, top + 144, f"gate {len(models)} 1", (taken, 1), (asked, 1))
    for i, model in enumerate(models):
        number = patch.put("message", (460 + 60 * i, top + 84, 40, 22), str(i + 1))
        patch.cord((chosen, i), number)
        patch.cord(number, taken)
        x = 460 + 150 * i
        script = patch.obj(x, top + 174, f"v8 {model}.js", (playing, i))
        patch.box(script)["saved_object_attributes"] = {
            "filename": f"{model}.js",
            "parameter_enable": 0,
        }
        patch.cord((script, 2), routed)
    return patch.content(880, max(450, 150 + 44 * n), presented=True)

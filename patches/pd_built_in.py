"""A Pure Data patch without tm-serve: the maps that lie beside it, and what a hand holds on them.

It takes the place of tm-serve: while the switch ``tm-map`` is at 1, `built_in` is told what a hand
moved, and answers on ``tm-in``, as if from the network, ``p`` with the parameters, ``c`` with the
point, ``loaded`` with the model, ``error`` with a text.

A parameter that is moved by hand takes the point to where the map comes nearest. What is missing
there is added to the map until the point is let go, or another model loaded.
"""

from __future__ import annotations

from collections.abc import Sequence

from timbremap_runtime.core.types import PARAMETER_MAX
from timbremap_runtime.export.pd_canvas import Canvas, Plug

MAPS = "maps"
"""The folder beside the patch with the maps as tm-export writes them, each by its model's name."""

STEP = 30
"""From a box to the one below it, in pixels."""


def built_in(n: int, models: Sequence[str]) -> Canvas:
    """Make what plays the maps of ``models``, each with n parameters."""
    left, middle, right = 20, 660, 1240
    pd = Canvas((1700, max(660, 340 + 2 * STEP * n)), "built-in")

    def gate(x: int, y: int, what: str) -> Plug:
        """Put what is received only while the switch is at ``built in``."""
        passed = pd.obj(x, y + STEP, "spigot", pd.obj(x, y, f"r {what}"))
        pd.cord(pd.obj(x + 110, y, "r tm-built-in"), (passed, 1))
        return passed

    pd.text(left, 10, "the switch: 0 is tm-serve, 1 is built in")
    switched = pd.obj(left, 70, "t f f f", pd.obj(left, 40, "r tm-map"))
    chosen = pd.obj(left, 100, "sel 1 0", switched)
    pd.obj(left + 90, 100, "s tm-built-in", (switched, 1))
    pd.obj(left + 200, 130, "s tm-served", pd.obj(left + 200, 100, "== 0", (switched, 2)))
    pd.obj(left + 90, 130, "s tm-hello", (chosen, 1))

    pd.text(left, 180, "which model: announced on tm-in, then taken from tm-model")
    names = " ".join(models)
    asked = pd.obj(left, 270, f"sel {names}", gate(left, 210, "tm-load"))
    again = gate(left + 240, 210, "tm-hello")
    number = pd.obj(left + 240, 270, "f 0", again)
    pd.cord(chosen, number)
    numbered = pd.obj(left + 300, 270, "sel " + " ".join(map(str, range(len(models)))), number)
    answer = pd.obj(left, 390, "s tm-in")
    for i, name in enumerate(models):
        message = pd.msg(left + 110 * i, 330, f"loaded {name}", (asked, i))
        pd.cord((numbered, i), message)
        pd.cord(message, answer)
    unknown = pd.msg(left + 110, 360, "error no\\ such\\ map\\ beside\\ this\\ patch")
    pd.cord((asked, len(models)), unknown)
    other = pd.obj(left + 400, 420, "sel 1", gate(left + 400, 360, "tm-scale"))
    scale = pd.msg(left, 450, "error the\\ built-in\\ maps\\ have\\ one\\ scale", other)
    pd.cord(unknown, answer)
    pd.cord(scale, answer)
    loaded = pd.obj(left, 540, f"sel {names}", pd.obj(left, 510, "r tm-model"))
    taken = pd.obj(left, 600, "t b b f")
    for i in range(len(models)):
        pd.cord(pd.msg(left + 60 * i, 570, str(i), (loaded, i)), taken)
    pd.cord((taken, 2), (number, 1))

    pd.text(middle, 10, "the point: parameters, and what is held on top of them")
    moved = gate(middle, 40, "tm-moved")
    place = pd.obj(middle + 260, 130, "list store 0.5 0.5 0")
    pd.cord(pd.obj(middle + 460, 100, "r tm-point"), (place, 1))
    let_go = pd.obj(middle + 260, 100, "t b b", gate(middle + 230, 40, "tm-release"))
    pd.cord(let_go, place)
    refreshed = pd.obj(left + 110, 630, "spigot", taken)
    pd.cord(pd.obj(left + 200, 600, "r tm-built-in"), (refreshed, 1))
    pd.cord(refreshed, place)
    nothing = pd.msg(middle + 440, 130, "0", (let_go, 1))
    pd.cord((taken, 1), nothing)
    played = pd.sub(middle, 160, maps("map", models), moved)
    pd.cord(place, played)
    pd.cord((taken, 2), (played, 2))
    each = pd.obj(middle, 190, "unpack" + " f" * n, played)
    packed = pd.obj(middle, 250 + STEP * n, "pack" + " f" * n)
    sums: list[int] = []
    for i in range(n):
        sums.append(
            pd.obj(
                middle + 10 * i,
                220 + STEP * i,
                f"expr max(0, min({PARAMETER_MAX}, $f1 + $f2))",
                (each, i),
            )
        )
        pd.cord(sums[i], (packed, i))
        pd.cord(nothing, (sums[i], 1))
    trimmed = pd.obj(
        middle,
        310 + STEP * n,
        "list trim",
        pd.obj(middle, 280 + STEP * n, "list prepend p", packed),
    )
    pd.obj(middle, 340 + STEP * n, "s tm-in", trimmed)

    pd.text(right, 10, "a hand on a parameter: the nearest point, and what it lacks")
    y = 40 + STEP * n
    first = pd.obj(right, y, "f")
    wanted = pd.obj(right, y + STEP, "pack" + " f" * n, first)
    for i in range(n):
        kept: Plug = (first, 1) if i == 0 else (wanted, i)
        both = pd.obj(
            right + 100, 40 + STEP * i, "t b f", pd.obj(right, 40 + STEP * i, f"r tm-p{i}")
        )
        pd.cord((both, 1), kept)
        pd.cord(both, first)
        pd.cord(pd.obj(right + 200, 40 + STEP * i, f"r tm-p{i}-now"), kept)
    passed = pd.obj(right, y + 2 * STEP, "spigot", wanted)
    pd.cord(pd.obj(right + 260, y + STEP, "r tm-built-in"), (passed, 1))
    copies = pd.obj(right, y + 3 * STEP, "t l l", passed)
    given = pd.obj(right + 260, y + 4 * STEP, "unpack" + " f" * n, (copies, 1))
    nearest = pd.sub(right, y + 5 * STEP, maps("map-of-hands", models), None, copies)
    pd.cord((taken, 2), (nearest, 2))
    found = pd.obj(right + 260, y + 6 * STEP, "t l l", (nearest, 1))
    pd.cord((found, 1), nearest)
    point = pd.obj(right + 260, y + 7 * STEP, "list prepend c", found)
    pd.obj(
        right + 260, y + 9 * STEP, "s tm-in", pd.obj(right + 260, y + 8 * STEP, "list trim", point)
    )
    reached = pd.obj(right, y + 7 * STEP, "unpack" + " f" * n, nearest)
    for i, total in enumerate(sums):
        lacks = pd.obj(
            right + 10 * i, y + (8 + i) * STEP, "expr $f2 - $f1", (reached, i), (given, i)
        )
        pd.cord(lacks, (total, 1))
    return pd


def maps(name: str, models: Sequence[str]) -> Canvas:
    """Make one map of several, by its number on the right: point and parameters on the left."""
    pd = Canvas((120 + 150 * max(2, len(models)), 260), name)
    numbers = " ".join(map(str, range(len(models))))
    sides = [pd.obj(20 + 150 * i, 20, "inlet") for i in range(3)]
    outlets = [pd.obj(20 + 150 * i, 220, "outlet") for i in range(2)]
    routes: list[int] = []
    for i in range(2):
        numbered = pd.obj(20 + 150 * i, 60, "list prepend 0", sides[i], sides[2])
        routes.append(pd.obj(20 + 150 * i, 120, f"route {numbers}", numbered))
    for i, model in enumerate(models):
        box = pd.obj(20 + 150 * i, 170, f"{MAPS}/{model}", (routes[0], i), (routes[1], i))
        for side in range(2):
            pd.cord((box, side), outlets[side])
    return pd

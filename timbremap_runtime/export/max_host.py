"""Max: a script for v8, a codebox for gen~, and a patch that plays a note by them.

The script has the map both ways and what a hand holds (`timbremap_runtime.export.js_host`); the
codebox has C to P, sample by sample. Both are text; Max itself is not needed to write them, and
nothing here has been opened in Max.
"""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from timbremap_runtime.core import gaussian
from timbremap_runtime.core.layers.vec_scale import LOWEST_CONTROL
from timbremap_runtime.core.types import PARAMETER_MAX
from timbremap_runtime.export import js_host, scalar
from timbremap_runtime.export.chain import WarpStep
from timbremap_runtime.export.max_canvas import Patcher
from timbremap_runtime.export.scalar import horner, signless_call

if TYPE_CHECKING:
    from collections.abc import Sequence

    from timbremap_runtime.export.chain import Chain
    from timbremap_runtime.export.max_canvas import Plug

HEAD = """\
// {description}
//
// 1. Keep {name}.gendsp beside your patch, and put an object  gen~ @gen {name}  into the patch.
// 2. Its inlets are the point (0 to 1), its outlets the parameters (0 to 127), all signals:
//    {parameters}
// 3. The way back is in {name}.js; {name}.maxpat plays a note by both.

"""

QUANTILE = """\
// The standard normal quantile: M. J. Wichura (1988), Algorithm AS 241.
quantile(c) {{
    q = c - 0.5;
    square = 0.180625 - q * q;
    centre = q * {centre_top} / {centre_bottom};
    root = sqrt(0 - log(max({lowest}, (q < 0) ? c : (1 - c))));
    near = root - 1.6;
    far = root - 5;
    tail = (root <= 5) ? ({near_top} / {near_bottom}) : ({far_top} / {far_bottom});
    return (abs(q) <= 0.425) ? centre : ((q < 0) ? (0 - tail) : tail);
}}

"""

FUNDAMENTAL_HZ = 110.0
LEVEL = 0.3
"""Of the note in the patch, at its loudest."""
COLUMN, ROW = 150.0, 36.0
"""Pixels."""


class GenExpr:
    """The language of gen~'s codebox, in which both sides of a choice are computed."""

    def number(self, value: float) -> str:
        """Write a number, without an exponent."""
        text = format(Decimal(repr(value)), "f")
        return f"({text})" if value < 0 else text

    def declare(self, name: str, expression: str) -> str:
        """Write an assignment."""
        return f"{name} = {expression};"

    def call(self, function: str, argument: str) -> str:
        """Write a call."""
        return signless_call(function, argument)

    def choose(self, condition: str, yes: str, no: str) -> str:
        """Write a conditional expression."""
        return f"(({condition}) ? ({yes}) : ({no}))"

    def either(self, conditions: Sequence[str]) -> str:
        """Write a disjunction."""
        return f"({' || '.join(f'({each})' for each in conditions)})"


def write(chain: Chain) -> dict[str, str]:
    """Write a map as a patch, the codebox and the script that it uses."""
    name = chain.identifier
    return {
        f"{name}.maxpat": json.dumps(_patch(chain), indent=1) + "\n",
        f"{name}.gendsp": json.dumps(_gen(chain), indent=1) + "\n",
        **js_host.script(chain),
    }


def codebox(chain: Chain) -> str:
    """Write C to P for a codebox: from in1, in2 ... to out1, out2 ..."""
    gen = GenExpr()
    names = [f"in{i + 1}" for i in range(chain.control_size)]
    body = scalar.forward(chain, gen, names)
    outs = [gen.declare(f"out{i + 1}", each) for i, each in enumerate(body.names)]
    head = HEAD.format(
        description=chain.description, name=chain.identifier, parameters=chain.listed_names
    )
    warps = (_warp(step, gen) for step in chain.front if isinstance(step, WarpStep))
    quantile = _quantile(gen) if chain.scale == "normal" else ""
    return head + "".join(warps) + quantile + "\n".join([*body.lines, *outs]) + "\n"


def _quantile(gen: GenExpr) -> str:
    parts = ("centre", "square"), ("near", "near"), ("far", "far")
    polynomials = {
        f"{part}_{end}": horner(getattr(gaussian, f"{part}_{end}".upper()), argument, gen)
        for part, argument in parts
        for end in ("top", "bottom")
    }
    return QUANTILE.format(lowest=gen.number(LOWEST_CONTROL), **polynomials)


def _warp(step: WarpStep, gen: GenExpr) -> str:
    """Write the even scale as sums of ramps, one for each piece of each coordinate."""
    number = gen.number
    height = number(2.0 * step.reach / (len(step.knots[0]) - 1))
    texts: list[str] = []
    for i, row in enumerate(step.knots):
        ramps = [
            f"clamp((c - {number(low)}) * {number(1.0 / (high - low))}, 0, 1)"
            for low, high in pairwise(row)
        ]
        pieces = " +\n        ".join(ramps)
        texts.append(
            f"warp{i}(c) {{\n    return {height} * (\n        {pieces}\n    ) - {step.reach!r};\n"
            "}\n\n"
        )
    return "// The even scale.\n" + "".join(texts)


def _gen(chain: Chain) -> dict[str, Any]:
    """Make the patcher inside gen~: inlets, the codebox, outlets."""
    m, n = chain.control_size, chain.parameter_size
    patch = Patcher()
    inlets = [patch.obj(20 + 60 * i, 20, f"in {i + 1}") for i in range(m)]
    box = patch.put(
        "codebox",
        (20, 60, 700, 420),
        code=codebox(chain).replace("\n", "\r\n"),
        fontname="<Monospaced>",
        fontsize=12.0,
        numinlets=m,
        numoutlets=n,
        outlettype=[""] * n,
    )
    for i, inlet in enumerate(inlets):
        patch.cord(inlet, (box, i))
    for i in range(n):
        patch.obj(20 + 60 * i, 510, f"out {i + 1}", (box, i))
    return patch.content(760, 580, "dsp.gen")


def _patch(chain: Chain) -> dict[str, Any]:
    """Make a patch: sliders, the map, and a note whose partials are as loud as the parameters."""
    name, m, n = chain.identifier, chain.control_size, chain.parameter_size
    patch = Patcher()

    def label(words: str, x: float, y: float) -> None:
        patch.put("comment", (x, y, 7.5 * len(words) + 14, 20), words)

    label(chain.description, 20, 10)
    label("1. Click the loudspeaker at the bottom, and move the sliders on the left.", 20, 34)
    label("2. Numbers: the parameters, by the script. Move one, and the point follows.", 20, 58)
    label("3. The note: gen~ maps sample by sample. Put your synth in its place.", 20, 82)

    sliders = [
        patch.put("slider", (20 + COLUMN * i, 120, 120, 18), size=1.0, floatoutput=1)
        for i in range(m)
    ]
    point, silent = patch.kept(20, 150, COLUMN, [0.5] * m, list(sliders))
    script = patch.obj(20, 260, f"v8 {name}.js", point)
    patch.box(script)["saved_object_attributes"] = {"filename": f"{name}.js", "parameter_enable": 0}
    # What the script sends sets numbers and sliders, and gives nothing out.
    values = patch.obj(20, 296, "unpack" + " 0." * n, script)
    for i, parameter in enumerate(chain.parameter_names):
        x = 20 + COLUMN * i
        label(" ".join(parameter.split())[:16], x, 332)
        number = patch.put("flonum", (x, 388, 56, 22))
        patch.cord(patch.obj(x, 358, "prepend set", (values, i)), number)
        patch.cord(patch.obj(x, 420, f"prepend set {i}", number), script)
    where = patch.obj(20 + COLUMN * max(m, 2), 230, "unpack" + " 0." * m, (script, 1))
    for i, slider in enumerate(sliders):
        x = 20 + COLUMN * (max(m, 2) + i)
        patch.cord(patch.obj(x, 260, "prepend set", (where, i)), slider)
        patch.cord((where, i), silent[i])

    top = 470.0
    signals = [
        patch.obj(20 + COLUMN * i, top, "sig~ 0.5", slider) for i, slider in enumerate(sliders)
    ]
    gen = patch.put(
        "newobj",
        (20, top + ROW, 6.5 * len(f"gen~ @gen {name}") + 14, 22),
        f"gen~ @gen {name}",
        numinlets=m,
        numoutlets=n,
        outlettype=["signal"] * n,
    )
    for i, signal in enumerate(signals):
        patch.cord(signal, (gen, i))
    total = patch.obj(20, top + 4 * ROW, f"*~ {LEVEL / n / PARAMETER_MAX:.6f}")
    for i in range(n):
        x = 20 + COLUMN * i
        partial = patch.obj(x, top + 2 * ROW, f"cycle~ {FUNDAMENTAL_HZ * (i + 1):g}")
        plugs: tuple[Plug, Plug] = partial, (gen, i)
        patch.cord(patch.obj(x, top + 3 * ROW, "*~", *plugs), total)
    loudspeaker = patch.put("ezdac~", (20, top + 5 * ROW, 45, 45))
    for channel in range(2):
        patch.cord(total, (loudspeaker, channel))
    return patch.content(max(900, 40 + COLUMN * max(n, 2 * m + 1)), top + 5 * ROW + 70)

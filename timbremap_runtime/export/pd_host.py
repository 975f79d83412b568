"""Pure Data: one abstraction of vanilla objects, with a subpatch for each step of the map.

Between the steps go lists. Within a step, ``trigger`` or ``unpack`` hands a list out from right to
left and ``pack`` gathers it, so nothing depends on the order in which the cords were made.

Pure Data gives a number that stands alone to ``expr`` with six digits, and saves it with six. So
numbers that need more stand in brackets, or close to what they multiply.
"""

from __future__ import annotations

import textwrap
from itertools import pairwise
from math import log
from typing import TYPE_CHECKING

from timbremap_runtime.core import gaussian
from timbremap_runtime.core.layers.vec_scale import LOWEST_CONTROL
from timbremap_runtime.core.types import PARAMETER_MAX
from timbremap_runtime.export.chain import (
    AffineStep,
    BoundedStep,
    ClipStep,
    LeakyStep,
    QuantileStep,
    WarpStep,
    columns,
)
from timbremap_runtime.export.pd_canvas import Canvas
from timbremap_runtime.export.scalar import horner

if TYPE_CHECKING:
    from collections.abc import Sequence

    from timbremap_runtime.export.chain import Chain, Step
    from timbremap_runtime.export.pd_canvas import Plug

FUNDAMENTAL_HZ, LEVEL = 110, 0.3
"""Of the note in the example; the level at its loudest."""
MAX_INLETS = 9
"""Of ``expr`` in Pure Data 0.53."""
RAMPS_IN_A_BOX = 8
LETTER_WIDTH, LINE_HEIGHT, LINE_LENGTH = 7, 15, 60
"""Pixels of the font at size 12, and the letters after which Pure Data breaks a box's text."""
HEAD_LENGTH = 116
"""Letters in a line of the comment at the top."""
BACK_X, COMMENT_X = 440, 150
"""Where the way back stands, and how far to the right of a step its comment."""
COUNT_NOTE = "on the right: how many numbers were at an end"


class Subpatch(Canvas):
    """A canvas inside the abstraction: boxes below each other, the first an inlet.

    Parameters
    ----------
    name : str
        What is written on its box.
    comment : str, optional
        What is written beside its box; one line.
    note : str, optional
        What is written inside it; one line.
    """

    def __init__(self, name: str, comment: str = "", note: str = ""):
        super().__init__((160 + LETTER_WIDTH * len(note), 20), name)
        self.comment = comment
        self.counts_ends = False
        """Whether it has a second inlet, for the number of parameters at an end before it."""
        self.inlet = self.add("inlet")
        if note:
            self.text(90, 20, note)

    def add(self, text: str, *inputs: Plug | None, x: int = 20, kind: str = "obj") -> int:
        """Put a box below all others."""
        box = self.put(kind, x, self.size[1], text, *inputs)
        self._grow(x, text)
        return box

    def nest(self, canvas: Canvas, *inputs: Plug | None) -> int:
        """Put a canvas below all others."""
        box = self.sub(20, self.size[1], canvas, *inputs)
        self._grow(20, f"pd {canvas.name}")
        return box

    def _grow(self, x: int, text: str) -> None:
        width = x + (LINE_LENGTH * LETTER_WIDTH if len(text) > 16 else 120) + 30
        self.size = max(self.size[0], width), self.size[1] + height(text, LINE_LENGTH) + 10


def height(text: str, n_letters: int) -> int:
    """Return the height of a box in pixels; no less than it is."""
    escaped = text.replace("\\", "\\\\").replace(",", " \\,")
    lines = [
        textwrap.wrap(line, n_letters, break_on_hyphens=False) or [""]
        for line in escaped.split(";")
    ]
    return sum(map(len, lines)) * LINE_HEIGHT + 5


def number(value: float) -> str:
    """Write a number with all digits of single precision, so that Pure Data reads them all."""
    return f"({value:.9g})"


class Expr:
    """``expr``, for `horner`."""

    def number(self, value: float) -> str:
        """Write a number."""
        return number(value)


def write(chain: Chain) -> dict[str, str]:
    """Write a map as an abstraction, and a patch that plays a note by it."""
    name, m, n = chain.identifier, chain.control_size, chain.parameter_size
    pd = Canvas((HEAD_LENGTH * LETTER_WIDTH + 50, 0))
    y = 10
    for line in (
        chain.description,
        f"(1) Keep {name}.pd beside your patch, and put an object {name} into the patch.",
        f"(2) Left: a list of {m} coordinates (0 to 1) in, a list of {n} parameters out.",
        f"(3) Right: a list of {n} parameters in, a list of {m} coordinates out.",
        f"Parameters: {chain.listed_names}",
    ):
        pd.text(20, y, line, HEAD_LENGTH)
        y += height(line, HEAD_LENGTH)
    y += 20
    bottom = max(
        _column(pd, 20, y, "point to parameters", _forward(chain)),
        _column(pd, BACK_X, y, "parameters to point", _inverse(chain)),
    )
    pd.size = pd.size[0], bottom
    return {f"{name}.pd": pd.content(), f"{name}_example.pd": _example(chain)}


def _example(chain: Chain) -> str:
    """Write a patch with sliders, the map, and a note whose partials are as loud as parameters."""
    m, n = chain.control_size, chain.parameter_size
    below = 100 + 40 * m
    apart = "unpack" + " f" * n
    partials = below + 100 + height(apart, LINE_LENGTH)
    pd = Canvas((560, partials + 30 * n + 40))
    pd.text(20, 10, "switch the sound on, and move the sliders: each parameter is the")
    pd.text(20, 30, "loudness of a partial. Put your synth in the place of the partials.")
    look = "0 12 #fcfcfc #000000 #000000 0 1"
    pd.msg(420, 70, "; pd dsp $1", pd.obj(360, 70, f"tgl 20 0 empty empty sound 24 10 {look}"))
    first = pd.obj(20, below, "f 0.5")
    point = pd.obj(20, below + 30, "pack" + " 0.5" * m, first)
    start = pd.msg(420, 150, "0.5", pd.obj(420, 120, "loadbang"))
    for i in range(m):
        y = 70 + 40 * i
        slider = pd.obj(20, y, f"hsl 128 18 0 1 0 0 empty empty c{i} 140 9 {look}", start)
        both = pd.obj(220, y, "t b f", slider)
        pd.cord((both, 1), (first, 1) if i == 0 else (point, i))
        pd.cord(both, first)
    parameters = pd.obj(20, below + 60, chain.identifier, point)
    each = pd.obj(20, below + 90, apart, parameters)
    output = pd.obj(20, partials + 30 * n, "dac~")
    for i in range(n):
        partial = pd.sub(40, partials + 30 * i, _partial(i + 1, LEVEL / n), (each, i))
        pd.cord(partial, output)
        pd.cord(partial, (output, 1))
    return pd.content()


def _partial(number: int, level: float) -> Canvas:
    """Make one partial of a note, whose loudness is a parameter."""
    pd = Canvas((320, 260), f"partial-{number}")
    loudness = pd.obj(20, 50, f"clip 0 {PARAMETER_MAX}", pd.obj(20, 20, "inlet"))
    share = pd.obj(20, 80, f"/ {PARAMETER_MAX}", loudness)
    smooth = pd.obj(20, 140, "line~", pd.obj(20, 110, "pack f 20", share))
    sound = pd.obj(20, 170, "*~", smooth, pd.obj(140, 140, f"osc~ {FUNDAMENTAL_HZ * number}"))
    pd.obj(20, 230, "outlet~", pd.obj(20, 200, f"*~ {level:.6g}", sound))
    return pd


def _column(pd: Canvas, x: int, y: int, title: str, steps: Sequence[Subpatch]) -> int:
    """Put the steps of one direction below each other; return where they end."""
    pd.text(x, y, title)
    last: Plug = pd.obj(x, y + 30, "inlet")
    n_ends: Plug | None = None
    y += 65
    for i, step in enumerate(steps):
        step.name = f"{i + 1}-{step.name}"
        # The number of ends goes past the steps that do not count.
        box = pd.sub(x, y, step, last, n_ends if step.counts_ends else None)
        last, n_ends = box, (box, 1) if step.counts_ends else n_ends
        pd.text(x + COMMENT_X, y, step.comment)
        y += 35
    pd.obj(x, y, "outlet", last)
    return y + 40


def _forward(chain: Chain) -> list[Subpatch]:
    """Make the steps from point to parameters."""
    n = chain.control_size
    made: list[Subpatch] = []
    for step in (*chain.front, *chain.steps):
        made.append(_done(step, n))
        n = len(step.offset) if isinstance(step, AffineStep) else n
    return made


def _inverse(chain: Chain) -> list[Subpatch]:
    """Make the steps from parameters to point."""
    n = chain.parameter_size
    made: list[Subpatch] = []
    for step in reversed(chain.steps):
        made.append(_undone(step, n))
        n = len(step.inverse_offset) if isinstance(step, AffineStep) else n
    if any(step.counts_ends for step in made):
        made.append(_keep_inside(chain))
    made += [
        _undone(step, n)
        for step in reversed(chain.front)
        if not isinstance(step, ClipStep) or step.both_ways
    ]
    return made


def _done(step: Step, n: int) -> Subpatch:
    """Make a step of n numbers."""
    match step:
        case ClipStep():
            return _clip(step, n)
        case QuantileStep():
            parts = [_quantile(f"coordinate-{i}") for i in range(n)]
            return _each("quantile", "to standard deviations", parts)
        case WarpStep():
            parts = [
                _pieces(f"coordinate-{i}", knots, _grid(step)) for i, knots in enumerate(step.knots)
            ]
            return _each("even", "the even scale, in straight pieces", parts)
        case AffineStep():
            return _affine(step.matrix, step.offset)
        case BoundedStep():
            low, high, span = number(step.low), number(step.high), number(step.high - step.low)
            # By the distance to the nearer end, which has all its digits.
            text = (
                f"expr if($f1 < 0, {low} + {span} / (1 + exp(-$f1)), "
                f"{high} - {span} / (1 + exp($f1)))"
            )
            return _each("bounded", f"between {step.low:g} and {step.high:g}", [text] * n)
        case LeakyStep():
            return _leaky(step.slope, n)


def _undone(step: Step, n: int) -> Subpatch:
    """Make a step of n numbers the other way round."""
    match step:
        case ClipStep():
            return _clip(step, n)
        case QuantileStep():
            text = f"expr 0.5 * erfc({-(0.5**0.5):.9g}*$f1)"
            return _each("probability", "from standard deviations", [text] * n)
        case WarpStep():
            parts = [
                _pieces(f"coordinate-{i}", _grid(step), knots) for i, knots in enumerate(step.knots)
            ]
            return _each("even", "the even scale, in straight pieces", parts)
        case AffineStep():
            return _affine(step.inverse_matrix, step.inverse_offset)
        case BoundedStep():
            return _drive(step, n)
        case LeakyStep():
            return _leaky(1.0 / step.slope, n)


def _each(name: str, comment: str, parts: Sequence[str | Subpatch]) -> Subpatch:
    """Make a step that does something with each number of a list by itself."""
    step = Subpatch(name, comment)
    given = step.add("unpack" + " f" * len(parts), step.inlet)
    results = _row(step, given, parts)
    step.add("outlet", step.add("pack" + " f" * len(parts), *results))
    return step


def _row(step: Subpatch, given: int, parts: Sequence[str | Subpatch]) -> list[int]:
    """Put a box for each outlet of another one."""
    return [
        step.add(part, (given, i), x=20 + 20 * (i % 10))
        if isinstance(part, str)
        else step.nest(part, (given, i))
        for i, part in enumerate(parts)
    ]


def _clip(step: ClipStep, n: int) -> Subpatch:
    return _each(
        "clip", "beyond an end becomes the end", [f"clip {step.low:.9g} {step.high:.9g}"] * n
    )


def _leaky(slope: float, n: int) -> Subpatch:
    text = f"expr if($f1 < 0, {slope:.9g}*$f1, $f1)"
    return _each("leaky", "negative numbers scaled", [text] * n)


def _affine(matrix: Sequence[Sequence[float]], offset: Sequence[float]) -> Subpatch:
    step = Subpatch("sums", "weighted sums and offsets")
    sums = _sums(step, step.inlet, columns(matrix), offset)
    step.add("outlet", step.add("pack" + " f" * len(sums), *sums))
    return step


def _sums(
    step: Subpatch, source: Plug, rows: Sequence[Sequence[float]], offset: Sequence[float]
) -> list[int]:
    """Put weighted sums of a list, one for each row of weights.

    A list that is longer than ``expr`` has inlets is split. Its end is summed first, and goes into
    the last inlet of what sums the part before it.
    """
    n, start = len(rows[0]), 0
    groups: list[tuple[Plug, int, int]] = []
    while n - start > MAX_INLETS:
        split = step.add(f"list split {MAX_INLETS - 1}", source)
        groups.append((split, start, start + MAX_INLETS - 1))
        source, start = (split, 1), start + MAX_INLETS - 1
    groups.append((source, start, n))
    carried: list[int] = []
    for part, first, last in reversed(groups):
        handed = step.add("t" + " l" * len(rows), part)
        sums: list[int] = []
        for j, row in enumerate(rows):
            terms = [
                f"$f{i + 1}" if w == 1.0 else f"{w:.9g}*$f{i + 1}"
                for i, w in enumerate(row[first:last])
            ]
            terms += [f"$f{MAX_INLETS}"] if carried else []
            terms += [number(offset[j])] if first == 0 else []
            box = step.add(f"expr {' + '.join(terms)}", (handed, j), x=20 + 20 * (j % 10))
            if carried:
                step.cord(carried[j], (box, MAX_INLETS - 1))
            sums.append(box)
        carried = sums
    return carried


def _quantile(name: str) -> Subpatch:
    """Make the standard normal quantile: M. J. Wichura (1988), Algorithm AS 241."""
    step = Subpatch(name, note="M. J. Wichura (1988), Algorithm AS 241")

    def ratio(part: str, x: str) -> str:
        top, bottom = (
            horner(getattr(gaussian, f"{part}_{end}"), x, Expr()) for end in ("TOP", "BOTTOM")
        )
        return f"{top} / {bottom}"

    # Signs on the left, tails beside them, the centre on the right.
    tails, middle = 140, 600
    below = step.add("moses 0.075", step.inlet)
    above = step.add("moses 0.925", (below, 1), x=tails)
    centre = step.add("t f f", step.add("- 0.5", above, x=middle), x=middle)
    square = step.add("expr (0.180625) - $f1 * $f1", (centre, 1), x=middle + 40)
    centre = step.add(f"expr $f1 * {ratio('CENTRE', '$f2')}", centre, square, x=middle)
    # Both tails by the distance from their end; the sign is kept until the end.
    left = step.add("t f b", below)
    minus = step.add("-1", (left, 1), kind="msg")
    right = step.add("t f b", (above, 1), x=tails)
    plus = step.add("1", (right, 1), x=60, kind="msg")
    mirrored = step.add("expr 1 - $f1", right, x=tails)
    tail = step.add(f"expr sqrt(-log(max({number(LOWEST_CONTROL)}, $f1)))", left, x=tails)
    step.cord(mirrored, tail)
    far = step.add("moses 5", tail, x=tails)
    near = step.add(f"expr {ratio('NEAR', '$f1')}", step.add("- 1.6", far, x=tails), x=tails)
    far = step.add(f"expr {ratio('FAR', '$f1')}", step.add("- 5", (far, 1), x=tails), x=tails)
    signed = step.add("* 1", near, minus)
    step.cord(far, signed)
    step.cord(plus, (signed, 1))
    step.cord(centre, step.add("outlet", signed))
    return step


def _grid(step: WarpStep) -> list[float]:
    k = len(step.knots[0]) - 1
    return [step.reach * (2.0 * j / k - 1.0) for j in range(k + 1)]


def _pieces(name: str, x: Sequence[float], y: Sequence[float]) -> Subpatch:
    """Make a curve of straight pieces through the knots (x, y), as a sum of ramps."""
    step = Subpatch(name)
    ramps = [
        f"{y1 - y0:.9g}*max(0, min(1, {1.0 / (x1 - x0):.9g}*($f1 - {number(x0)})))"
        for (x0, x1), (y0, y1) in zip(pairwise(x), pairwise(y), strict=True)
    ]
    boxes = [ramps[i : i + RAMPS_IN_A_BOX] for i in range(0, len(ramps), RAMPS_IN_A_BOX)]
    handed = step.add("t" + " f" * len(boxes), step.inlet)
    carried: int | None = None
    for i, terms in reversed(list(enumerate(boxes))):
        terms = [*terms, *(["$f2"] if carried is not None else []), *([number(y[0])] * (i == 0))]
        carried = step.add(f"expr {' + '.join(terms)}", (handed, i), carried)
    step.add("outlet", carried)
    return step


def _drive(step: BoundedStep, n: int) -> Subpatch:
    """Make the way back from bounded numbers, which also counts those at an end."""
    made = Subpatch("drive", "an end is read half a step inside", COUNT_NOTE)
    made.counts_ends = True
    before = made.add("inlet", x=140)
    given = made.add("unpack" + " f" * n, made.inlet)
    low, high, first, last = map(number, (step.low, step.high, step.first, step.last))
    low_end, high_end = (
        number(log((end - step.low) / (step.high - end))) for end in (step.low_end, step.high_end)
    )
    text = (
        f"expr if($f1 < {first}, {low_end}, if($f1 > {last}, {high_end}, "
        f"log(($f1 - {low}) / ({high} - $f1)))) ; $f1 < {first} || $f1 > {last}"
    )
    results = _row(made, given, [text] * n)
    # The right outlets come first, so the count is there before the list goes on.
    packed = made.add("pack" + " f" * n, *((box, 1) for box in results), x=140)
    (count,) = _sums(made, packed, [[1.0] * n], [0.0])
    count = made.add("+ 0", count, before)
    made.add("outlet", made.add("pack" + " f" * n, *results))
    made.add("outlet", count, x=140)
    return made


def _keep_inside(chain: Chain) -> Subpatch:
    """Make the step that keeps the point inside the region if a parameter is at an end."""
    step = Subpatch("keep-inside", "after an end, near the data", COUNT_NOTE)
    step.counts_ends = True
    n_ends = step.add("inlet", x=140)
    m = chain.control_size
    both = step.add("t l l", step.inlet)
    given = step.add("unpack" + " f" * m, (both, 1))
    centres = [f"($f1 - {number(centre)})" for centre in chain.centre]
    squares = _row(
        step,
        given,
        [
            f"expr {deviation**2:.9g}*{centre} * {centre}"
            for centre, deviation in zip(centres, chain.deviations, strict=True)
        ],
    )
    packed = step.add("pack" + " f" * m, *squares)
    (square,) = _sums(step, packed, [[1.0] * m], [0.0])
    share = step.add(
        f"expr if($f2 > 0 && $f1 > {number(chain.radius**2)}, {number(chain.radius)} / sqrt($f1), "
        "1)",
        square,
        n_ends,
    )
    shares = step.add("t" + " f" * m, share)
    results = _row(
        step,
        step.add("unpack" + " f" * m, both),
        [
            f"expr if($f2 < 1, {number(middle)} + $f2 * {centre}, $f1)"
            for centre, middle in zip(centres, chain.centre, strict=True)
        ],
    )
    for i, box in enumerate(results):
        step.cord((shares, i), (box, 1))
    step.add("outlet", step.add("pack" + " f" * m, *results))
    return step

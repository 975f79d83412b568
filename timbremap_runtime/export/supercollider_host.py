"""SuperCollider: one function file, the map both ways, forward also for control-rate UGens.

sclang computes from left to right whatever the operators, so a chain is not written out as in
`timbremap_runtime.export.scalar`: its steps are functions of arrays, and the map is a list of them.
"""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from timbremap_runtime.core import gaussian
from timbremap_runtime.core.layers.vec_scale import LOWEST_CONTROL
from timbremap_runtime.export.chain import (
    AffineStep,
    BoundedStep,
    ClipStep,
    LeakyStep,
    QuantileStep,
    WarpStep,
    columns,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from timbremap_runtime.export.chain import Chain, Step

HEAD = """\
// {description}
//
// 1. ~map = "{name}.scd".load;   with its whole path, unless sclang was started in its folder
// 2. ~map.forward([{point}]);   point (0 to 1) to parameters (0 to 127); ~map.inverse(p) and back
// 3. forward takes control-rate UGens too, such as [{mouse}]: see {name}_example.scd.
//
// Parameters: {parameters}.

"""

EXAMPLE = """\
// {description}
//
// Plays a note whose partials are as loud as the parameters, and the mouse is the point. Start it
// by  sclang {name}_example.scd  or click into the block in the editor and press Ctrl and Enter.
// Put your synth in the place of SinOsc.
(
var map = (thisProcess.nowExecutingPath.dirname +/+ "{name}.scd").load;
s.waitForBoot {{
    {{
        var p = map.forward([{mouse}]);
        var levels = p.clip(0, 127).lag(0.05) / 127;
        (SinOsc.ar((1..{n}) * 110) * levels).sum * (0.3 / {n}) ! 2
    }}.play;
}};
)
"""


def write(chain: Chain) -> dict[str, str]:
    """Write a map as a file that sclang loads, and a note that is played by it."""
    name, m = chain.identifier, chain.control_size
    words = {
        "description": chain.description,
        "name": name,
        "point": ", ".join(["0.5"] * m),
        "mouse": ", ".join(["MouseX.kr", "MouseY.kr", *["0.5"] * m][:m]),
        "n": chain.parameter_size,
        "parameters": chain.listed_names,
    }
    facts = (
        f"name: {_quoted(chain.name)},\n"
        f"    names: [{', '.join(map(_quoted, chain.parameter_names))}],\n"
        f"    controlSize: {m},\n"
        f"    parameterSize: {chain.parameter_size},"
    )
    steps = (f"{part} = [\n    {_listed(getattr(chain, part))}\n];" for part in ("front", "steps"))
    region = (
        f"region = (centre: {_array(chain.centre)}, deviations: {_array(chain.deviations)}, "
        f"radius: {chain.radius!r});"
    )
    text = resources.files("timbremap_runtime.export").joinpath("engine.scd").read_text("utf-8")
    for place, code in (
        ("POLYNOMIALS", _polynomials()),
        ("LOWEST", repr(LOWEST_CONTROL)),
        ("MAP", "\n".join([*steps, region])),
        ("FACTS", facts),
    ):
        text = text.replace(f"/*{place}*/", code)
    return {
        f"{name}.scd": HEAD.format(**words) + text,
        f"{name}_example.scd": EXAMPLE.format(**words),
    }


def _listed(steps: Iterable[Step]) -> str:
    return ",\n    ".join(map(_step, steps))


def _step(step: Step) -> str:
    """Write a step as a call of the function that makes it."""
    match step:
        case ClipStep():
            return f"clip.({step.low!r}, {step.high!r}, {str(step.both_ways).lower()})"
        case QuantileStep():
            return "normal.()"
        case WarpStep():
            return f"warp.({_table(step.knots)}, {step.reach!r})"
        case AffineStep():
            there = _table(columns(step.matrix)), _array(step.offset)
            back = _table(columns(step.inverse_matrix)), _array(step.inverse_offset)
            return f"affine.({', '.join([*there, *back])})"
        case BoundedStep():
            ends = step.low, step.high, step.first, step.last, step.low_end, step.high_end
            return f"bounded.({', '.join(map(repr, ends))})"
        case LeakyStep():
            return f"leaky.({step.slope!r})"


def _polynomials() -> str:
    ratios = (
        f"{part}: {_table(getattr(gaussian, f'{part}_{end}'.upper()) for end in ('top', 'bottom'))}"
        for part in ("centre", "near", "far", "body", "shoulder", "tail")
    )
    limits = (
        f"{name}: {getattr(gaussian, name.upper())!r}"
        for name in ("body_limit", "shoulder_limit", "one_over_sqrt_2pi")
    )
    return "(\n    " + ",\n    ".join([*ratios, *limits]) + "\n)"


def _array(values: Iterable[float]) -> str:
    return f"#[{', '.join(map(repr, values))}]"


def _table(rows: Iterable[Sequence[float]]) -> str:
    """Write rows as a literal array, in which only the outermost bracket has its sign."""
    return f"#[{', '.join(_array(row).removeprefix('#') for row in rows)}]"


def _quoted(text: str) -> str:
    """Write a string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

"""Faust: a library function, and with a voice a whole instrument whose knobs are the point.

An instrument replaces the voice's own controls by what the map gives; freq, gain and gate stay, so
that Faust's architectures play it polyphonically.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from timbremap_runtime.core import gaussian
from timbremap_runtime.core.layers.vec_scale import LOWEST_CONTROL
from timbremap_runtime.core.types import PARAMETER_MAX
from timbremap_runtime.export import scalar
from timbremap_runtime.export.chain import WarpStep
from timbremap_runtime.export.scalar import horner, signless_call

if TYPE_CHECKING:
    from collections.abc import Sequence

    from timbremap_runtime.export.chain import Chain
    from timbremap_runtime.export.voice import Voice, VoiceControl

LIBRARY = """\
// {description}
//
// 1. {name} = library("{name}.lib");
// 2. process = {point} : {name}.parameters;  // point (0 to 1) to parameters, in this order:
//    {parameters}
// 3. Send them to the inputs of your voice.

{functions}"""

FUNCTIONS = """\
{warps}{quantile}parameters({inputs}) = {outputs}
with {{
{lines}
}};
"""

QUANTILE = """\
// The standard normal quantile: M. J. Wichura (1988), Algorithm AS 241.
quantile(c) = select2(abs(q) <= 0.425, select2(q < 0, tail, 0 - tail), centre)
with {{
    q = c - 0.5;
    square = 0.180625 - q * q;
    centre = q * {centre_top} / {centre_bottom};
    root = sqrt(0 - log(max({lowest}, select2(q < 0, 1 - c, c))));
    near = root - 1.6;
    far = root - 5;
    tail = select2(root <= 5, {far_top} / {far_bottom}, {near_top} / {near_bottom});
}};

"""

INSTRUMENT = """\
// {description}
//
// 1. Keep {file_name} beside this file.
// 2. faust2jack -midi -nvoices 8 {name}.dsp, or any other faust2..., or the Faust web editor.
// 3. Play notes; move {knobs}. By MPE: pitch bend is x, controller 74 is y, pressure is z.

declare name "{name}";
declare options "[midi:on][nvoices:8]";

map = environment {{
{functions}
}};

{knob_lines}

smooth = _ : *(1 - pole) : + ~ *(pole) with {{ pole = exp(0 - 1 / (0.005 * sampling_rate)); }};
sampling_rate = fconstant(int fSamplingFreq, <math.h>);

process = {smoothed} : map.parameters : {units}
    [
{replaced}
        -> component("{file_name}")
    ];
"""

MIDI = ("[midi:pitchwheel]", "[midi:ctrl 74]", "[midi:chanpress]")
"""What moves x, y and z: MPE's three."""


class Faust:
    """Faust, whose statements are definitions."""

    def number(self, value: float) -> str:
        """Write a number."""
        return f"({value!r})" if value < 0 else repr(value)

    def declare(self, name: str, expression: str) -> str:
        """Write a definition."""
        return f"{name} = {expression};"

    def call(self, function: str, argument: str) -> str:
        """Write a call."""
        return signless_call(function, argument)

    def choose(self, condition: str, yes: str, no: str) -> str:
        """Write a choice; both sides are computed."""
        return f"select2({condition}, {no}, {yes})"

    def either(self, conditions: Sequence[str]) -> str:
        """Write a disjunction."""
        return f"({' | '.join(f'({each})' for each in conditions)})"


def write(chain: Chain, voice: Voice | None = None) -> dict[str, str]:
    """Write a map as a library, or with a voice as an instrument.

    Raises
    ------
    SettingsError
        The voice has another number of parameters than the map.
    """
    if voice is None:
        return {f"{chain.identifier}.lib": _library(chain)}
    voice.check(chain)
    return {f"{chain.identifier}.dsp": _instrument(chain, voice), voice.file_name: voice.text}


def _coordinates(chain: Chain) -> list[str]:
    if chain.control_size <= 3:
        return ["x", "y", "z"][: chain.control_size]
    return [f"c{i}" for i in range(chain.control_size)]


def _library(chain: Chain) -> str:
    return LIBRARY.format(
        description=chain.description,
        name=chain.identifier,
        point=", ".join(["0.5"] * chain.control_size),
        parameters=chain.listed_names,
        functions=_functions(chain),
    )


def _functions(chain: Chain) -> str:
    faust = Faust()
    names = _coordinates(chain)
    body = scalar.forward(chain, faust, names)
    return FUNCTIONS.format(
        warps="".join(_warp(step) for step in chain.front if isinstance(step, WarpStep)),
        quantile=_quantile(faust) if chain.scale == "normal" else "",
        inputs=", ".join(names),
        outputs=", ".join(body.names),
        lines="\n".join(f"    {line}" for line in body.lines),
    )


def _quantile(faust: Faust) -> str:
    parts = ("centre", "square"), ("near", "near"), ("far", "far")
    polynomials = {
        f"{part}_{end}": horner(getattr(gaussian, f"{part}_{end}".upper()), argument, faust)
        for part, argument in parts
        for end in ("top", "bottom")
    }
    return QUANTILE.format(lowest=repr(LOWEST_CONTROL), **polynomials)


def _warp(step: WarpStep) -> str:
    """Write the even scale as sums of ramps, one for each piece of each coordinate."""
    k = len(step.knots[0]) - 1
    texts: list[str] = []
    for i, row in enumerate(step.knots):
        ramps = [
            f"max(0, min(1, (c - {low!r}) * {1.0 / (high - low)!r}))" for low, high in pairwise(row)
        ]
        pieces = " +\n    ".join(ramps)
        height = 2.0 * step.reach / k
        texts.append(f"warp{i}(c) = {height!r} * (\n    {pieces}\n) - {step.reach!r};\n\n")
    return "// The even scale.\n" + "".join(texts)


def _instrument(chain: Chain, voice: Voice) -> str:
    names = _coordinates(chain)
    midi = [*MIDI, *([""] * chain.control_size)]
    knobs = [
        f'{knob} = hslider("{knob}{midi[i]}", 0.5, 0, 1, 0.0001);' for i, knob in enumerate(names)
    ]
    replaced = [f'"{control.name}": (!, _)' for control in voice.controls]
    replaced += [f'"{name}": (!, {Faust().number(value)})' for name, value in voice.fixed.items()]
    return INSTRUMENT.format(
        description=chain.description,
        name=chain.identifier,
        functions=_functions(chain).rstrip(),
        file_name=voice.file_name,
        knobs=", ".join(names),
        knob_lines="\n".join(knobs),
        smoothed=", ".join(f"({knob} : smooth)" for knob in names),
        units=", ".join(_unit(control) for control in voice.controls) + " :",
        replaced=",\n".join(f"        {each}" for each in replaced),
    )


def _unit(control: VoiceControl) -> str:
    """Write the function from 0..127 to the voice's unit."""
    number = Faust().number
    low, width = number(control.low), number(control.high - control.low)
    if control.steps is not None:
        last = control.steps - 1
        return f"(*({last / PARAMETER_MAX!r}) : rint : *({width}) : /({last}) : +({low}))"
    if (control.low, control.high) == (0.0, float(PARAMETER_MAX)):
        return "_"
    return f"(*({number((control.high - control.low) / PARAMETER_MAX)}) : +({low}))"

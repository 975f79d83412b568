"""C: one header without dependencies or allocation, for C99 and C++, in float and in double."""

from __future__ import annotations

from typing import TYPE_CHECKING

from timbremap_runtime.core import gaussian
from timbremap_runtime.core.layers.vec_scale import LOWEST_CONTROL
from timbremap_runtime.core.types import PARAMETER_MAX
from timbremap_runtime.export import scalar
from timbremap_runtime.export.chain import WarpStep
from timbremap_runtime.export.scalar import horner

if TYPE_CHECKING:
    from collections.abc import Sequence

    from timbremap_runtime.export.chain import Chain

HEAD = """\
/* {description}
 *
 * 1. #include "{name}.h"
 * 2. double c[{m}] = {{{point}}}, p[{n}];
 * 3. {name}_forward(c, p);   point (0 to 1) to parameters;   {name}_inverse(p, c);   and back
 *
 * {name}_forwardf and {name}_inversef do the same in float. Nothing is allocated, locked or kept:
 * call it from an audio callback, and from any number of threads.
 * Parameters: {parameters}.
 */
#ifndef TIMBREMAP_{upper}_H
#define TIMBREMAP_{upper}_H

#include <math.h>

#define {upper}_COORDINATES {m}
#define {upper}_PARAMETERS {n}

static const char *const {name}_names[{n}] = {{{names}}};
"""

QUANTILE = """
/* The standard normal quantile: M. J. Wichura (1988), Algorithm AS 241. */
static inline {real} {name}_quantile{f}({real} c)
{{
    const {real} q = c - {half};
    {real} r, x;
    if (fabs{f}(q) <= {centre}) {{
        r = {square} - q * q;
        return q * ({centre_top} / {centre_bottom});
    }}
    r = q < {zero} ? c : {one} - c;
    r = sqrt{f}(-log{f}(r < {lowest} ? {lowest} : r));
    if (r <= {five}) {{
        r -= {near};
        x = {near_top} / {near_bottom};
    }} else {{
        r -= {five};
        x = {far_top} / {far_bottom};
    }}
    return q < {zero} ? -x : x;
}}

static inline {real} {name}_cdf{f}({real} x)
{{
    return {half} * erfc{f}(x * {minus_root_half});
}}
"""

WARP = """
/* The even scale: each row over evenly spaced u from -{reach} to {reach}. */
static const {real} {name}_knots{f}[{m}][{size}] = {{
{rows}
}};

static inline {real} {name}_warp{f}(const {real} *knots, {real} c)
{{
    int low = 0, high = {k}, middle;
    if (c <= knots[0])
        return -{reach};
    if (c >= knots[{k}])
        return {reach};
    while (high - low > 1) {{
        middle = (low + high) / 2;
        if (knots[middle] <= c)
            low = middle;
        else
            high = middle;
    }}
    return (({real})low + (c - knots[low]) / (knots[low + 1] - knots[low])) * {step} - {reach};
}}

static inline {real} {name}_unwarp{f}(const {real} *knots, {real} u)
{{
    {real} x;
    int low;
    if (u <= -{reach})
        return knots[0];
    if (u >= {reach})
        return knots[{k}];
    if (u != u)
        return u;
    x = (u + {reach}) / {step};
    low = x < {last} ? (int)x : {k} - 1;
    return knots[low] + (x - ({real})low) * (knots[low + 1] - knots[low]);
}}
"""

FUNCTION = """
/* {comment} */
static inline void {name}_{direction}{f}(const {real} *{source}, {real} *{target})
{{
{lines}
}}
"""

EXAMPLE = """\
/* Reads points, one a line, and prints their parameters; or plays a note into a WAV file:
 *     cc {name}_example.c -o {name} -lm
 *     echo "{point}" | ./{name}
 *     ./{name} note.wav {point}
 */
#include <stdio.h>
#include <stdlib.h>
#include "{name}.h"

#define RATE 44100

static void put(FILE *file, long value, int n_bytes)
{{
    for (; n_bytes--; value /= 256)
        fputc((int)(value & 255), file);
}}

/* A second of 110 Hz. Each parameter is the loudness of a partial: put your synth here. */
static void play(FILE *file, const double *p)
{{
    const int head[][2] = {{
        {{16, 4}}, {{1, 2}}, {{1, 2}}, {{RATE, 4}}, {{2 * RATE, 4}}, {{2, 2}}, {{16, 2}}
    }};
    int i, t;
    fputs("RIFF", file);
    put(file, 36 + 2 * RATE, 4);
    fputs("WAVEfmt ", file);
    for (i = 0; i < 7; i++)
        put(file, head[i][0], head[i][1]);
    fputs("data", file);
    put(file, 2 * RATE, 4);
    for (t = 0; t < RATE; t++) {{
        const double radians = 2 * 3.14159265358979 * 110 * t / RATE;
        double x = 0;
        for (i = 0; i < {n}; i++)
            x += (p[i] < 0 ? 0 : p[i] > {top} ? {top} : p[i]) / {top} * sin(radians * (i + 1));
        /* Dies away to the end; 65536 makes every number positive, of which two bytes are kept. */
        put(file, 65536 + (long)floor(0.3 / {n} * x * (RATE - t) / RATE * 32767), 2);
    }}
}}

int main(int argc, char **argv)
{{
    double c[{m}], p[{n}];
    int i;
    if (argc == 2 + {m}) {{
        FILE *file = fopen(argv[1], "wb");
        for (i = 0; i < {m}; i++)
            c[i] = atof(argv[2 + i]);
        {name}_forward(c, p);
        if (file)
            play(file, p);
        return !file || fclose(file);
    }}
    for (;;) {{
        for (i = 0; i < {m}; i++)
            if (scanf("%lf", &c[i]) != 1)
                return 0;
        {name}_forward(c, p);
        for (i = 0; i < {n}; i++)
            printf("%s %.3f%s", {name}_names[i], p[i], i + 1 < {n} ? "  " : "\\n");
    }}
}}
"""


class C:
    """C with one kind of number.

    Parameters
    ----------
    chain : Chain
        Gives its name to the functions.
    real : str
        ``double`` or ``float``.
    """

    def __init__(self, chain: Chain, real: str):
        self._name, self.real = chain.identifier, real
        self.suffix = "f" if real == "float" else ""

    def number(self, value: float) -> str:
        """Write a number with as many digits as it has."""
        text = repr(value)
        return f"({text}{self.suffix})" if value < 0 else f"{text}{self.suffix}"

    def declare(self, name: str, expression: str) -> str:
        """Write a constant."""
        return f"const {self.real} {name} = {expression};"

    def call(self, function: str, argument: str) -> str:
        """Write a call."""
        if "warp" in function:
            word = function.rstrip("0123456789")
            knots = f"{self._name}_knots{self.suffix}[{function.removeprefix(word)}]"
            return f"{self._name}_{word}{self.suffix}({knots}, {argument})"
        own = f"{self._name}_" if function in ("quantile", "cdf") else ""
        return f"{own}{function}{self.suffix}({argument})"

    def choose(self, condition: str, yes: str, no: str) -> str:
        """Write a conditional expression."""
        return f"({condition} ? {yes} : {no})"

    def either(self, conditions: Sequence[str]) -> str:
        """Write a disjunction."""
        return f"({' || '.join(conditions)})"


def write(chain: Chain) -> dict[str, str]:
    """Write a map as a header, and a program that shows its use."""
    name = chain.identifier
    parts = [
        HEAD.format(
            description=chain.description,
            name=name,
            upper=name.upper(),
            m=chain.control_size,
            n=chain.parameter_size,
            point=", ".join(["0.5"] * chain.control_size),
            parameters=chain.listed_names,
            names=", ".join(_quoted(each) for each in chain.parameter_names),
        )
    ]
    for real in ("double", "float"):
        c = C(chain, real)
        parts += [_gaussian(chain, c), _warp(chain, c), *_functions(chain, c)]
    parts.append("\n#endif\n")
    return {f"{name}.h": "".join(parts), f"{name}_example.c": _example(chain)}


def _gaussian(chain: Chain, c: C) -> str:
    if chain.scale != "normal":
        return ""
    polynomials = {
        "centre_top": gaussian.CENTRE_TOP,
        "centre_bottom": gaussian.CENTRE_BOTTOM,
        "near_top": gaussian.NEAR_TOP,
        "near_bottom": gaussian.NEAR_BOTTOM,
        "far_top": gaussian.FAR_TOP,
        "far_bottom": gaussian.FAR_BOTTOM,
    }
    numbers = {
        "half": 0.5, "centre": 0.425, "square": 0.180625, "zero": 0.0, "one": 1.0, "five": 5.0,
        "near": 1.6, "lowest": LOWEST_CONTROL, "minus_root_half": -(0.5**0.5),
    }  # fmt: skip
    return QUANTILE.format(
        name=chain.identifier,
        real=c.real,
        f=c.suffix,
        **{key: horner(values, "r", c) for key, values in polynomials.items()},
        **{key: c.number(value) for key, value in numbers.items()},
    )


def _warp(chain: Chain, c: C) -> str:
    steps = [step for step in chain.front if isinstance(step, WarpStep)]
    if not steps:
        return ""
    (step,) = steps
    k = len(step.knots[0]) - 1
    return WARP.format(
        name=chain.identifier,
        real=c.real,
        f=c.suffix,
        m=len(step.knots),
        k=k,
        size=k + 1,
        reach=c.number(step.reach),
        step=c.number(2.0 * step.reach / k),
        last=c.number(float(k)),
        rows=",\n".join(f"    {{{', '.join(map(c.number, row))}}}" for row in step.knots),
    )


def _functions(chain: Chain, c: C) -> list[str]:
    written = {
        "forward": (scalar.forward, "c", "p", chain.control_size, "Point to parameters."),
        "inverse": (scalar.inverse, "p", "c", chain.parameter_size, "Parameters to point."),
    }
    texts: list[str] = []
    for direction, (make, source, target, size, comment) in written.items():
        names = [f"{source}{i}" for i in range(size)]
        body = make(chain, c, names)
        lines = [c.declare(each, f"{source}[{i}]") for i, each in enumerate(names)]
        lines += body.lines
        lines += [f"{target}[{i}] = {each};" for i, each in enumerate(body.names)]
        texts.append(
            FUNCTION.format(
                comment=comment,
                name=chain.identifier,
                direction=direction,
                f=c.suffix,
                real=c.real,
                source=source,
                target=target,
                lines="\n".join(f"    {line}" for line in lines),
            )
        )
    return texts


def _example(chain: Chain) -> str:
    return EXAMPLE.format(
        name=chain.identifier,
        m=chain.control_size,
        n=chain.parameter_size,
        point=" ".join(["0.5"] * chain.control_size),
        top=PARAMETER_MAX,
    )


def _quoted(text: str) -> str:
    """Write a C string; what is not plain ASCII as octal bytes."""
    return '"' + "".join(
        chr(byte) if 32 <= byte < 127 and byte not in b'"\\?' else f"\\{byte:03o}"
        for byte in text.encode()
    ) + '"'  # fmt: skip

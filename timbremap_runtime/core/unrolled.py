"""One frame at a time, by the quickest way there is at its size.

Every NumPy call costs about half a microsecond whatever it does, and one frame of a small map is
a few dozen multiplications. For a small map the chain is therefore written out, once when the map
is built, as one Python function without loops, with its numbers as constants::

    def frame(values):
        x0, x1 = values.tolist()
        x0 = quantile(LOW if x0 < LOW else HIGH if x0 > HIGH else x0, 0.0, 1.0)
        ...
        p = empty(9)
        pack(p, 0, 127.0 / (1.0 + exp(-v)) if (v := x0 * 0.53 + x1 * -0.21 + 0.1) < 0.0 ...)
        return p

For a large one it is the same few NumPy calls as for a batch, around scalars for the m controls.

A frame that needs more care, one with a slider at its end or a number out of range, is left to
the way of the batches: the function returns None, or raises one of `LEFT_TO_BATCH`.
"""

from __future__ import annotations

from math import erfc, exp, log, sqrt
from struct import Struct
from struct import error as StructError
from typing import TYPE_CHECKING, Any

import numpy as np

from timbremap_runtime.core.activations import ACTIVATIONS, LEAKY_SLOPE, activate, deactivate, drive
from timbremap_runtime.core.layers import LOWEST_CONTROL

try:
    # AS 241 in C, a sixth of the time of its public face, which checks its arguments in Python.
    from _statistics import _normal_dist_inv_cdf as quantile  # pyright: ignore
except ImportError:  # not CPython
    from statistics import NormalDist

    def quantile(c: float, mean: float, std: float) -> float:
        """Φ⁻¹ of one number."""
        return NormalDist(mean, std).inv_cdf(c)


if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from timbremap_runtime.core.mapping import Stage
    from timbremap_runtime.core.types import FloatArray, Scale

    Frame = Callable[[FloatArray], FloatArray | None]

LEFT_TO_BATCH = (ArithmeticError, TypeError, ValueError, StructError)
"""What a frame may raise on numbers that it is not made for, such as exp(710)."""

# Work is counted in multiplications for each stage, an activation as six of them. Written out it
# takes about 23 (forward) or 27 ns (inverse) each; in NumPy it is 7 or 5 us a stage whatever the
# size. Microseconds for a frame with m = 3, normal scale, one stage, written out / NumPy (2 cores,
# CPython 3.11, NumPy 2.4):
#
#     n          4           9           16          24          32          64
#     forward    1.4 / 6.4   2.3 / 6.6   3.6 / 6.6   4.8 / 6.7   6.5 / 6.7   13 / 6.9
#     inverse    1.7 / 5.1   2.7 / 5.1   4.3 / 5.2   6.0 / 5.3   7.8 / 5.2   15 / 5.5
MOST_WORK_FORWARD = 290
MOST_WORK_INVERSE = 190

_MINUS_SQRT_HALF = -sqrt(0.5)


def forward_frame(scale: Scale, stages: Sequence[Stage]) -> Frame:
    """Make the function for C -> P: (m,) to (n,)."""
    if _work(stages) <= MOST_WORK_FORWARD:
        return unrolled_forward(scale, stages)
    return wide_forward(scale, stages)


def inverse_frame(scale: Scale, stages: Sequence[Stage]) -> Frame:
    """Make the function for P -> C: (n,) to (m,), None if a value is at an end, or NaN."""
    if _work(stages) <= MOST_WORK_INVERSE:
        return unrolled_inverse(scale, stages)
    return wide_inverse(scale, stages)


def few_rows(stages: Sequence[Stage]) -> int:
    """Count the frames that are sooner done one after the other than as a batch.

    A batch of few takes 75 to 110 us whatever it is: 8 frames of the largest maps, 24 of small
    ones (2 cores, CPython 3.11, NumPy 2.4).
    """
    return max(8, min(24, round(1900 / _work(stages))))


def _work(stages: Sequence[Stage]) -> float:
    return sum(stage.matrix.size + 6 * stage.offset.size for stage in stages) / len(stages)


def unrolled_forward(scale: Scale, stages: Sequence[Stage]) -> Frame:
    """Write out C -> P as plain Python."""
    return _function(*written_forward(scale, stages))


def unrolled_inverse(scale: Scale, stages: Sequence[Stage]) -> Frame:
    """Write out P -> C as plain Python."""
    return _function(*written_inverse(scale, stages))


def written_forward(scale: Scale, stages: Sequence[Stage]) -> tuple[list[str], list[str]]:
    """Write the lines of C -> P, and an expression for each result."""
    size = stages[0].matrix.shape[0]
    lines = [_unpack("x", size)]
    low, high = (LOWEST_CONTROL, 1.0 - LOWEST_CONTROL) if scale == "normal" else (0.0, 1.0)
    for i in range(size):
        inside = f"{low!r} if x{i} < {low!r} else {high!r} if x{i} > {high!r} else x{i}"
        lines.append(
            f"x{i} = quantile({inside}, 0.0, 1.0)" if scale == "normal" else f"x{i} = {inside}"
        )
    result: list[str] = []
    for stage in stages:
        bounds = ACTIVATIONS[stage.activation]
        if bounds is not None:
            low, high, gain = bounds[:3]
            # By way of the distance to the nearer end: see `squash`.
            shift, span = (f"{low!r} + " if low else ""), high - low
            result = [
                f"({shift}{span!r} / (1.0 + exp(-v)) if (v := {total}) < 0.0 "
                f"else {high!r} - {span!r} / (1.0 + exp(v)))"
                for total in _sums("x", gain * stage.matrix, gain * stage.offset)
            ]
        else:
            result = _sums("x", stage.matrix, stage.offset)
            if stage.activation == "leakyrelu":
                result = [f"(v if (v := {v}) >= 0.0 else v * {LEAKY_SLOPE!r})" for v in result]
        if stage is not stages[-1]:
            # All right-hand sides are evaluated before the first name is bound anew.
            lines.append(f"{_names('x', len(result))} = {', '.join(result)},")
    return lines, result


def written_inverse(scale: Scale, stages: Sequence[Stage]) -> tuple[list[str], list[str]]:
    """Write the lines of P -> C, and an expression for each result."""
    lines = [_unpack("y", stages[-1].matrix.shape[1])]
    for stage in reversed(stages):
        names = [f"y{j}" for j in range(stage.matrix.shape[1])]
        bounds = ACTIVATIONS[stage.activation]
        matrix = stage.inverse_matrix
        if bounds is not None:
            low, high, gain, first, last = *bounds[:3], bounds.first, bounds.last
            inside = " and ".join(f"{first!r} <= {y} <= {last!r}" for y in names)
            lines.append(f"if not ({inside}): return None")
            for y in names:
                above = f"({y} - {low!r})" if low else y
                lines.append(f"{y} = log({above} / ({high!r} - {y}))")
            matrix = matrix / gain
        elif stage.activation == "leakyrelu":
            lines += [f"if {y} < 0.0: {y} /= {LEAKY_SLOPE!r}" for y in names]
        sums = _sums("y", matrix, stage.inverse_offset)
        lines.append(f"{_names('y', len(sums))} = {', '.join(sums)},")
    size = range(stages[0].matrix.shape[0])
    if scale == "normal":
        return lines, [f"0.5 * erfc(y{i} * {_MINUS_SQRT_HALF!r})" for i in size]
    return lines, [f"0.0 if y{i} < 0.0 else 1.0 if y{i} > 1.0 else y{i}" for i in size]


def _sums(name: str, matrix: FloatArray, offset: FloatArray) -> list[str]:
    """Write out x . matrix + offset, one expression a column."""
    return [
        " + ".join([*(f"{name}{i} * {weight!r}" for i, weight in enumerate(column)), repr(shift)])
        for column, shift in zip(matrix.T.tolist(), offset.tolist(), strict=True)
    ]


def _names(name: str, size: int) -> str:
    return "".join(f"{name}{i}, " for i in range(size))


def _unpack(name: str, size: int) -> str:
    return f"{_names(name, size)} = values.tolist()"


def _function(lines: Sequence[str], result: Sequence[str]) -> Frame:
    # Packed where it stays: a tenth of the whole quicker than a list that np.array reads.
    lines = [*lines, f"p = empty({len(result)})", f"pack(p, 0, {', '.join(result)})", "return p"]
    return compiled(lines, len(result))


def compiled(lines: Sequence[str], n_results: int) -> Frame:
    """Make a function of ``values`` from its lines."""
    body = "\n    ".join(lines)
    # The source is made of numbers and of the names here: nothing that a file says gets into it.
    namespace: dict[str, Any] = {
        "empty": np.empty, "pack": Struct(f"{n_results}d").pack_into,
        "exp": exp, "log": log, "erfc": erfc, "quantile": quantile,
    }  # fmt: skip
    exec(f"def frame(values):\n    {body}\n", namespace)
    return namespace["frame"]


def wide_forward(scale: Scale, stages: Sequence[Stage]) -> Frame:
    """Make C -> P of a few NumPy calls."""
    low, high = (LOWEST_CONTROL, 1.0 - LOWEST_CONTROL) if scale == "normal" else (0.0, 1.0)
    first, *others = stages
    # The first offset as one more row, of a control that is always 1: one call less.
    matrix = np.vstack([first.matrix, first.offset])

    def frame(values: FloatArray) -> FloatArray:
        controls = [low if c < low else high if c > high else c for c in values.tolist()]
        if scale == "normal":
            controls = [quantile(c, 0.0, 1.0) for c in controls]
        controls.append(1.0)
        x = activate(first.activation, np.array(controls).dot(matrix))
        for stage in others:
            x = x.dot(stage.matrix)
            x += stage.offset
            activate(stage.activation, x)
        return x

    return frame


def wide_inverse(scale: Scale, stages: Sequence[Stage]) -> Frame:
    """Make P -> C of a few NumPy calls."""
    steps = [(stage, ACTIVATIONS[stage.activation]) for stage in reversed(stages)]

    def frame(values: FloatArray) -> FloatArray | None:
        y = values
        for stage, bounds in steps:
            if bounds is None:
                y, _ = deactivate(stage.activation, y)
            # argmin and argmax take a quarter of the time of min and max.
            elif y.item(y.argmin()) >= bounds.first and y.item(y.argmax()) <= bounds.last:
                y = drive(bounds, y)
            else:
                return None
            y = y.dot(stage.inverse_matrix)
            y += stage.inverse_offset
        if scale == "normal":
            return np.array([0.5 * erfc(u * _MINUS_SQRT_HALF) for u in y.tolist()])
        return np.array([0.0 if u < 0.0 else 1.0 if u > 1.0 else u for u in y.tolist()])

    return frame

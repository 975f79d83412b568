"""Where the time of a single frame goes.

The function that TimbreMap writes out for a small map is grown part by part: nothing but the call
first, then reading the array, and so on to the whole frame and the method that a user calls. All of
them run in turn, and what each adds is the time of what was added.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from timbremap_runtime import TimbreMap
from timbremap_runtime.core.stages import Stage
from timbremap_runtime.core.unrolled import Source

N_POINTS, N_CALLS, N_ROUNDS = 250, 2_000, 40

Part = Callable[[Source], Any]
"""Adds lines to the source of a frame."""
Steps = list[tuple[str, Callable[[np.ndarray], Any]]]


def profile(mapping: TimbreMap) -> dict[str, list[list[Any]]]:
    """Time the parts of a frame, both ways.

    Parameters
    ----------
    mapping : TimbreMap
        Normal scale, one sigmoid layer, and small, so that its frames are written out.

    Returns
    -------
    dict of str to list of [str, float]
        For ``forward`` and ``inverse``: each part, and the nanoseconds that it adds.
    """
    c = np.random.default_rng(1).uniform(0.02, 0.98, (N_POINTS, mapping.control_size))
    p = mapping.forward(c)
    return {
        "forward": added(forward_steps(mapping), list(c)),
        "inverse": added(inverse_steps(mapping), list(p)),
    }


def forward_steps(mapping: TimbreMap) -> Steps:
    """Grow C to P."""
    m, n = mapping.control_size, mapping.parameter_size
    clip, quantile = mapping.front
    affine, sigmoid = mapping.stages
    return grown(
        m,
        [
            ("the call of a Python function, in a loop", lambda source: None),
            (f"the array read into {m} numbers: `tolist`", Source.unpack),
            (f"{m} coordinates kept within [0, 1]", write(clip)),
            (f"{m} times Φ⁻¹, in C", write(quantile)),
            (f"{n} sums of {m} products", write(affine)),
            (f"{n} sigmoids: `exp`, a division, a choice", write(sigmoid)),
        ],
        n,
        mapping.forward,
    )


def inverse_steps(mapping: TimbreMap) -> Steps:
    """Grow P to C."""
    m, n = mapping.control_size, mapping.parameter_size
    quantile = mapping.front[1]
    affine, sigmoid = mapping.stages
    return grown(
        n,
        [
            ("the call of a Python function, in a loop", lambda source: None),
            (f"the array read into {n} numbers: `tolist`", Source.unpack),
            (f"{n} parameters seen not to be at an end", lambda source: source.guard(sigmoid)),
            (f"{n} times the logit: `log`, a division", write_back(sigmoid, guarded=True)),
            (f"{m} sums of {n} products", write_back(affine)),
            (f"{m} times Φ: `erfc`", write_back(quantile)),
        ],
        m,
        mapping.inverse,
    )


def write(stage: Stage) -> Part:
    """Write out a stage."""
    return lambda source: source.write(stage, inverse=False)


def write_back(stage: Stage, *, guarded: bool = False) -> Part:
    """Write out the inverse of a stage, whose guard may be there already."""

    def part(source: Source) -> None:
        if guarded:
            source.lines.pop()
        source.write(stage, inverse=True)

    return part


def grown(
    size_in: int,
    parts: list[tuple[str, Part]],
    size_out: int,
    method: Callable[[np.ndarray], Any],
) -> Steps:
    """Compile a function for each part more, and end with the result's array and the method."""
    parts = [
        *parts,
        ("a new array: `np.empty`", Source.allocate),
        (f"{size_out} numbers packed into it", finish),
    ]
    steps: Steps = []
    for n_parts, (name, _) in enumerate(parts, 1):
        source = Source("frame", size_in)
        for _, part in parts[:n_parts]:
            part(source)
        if n_parts < len(parts):
            if n_parts > 1:
                source.unpack()  # gives names to the results of the last part
            source.lines.append("return None")
        steps.append((name, source.compiled()))
    return [*steps, ("the method: type and shape looked at, one more call", method)]


def finish(source: Source) -> None:
    """Pack the result, in the place of the array that the part before made."""
    source.lines.pop()
    source.finish()


def added(steps: Steps, inputs: list[np.ndarray]) -> list[list[Any]]:
    """Nanoseconds that each step takes more than the one before it."""
    rounds = np.array([[call_ns(call, inputs) for _, call in steps] for _ in range(N_ROUNDS + 1)])
    whole = np.median(rounds[1:], axis=0)
    return [
        [name, float(more)]
        for (name, _), more in zip(steps, np.diff(whole, prepend=0), strict=True)
    ]


def call_ns(call: Callable[[np.ndarray], Any], inputs: list[np.ndarray]) -> float:
    """Nanoseconds a call, over all inputs again and again."""
    start = time.perf_counter_ns()
    for _ in range(N_CALLS // len(inputs)):
        for x in inputs:
            call(x)
    return (time.perf_counter_ns() - start) / N_CALLS

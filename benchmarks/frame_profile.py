"""Where the time of a single frame goes.

The function that TimbreMap writes out for a small map is grown line by line: nothing but the call
first, then reading the array, and so on to the whole frame and the method that a user calls. All of
them run in turn, and what each adds is the time of what was added.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from timbremap_runtime import TimbreMap
from timbremap_runtime.core.unrolled import compiled, written_forward, written_inverse

N_POINTS, N_CALLS, N_ROUNDS = 250, 2_000, 40

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
    (unpack, *spread), result = written_forward(mapping.scale, mapping.stages)
    kept = [re.sub(r"quantile\((.*), 0\.0, 1\.0\)", r"\1", line) for line in spread]
    sums = [found[0] for each in result for found in re.findall(r"(\(v := (.*?)\)) <", each)]
    names = [
        ("the call of a Python function, in a loop", ["return None"]),
        (f"the array read into {m} numbers: `tolist`", [unpack]),
        (f"{m} controls kept within [0, 1]", [unpack, *kept]),
        (f"{m} times Φ⁻¹, in C", [unpack, *spread]),
        (f"{n} sums of {m} products", [unpack, *spread, *sums]),
        (f"{n} sigmoids: `exp`, a division, a choice", [unpack, *spread, *result]),
    ]
    return grown(names, [unpack, *spread], result, mapping.forward)


def inverse_steps(mapping: TimbreMap) -> Steps:
    """Grow P to C."""
    m, n = mapping.control_size, mapping.parameter_size
    (unpack, check, *logs, sums), result = written_inverse(mapping.scale, mapping.stages)
    names = [
        ("the call of a Python function, in a loop", ["return None"]),
        (f"the array read into {n} numbers: `tolist`", [unpack]),
        (f"{n} sliders seen not to be at an end", [unpack, check]),
        (f"{n} times the logit: `log`, a division", [unpack, check, *logs]),
        (f"{m} sums of {n} products", [unpack, check, *logs, sums]),
        (f"{m} times Φ: `erfc`", [unpack, check, *logs, sums, *result]),
    ]
    return grown(names, [unpack, check, *logs, sums], result, mapping.inverse)


def grown(
    names: list[tuple[str, list[str]]],
    lines: list[str],
    result: list[str],
    method: Callable[[np.ndarray], Any],
) -> Steps:
    """Compile the steps, and end with the result's array and the method itself."""
    size = len(result)
    empty, pack = f"p = empty({size})", f"pack(p, 0, {', '.join(result)})"
    names = [
        *names,
        ("a new array: `np.empty`", [*lines, *result, empty]),
        (f"{size} numbers packed into it", [*lines, empty, pack, "return p"]),
    ]
    steps: Steps = [(name, compiled(body, size)) for name, body in names]
    return [*steps, ("the method: type and shape looked at, one more call", method)]


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

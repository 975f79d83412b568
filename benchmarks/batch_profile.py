"""Where the time of a batch goes, step by step, beside SciPy's and PyTorch's own functions.

NumPy takes a pass over the array for every addition and product of a function; SciPy and PyTorch
have functions that take one for all of it. What a single pass costs runs along. The batch is small
enough for the cache, and PyTorch has one thread, as NumPy has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from race import alternate
from scipy import special

from timbremap_runtime import TimbreMap
from timbremap_runtime.core.stages import split_at_last_affine

N_ROWS, N_CALLS, N_ROUNDS = 2_000, 20, 15
ADDITION = "a single addition to every parameter, for scale"

Ways = Mapping[str, Callable[[], Any]]
"""A step by who does it."""


def profile(mapping: TimbreMap) -> dict[str, list[list[Any]]]:
    """Time the steps of a batch, both ways.

    Parameters
    ----------
    mapping : TimbreMap
        Normal scale, one sigmoid layer.

    Returns
    -------
    dict of str to list of [str, dict]
        For ``forward`` and ``inverse``: each step, and the nanoseconds a frame that each takes.
    """
    with np.errstate(all="ignore"):
        return {
            direction: [[name, ns_a_frame(ways)] for name, ways in steps.items()]
            for direction, steps in (("forward", forward_steps(mapping)),
                                     ("inverse", inverse_steps(mapping)))
        }  # fmt: skip


def ns_a_frame(ways: Ways) -> dict[str, float]:
    """Time one step, everybody in turn."""

    def repeated(way: Callable[[], Any]) -> Callable[[], None]:
        def run() -> None:
            for _ in range(N_CALLS):
                way()

        return run

    calls = {who: repeated(way) for who, way in ways.items()}
    alternate(calls, 1)
    seconds = alternate(calls, N_ROUNDS)
    return {who: float(each.min()) / N_CALLS / N_ROWS * 1e9 for who, each in seconds.items()}


def forward_steps(mapping: TimbreMap) -> dict[str, Ways]:
    """C to P: each step on what the one before it gives."""
    clip, quantile = mapping.front
    _, affine, (sigmoid,) = split_at_last_affine(mapping.stages)
    c = points(mapping)
    u = quantile.forward(c.copy())
    t = affine.forward(u)
    return {
        "coordinates kept within [0, 1]": {
            "TimbreMap": lambda: clip.forward(c),
            **in_torch(c, lambda torch, x: x.clamp(0.0, 1.0)),
        },
        f"{mapping.control_size} times Φ⁻¹": {
            "TimbreMap": lambda: quantile.forward(c),
            "SciPy": lambda: special.ndtri(c),
            **in_torch(c, lambda torch, x: torch.special.ndtri(x)),
        },
        "matrix and offset": matrix(u, affine.matrix, affine.offset),
        f"{mapping.parameter_size} sigmoids": {
            "TimbreMap": lambda: sigmoid.forward(t.copy()),
            "SciPy": lambda: 127.0 * special.expit(t),
            **in_torch(t, lambda torch, x: torch.sigmoid(x) * 127.0),
        },
        ADDITION: addition(t),
    }


def inverse_steps(mapping: TimbreMap) -> dict[str, Ways]:
    """P to C."""
    quantile = mapping.front[1]
    _, affine, (sigmoid,) = split_at_last_affine(mapping.stages)
    p = mapping.forward(points(mapping))
    t = sigmoid.inverse(p)[0]
    u = affine.inverse(t)[0]
    return {
        f"{mapping.parameter_size} logits": {
            "TimbreMap": lambda: sigmoid.inverse(p),
            "SciPy": lambda: special.logit(p / 127.0),
            **in_torch(p, lambda torch, x: torch.logit(x / 127.0)),
        },
        "matrix and offset": matrix(t, affine.inverse_matrix, affine.inverse_offset),
        f"{mapping.control_size} times Φ": {
            "TimbreMap": lambda: quantile.inverse(u),
            "SciPy": lambda: special.ndtr(u),
            **in_torch(u, lambda torch, x: torch.special.ndtr(x)),
        },
        ADDITION: addition(t),
    }


def points(mapping: TimbreMap) -> np.ndarray:
    """Points of the whole pad but its rim."""
    return np.random.default_rng(1).uniform(0.02, 0.98, (N_ROWS, mapping.control_size))


def matrix(x: np.ndarray, weights: np.ndarray, offset: np.ndarray) -> Ways:
    """Multiply and shift: the same in SciPy, which leaves it to NumPy."""

    def ours() -> None:
        y = x.dot(weights)
        y += offset

    def theirs(torch: Any, x: Any) -> Any:
        return x @ torch.from_numpy(weights.copy()) + torch.from_numpy(offset.copy())

    return {"TimbreMap": ours, **in_torch(x, theirs)}


def addition(x: np.ndarray) -> Ways:
    """Take the cheapest pass that there is."""
    out = np.empty_like(x)
    return {"TimbreMap": lambda: np.add(x, 1.0, out=out)}


def in_torch(x: np.ndarray, function: Callable[[Any, Any], Any]) -> Ways:
    """Do it in PyTorch, where it is installed."""
    try:
        import torch  # pyright: ignore[reportMissingImports]
    except ImportError:
        return {}
    tensor = torch.from_numpy(np.ascontiguousarray(x))

    @torch.inference_mode()
    def run() -> None:
        n_threads = torch.get_num_threads()
        torch.set_num_threads(1)
        function(torch, tensor)
        torch.set_num_threads(n_threads)

    return {"PyTorch": run}

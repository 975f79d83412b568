"""How long does one frame take, beside the same chain jitted in JAX?

    python benchmarks/bench_frame.py

Both get a NumPy array and give one back, in the same process, in rounds that alternate, so that
whatever else the machine does hurts both. The number that counts is the multiple: the time of
TimbreMap over the time of JAX, the median over all rounds (and the 90th percentile, the tail).
Microseconds are of this machine alone.

    python benchmarks/bench_frame.py --memory 10000000

runs so many frames and prints how the memory of the process grew.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from typing import TYPE_CHECKING

import numpy as np

from timbremap_runtime import DenseLayer, PCALayer, TimbreMap, VecScale

if TYPE_CHECKING:
    from collections.abc import Callable

    from timbremap_runtime.layers import Scale

    Frame = Callable[[np.ndarray], np.ndarray]

SIZES = ((3, 9), (3, 64))
SCALES: tuple[Scale, ...] = ("normal", "uniform")


def main() -> None:
    parser = argparse.ArgumentParser(description="One frame, beside the same chain in JAX.")
    parser.add_argument("--rounds", type=int, default=60, help="rounds of 300 frames each")
    parser.add_argument("--memory", type=int, metavar="FRAMES", help="watch the memory instead")
    args = parser.parse_args()
    if args.memory:
        watch_memory(args.memory)
        return
    row = "{:>3} {:>3}  {:8} {:9} {:>16} {:>6} {:>15} {:>9}"
    heads = ("m", "n", "scale", "direction", "TimbreMap / JAX", "p90", "TimbreMap, us", "JAX, us")
    print(row.format(*heads))
    for m, n in SIZES:
        for scale in SCALES:
            mapping = make_map(m, n, scale)
            jax_forward, jax_inverse = in_jax(mapping)
            c = np.random.default_rng(1).uniform(0.1, 0.9, m)
            p = mapping.forward(c)
            for direction, ours, theirs, x in (
                ("forward", mapping.forward, jax_forward, c),
                ("inverse", mapping.inverse, jax_inverse, p),
            ):
                np.testing.assert_allclose(ours(x), theirs(x), rtol=0, atol=1e-9)
                ours_us, theirs_us = alternate(ours, theirs, x, args.rounds)
                multiples = ours_us / theirs_us
                figures = (
                    np.median(multiples),
                    np.percentile(multiples, 90),
                    np.median(ours_us),
                    np.median(theirs_us),
                )
                print(row.format(m, n, scale, direction, *(f"{value:.2f}" for value in figures)))


def make_map(m: int, n: int, scale: Scale) -> TimbreMap:
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(m, m)))[0]
    scaling = VecScale(np.zeros(m), np.ones(m), np.full(m, -3.0), np.full(m, 6.0), scale)
    dense = DenseLayer(rng.normal(0.0, 0.5, (m, n)), rng.normal(0.0, 0.1, n))
    return TimbreMap(scaling, PCALayer(axes, rng.normal(0.0, 0.1, m)), [dense])


def in_jax(mapping: TimbreMap) -> tuple[Frame, Frame]:
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    try:
        import jax
    except ImportError:
        sys.exit("JAX is not installed: run  pip install 'timbremap[train]'")
    jax.config.update("jax_enable_x64", True)
    normal, sigmoid = jax.scipy.stats.norm, jax.nn.sigmoid
    scaling, pca, dense = mapping.vec_scale, mapping.pca, mapping.dense[0]
    assert pca is not None
    offset, slope = scaling.affine

    def forward(c):
        u = normal.ppf(c) if mapping.scale == "normal" else c
        z = (offset + slope * u) @ pca.weights_inv + pca.biases
        return 127.0 * sigmoid(z @ dense.weights + dense.biases)

    def inverse(p):
        z = (jax.scipy.special.logit(p / 127.0) - dense.biases) @ dense.weights_inv
        u = ((z - pca.biases) @ pca.weights - offset) / slope
        return normal.cdf(u) if mapping.scale == "normal" else u

    # np.asarray waits for the result.
    jitted_forward, jitted_inverse = jax.jit(forward), jax.jit(inverse)
    return lambda c: np.asarray(jitted_forward(c)), lambda p: np.asarray(jitted_inverse(p))


def alternate(
    ours: Frame, theirs: Frame, x: np.ndarray, n_rounds: int
) -> tuple[np.ndarray, np.ndarray]:
    """Microseconds a frame of both, round by round."""
    for frame in (ours, theirs):
        round_us(frame, x)
    pairs = [(round_us(ours, x), round_us(theirs, x)) for _ in range(n_rounds)]
    ours_us, theirs_us = np.array(pairs).T
    return ours_us, theirs_us


def round_us(frame: Frame, x: np.ndarray, n_frames: int = 300) -> float:
    start = time.perf_counter()
    for _ in range(n_frames):
        frame(x)
    return (time.perf_counter() - start) / n_frames * 1e6


def watch_memory(n_frames: int) -> None:
    try:
        import resource
    except ImportError:
        sys.exit("--memory needs the standard library's resource module: Linux or macOS")
    mapping = make_map(3, 9, "normal")
    c = np.random.default_rng(1).uniform(0.1, 0.9, 3)

    def run(n: int) -> int:
        for _ in range(n):
            mapping.inverse(mapping.forward(c))
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    before = run(n_frames // 100)
    unit = "bytes" if sys.platform == "darwin" else "KiB"
    print(
        f"{n_frames} frames forward and back: peak memory grew by {run(n_frames) - before} {unit}"
    )


if __name__ == "__main__":
    main()

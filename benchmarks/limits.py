"""What the machine allows: the same frame in C, the speed of memory, and of arithmetic.

None is a peer. The C frame is what is left of a frame without Python: numbers as constants, one
core, called over many frames in one go, so that no call is counted. The memory limit is a copy of
as many bytes as a batch reads and writes. The speed of arithmetic is that of the product of two
large matrices in single precision, on all cores.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from timbremap_runtime import TimbreMap
from timbremap_runtime.core import gaussian
from timbremap_runtime.core.stages import split_at_last_affine

Batch = Callable[[np.ndarray], np.ndarray]

SOURCE = """
#include <math.h>
#define POLY(name, ...) static double name(double x) { const double k[] = {__VA_ARGS__}; \\
    double t = k[0]; for (unsigned i = 1; i < sizeof k / sizeof *k; i++) t = t * x + k[i]; \\
    return t; }
POLYNOMIALS
static double quantile(double c) {
    double q = c - 0.5, r;
    if (fabs(q) <= 0.425) { r = 0.180625 - q * q; return q * ct(r) / cb(r); }
    r = sqrt(-log(q < 0 ? c : 1 - c));
    double y = r <= 5 ? nt(r - 1.6) / nb(r - 1.6) : ft(r - 5) / fb(r - 5);
    return q < 0 ? -y : y;
}
static const double A[] = {MATRIX}, D[] = {OFFSET}, B[] = {BACK}, E[] = {BACK_OFFSET};
void forward(const double *c, double *p, long rows) {
    for (; rows--; c += M, p += N) {
        double u[M];
        for (int i = 0; i < M; i++) u[i] = quantile(fmin(fmax(c[i], 0x1p-53), 1 - 0x1p-53));
        for (int j = 0; j < N; j++) {
            double v = D[j];
            for (int i = 0; i < M; i++) v += u[i] * A[i * N + j];
            p[j] = v < 0 ? 127 / (1 + exp(-v)) : 127 - 127 / (1 + exp(v));
        }
    }
}
void inverse(const double *p, double *c, long rows) {
    for (; rows--; c += M, p += N) {
        double u[M];
        for (int i = 0; i < M; i++) u[i] = E[i];
        for (int j = 0; j < N; j++) {
            double t = log(p[j] / (127 - p[j]));
            for (int i = 0; i < M; i++) u[i] += t * B[j * M + i];
        }
        for (int i = 0; i < M; i++) c[i] = 0.5 * erfc(-u[i] * M_SQRT1_2);
    }
}
"""
"""C to P and back, normal scale, one sigmoid layer, no parameter at an end."""


def in_c(mapping: TimbreMap) -> dict[str, Batch] | None:
    """Compile the chain; None where there is no C compiler.

    Parameters
    ----------
    mapping : TimbreMap
        Normal scale, one dense sigmoid layer.

    Returns
    -------
    dict of str to callable
        ``forward`` and ``inverse``, of (k, m) and (k, n).
    """
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    _, affine, _ = split_at_last_affine(mapping.stages)
    text = SOURCE
    for name, array in (
        ("MATRIX", affine.matrix),
        ("BACK_OFFSET", affine.inverse_offset),
        ("BACK", affine.inverse_matrix),
        ("OFFSET", affine.offset),
    ):
        text = text.replace(f"{{{name}}}", f"{{{listed(array.ravel().tolist())}}}")
    polynomials = {
        "ct": gaussian.CENTRE_TOP, "cb": gaussian.CENTRE_BOTTOM, "nt": gaussian.NEAR_TOP,
        "nb": gaussian.NEAR_BOTTOM, "ft": gaussian.FAR_TOP, "fb": gaussian.FAR_BOTTOM,
    }  # fmt: skip
    lines = [f"POLY({name}, {listed(map(float, k))})" for name, k in polynomials.items()]
    text = text.replace("POLYNOMIALS", "\n".join(lines))
    m, n = mapping.control_size, mapping.parameter_size
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder, "frame.c"), Path(folder, "frame.so")
        source.write_text(text)
        command = [compiler, "-O3", "-march=native", "-shared", "-fPIC", f"-DM={m}", f"-DN={n}"]
        done = subprocess.run([*command, str(source), "-o", str(library), "-lm"], check=False)
        if done.returncode:
            return None
        loaded = ctypes.CDLL(str(library))

    def batch(function: Callable[..., None], size_out: int) -> Batch:
        def run(x: np.ndarray) -> np.ndarray:
            result = np.empty((len(x), size_out))
            function(ctypes.c_void_p(x.ctypes.data), ctypes.c_void_p(result.ctypes.data), len(x))
            return result

        return run

    return {"forward": batch(loaded.forward, n), "inverse": batch(loaded.inverse, m)}


def listed(values: object) -> str:
    """Write numbers for a C array."""
    return ", ".join(repr(value) for value in values)  # type: ignore[attr-defined]


def c_frames_per_second(batch: Batch, x: np.ndarray, n_rounds: int = 7) -> float:
    """Frames a second of the C frame, over frames that stay in cache."""
    few = np.ascontiguousarray(x[:1000])
    n_times = max(1, 20_000 // len(few))
    seconds: list[float] = []
    for _ in range(n_rounds):
        start = time.perf_counter()
        for _ in range(n_times):
            batch(few)
        seconds.append((time.perf_counter() - start) / n_times)
    return len(few) / float(np.median(seconds))


def memory_frames_per_second(mapping: TimbreMap, size: int, n_rounds: int = 7) -> float:
    """Frames a second of a copy that moves as many bytes as a batch reads and writes."""
    numbers = size * (mapping.control_size + mapping.parameter_size) // 2
    here, there = np.zeros(numbers), np.ones(numbers)
    n_times = max(1, 2_000 // size)
    seconds: list[float] = []
    for _ in range(n_rounds):
        start = time.perf_counter()
        for _ in range(n_times):
            np.copyto(there, here)
        seconds.append((time.perf_counter() - start) / n_times)
    return size / float(np.median(seconds))


def products_per_second(size: int = 2048, n_rounds: int = 5) -> float:
    """Multiplications a second, each with its addition, of a large matrix product."""
    a, b = np.ones((2, size, size), np.float32)
    seconds: list[float] = []
    for _ in range(n_rounds):
        start = time.perf_counter()
        np.dot(a, b)
        seconds.append(time.perf_counter() - start)
    return size**3 / min(seconds)

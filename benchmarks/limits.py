"""What the machine allows: the same frame in C, the speed of memory, and of arithmetic.

None is a peer. The C frame is the header that `tm-export` writes, which is what is left of a frame
without Python: one core, called over many frames in one go, so that no call from Python is counted.
The memory limit is a copy of as many bytes as a batch reads and writes. The speed of arithmetic is
that of the product of two large matrices in single precision, on all cores.
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

import timbremap_runtime
from timbremap_runtime import TimbreMap
from timbremap_runtime.export import describe, write

Batch = Callable[[np.ndarray], np.ndarray]

LOOPS = """
#include "map.h"
void forward(const double *c, double *p, long rows) {
    for (; rows--; c += MAP_COORDINATES, p += MAP_PARAMETERS) map_forward(c, p);
}
void inverse(const double *p, double *c, long rows) {
    for (; rows--; c += MAP_COORDINATES, p += MAP_PARAMETERS) map_inverse(p, c);
}
"""


def in_c(mapping: TimbreMap) -> dict[str, Batch] | None:
    """Compile the header that ``tm-export --to c`` writes; None where there is no C compiler.

    Returns
    -------
    dict of str to callable
        ``forward`` and ``inverse``, of (k, m) and (k, n).
    """
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    m, n = mapping.control_size, mapping.parameter_size
    chain = describe(mapping, "map", [f"p{i}" for i in range(n)], timbremap_runtime.__version__)
    with tempfile.TemporaryDirectory() as folder:
        for name, text in {**write(chain, "c"), "frame.c": LOOPS}.items():
            Path(folder, name).write_text(text)
        library = Path(folder, "frame.so")
        command = [
            compiler,
            "-O3",
            "-march=native",
            "-shared",
            "-fPIC",
            str(library.with_suffix(".c")),
        ]
        if subprocess.run([*command, "-o", str(library), "-lm"], check=False).returncode:
            return None
        loaded = ctypes.CDLL(str(library))

    def batch(function: Callable[..., None], size_out: int) -> Batch:
        def run(x: np.ndarray) -> np.ndarray:
            result = np.empty((len(x), size_out))
            function(ctypes.c_void_p(x.ctypes.data), ctypes.c_void_p(result.ctypes.data), len(x))
            return result

        return run

    return {"forward": batch(loaded.forward, n), "inverse": batch(loaded.inverse, m)}


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

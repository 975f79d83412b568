"""How do time and memory grow with the number of sounds, of parameters and of frames?

    python benchmarks/bench_scaling.py

Sounds, 1,000 to 30,000: rendering, features, opening a data set (with the statistics of all its
sounds) and an epoch of the LSTM. Sounds are 50 ms instead of 300, as it is the growth that is asked
for. Each step runs in a fresh process, whose peak is the memory told (of its worker processes, that
of the largest). An epoch is told without what its first step takes to compile.

Parameters, 4 to 256, three controls: one frame, a batch, loading a model. Frames, 1 to 1,000,000:
a batch, and one frame after the other. Memory is the peak of what was allocated, by tracemalloc.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from peers import make_map
from results import Result, run_alone

import timbremap_runtime as tm

SOUNDS, SOUNDS_SHORT = (1_000, 3_000, 10_000, 30_000), (100, 200)
PARAMETERS = (4, 8, 16, 32, 64, 128, 256)
FRAMES, FRAMES_SHORT = (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000), (1, 10, 100, 1_000)
MOST_TRACED = 100_000
"""Frames one after the other under tracemalloc, which makes them several times slower."""
SUSTAIN_MS, RELEASE_MS = 30.0, 20.0
STEPS = ("render", "features", "train")

Curves = dict[str, dict[str, Any]]


def measure(short: bool) -> Result:
    """Measure all three."""
    figures: dict[str, dict[str, Curves]] = {
        "sounds": over_sounds(SOUNDS_SHORT if short else SOUNDS),
        "parameters": over_parameters(),
        "frames": over_frames(FRAMES_SHORT if short else FRAMES),
    }
    for curves in figures.values():
        for kind in [kind for kind, found in curves.items() if not found]:
            del curves[kind]
    return Result([], figures)


def over_sounds(sizes: tuple[int, ...]) -> dict[str, Curves]:
    """Run the way of the data for every number of sounds."""
    seconds: Curves = {}
    memory: Curves = {}
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            for step in STEPS:
                command = [sys.executable, __file__, "--step", step, folder, str(size)]
                done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
                found = json.loads(done.stdout.splitlines()[-1])
                for name, taken in found["seconds"].items():
                    add(seconds, name, size, taken)
                if found["MiB"]:
                    add(memory, step, size, found["MiB"])
    return {"seconds": seconds, "MiB": memory}


def run_step(step: str, folder: Path, n_sounds: int) -> dict[str, float]:
    """Do one step of the data's way in this process; return its seconds, by name."""
    from sound_data import lfo4, render

    from timbremap_jax.data.dataset import load_dataset
    from timbremap_jax.data.features.compute import compute_features

    data_dir = folder / "data"
    start = time.perf_counter()
    if step == "render":
        note = lfo4().note.with_changes(sustain_ms=SUSTAIN_MS, release_ms=RELEASE_MS)
        render(data_dir, n_sounds, note)
        return {"render": time.perf_counter() - start}
    if step == "features":
        compute_features(data_dir)
        return {"features": time.perf_counter() - start}
    dataset = load_dataset(data_dir)
    dataset.standardization()
    opened = time.perf_counter() - start

    from timbremap_jax.backend.devices import use_all_cores
    from timbremap_jax.training.loop import Silence, train
    from timbremap_jax.training.settings import TrainSettings

    class Watch(Silence):
        def __init__(self):
            self.times: list[float] = []

        def stepped(self, epoch: int, step: int, n_steps: int) -> None:
            self.times.append(time.perf_counter())

    use_all_cores()
    watch = Watch()
    train(dataset, TrainSettings(generative=True, epochs=1), observer=watch)
    n_steps = len(watch.times)
    # Reports come a step late and the first step compiles: what is between tells the rest.
    between = (watch.times[-1] - watch.times[1]) / (n_steps - 2)
    return {"open": opened, "an epoch": between * n_steps}


def peak_mib() -> float | None:
    """Largest memory of this process, or of a child of it; None where the system does not tell."""
    try:
        import resource
    except ImportError:
        return None
    own, children = (
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return max(own, children) / (2**20 if sys.platform == "darwin" else 2**10)


def over_parameters() -> dict[str, Curves]:
    """Time maps of many sizes."""
    seconds: Curves = {}
    memory: Curves = {}
    for n in PARAMETERS:
        mapping = make_map(3, n)
        c = np.random.default_rng(1).uniform(0.02, 0.98, (1000, 3))
        p = mapping.forward(c)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "timbremap"
            tm.save(mapping, path)
            calls: dict[str, tuple[Callable[[], Any], int]] = {
                "frame, C to P": (lambda m=mapping, x=c[0]: m.forward(x), 1000),
                "frame, P to C": (lambda m=mapping, x=p[0]: m.inverse(x), 1000),
                "1,000 frames, C to P": (lambda m=mapping, x=c: m.forward(x), 5),
                "1,000 frames, P to C": (lambda m=mapping, x=p: m.inverse(x), 5),
                "load a model": (lambda path=path: tm.load(path), 1),
            }
            for name, (call, n_times) in calls.items():
                add(seconds, name, n, least_seconds(call, n_times))
                if n_times < 1000:
                    add(memory, name, n, allocated_mib(call))
    return {"seconds": seconds, "MiB": memory}


def over_frames(sizes: tuple[int, ...]) -> dict[str, Curves]:
    """Time batches of many sizes, and as many frames one after the other."""
    seconds: Curves = {}
    memory: Curves = {}
    mapping = make_map(3, 9)
    frame = np.random.default_rng(1).uniform(0.02, 0.98, 3)
    for size in sizes:
        c = np.random.default_rng(1).uniform(0.02, 0.98, (size, 3))
        p = mapping.forward(c)

        def one_by_one(size: int = size) -> None:
            for _ in range(size):
                mapping.forward(frame)

        calls: dict[str, Callable[[], Any]] = {
            "batch, C to P": lambda c=c: mapping.forward(c),
            "batch, P to C": lambda p=p: mapping.inverse(p),
            "one by one, C to P": one_by_one,
        }
        for name, call in calls.items():
            add(seconds, name, size, least_seconds(call, max(1000 // size, 1)))
            if call is not one_by_one or size <= MOST_TRACED:
                add(memory, name, size, allocated_mib(call))
    return {"seconds": seconds, "MiB": memory}


def add(curves: Curves, name: str, x: int, y: float) -> None:
    """Add a point to a curve."""
    curve = curves.setdefault(name, {"x": [], "y": []})
    curve["x"].append(x)
    curve["y"].append(y)


def least_seconds(call: Callable[[], Any], n_times: int, n_rounds: int = 5) -> float:
    """Seconds a call in the quickest round, which is the one that nothing disturbed."""
    taken: list[float] = []
    for _ in range(n_rounds):
        start = time.perf_counter()
        for _ in range(n_times):
            call()
        taken.append((time.perf_counter() - start) / n_times)
    return min(taken)


def allocated_mib(call: Callable[[], Any]) -> float:
    """Most that is allocated at a time during a call, its result included."""
    tracemalloc.start()
    try:
        result = call()
        peak = tracemalloc.get_traced_memory()[1]
        del result
    finally:
        tracemalloc.stop()
    return peak / 2**20


if __name__ == "__main__":
    if sys.argv[1:2] == ["--step"]:
        step, folder, size = sys.argv[2:5]
        seconds = run_step(step, Path(folder), int(size))
        print(json.dumps({"seconds": seconds, "MiB": peak_mib()}))
    else:
        run_alone(measure, __doc__)

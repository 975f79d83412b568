"""How many times faster than real time does tm-generate render, and what do its processes gain?

    python benchmarks/bench_render.py

Sounds of 0.3 s by the Faust engine, in a small data set and a large one. Four run in turn:
tm-generate as it comes, with a process for each processor; the same with one process; the engine
alone in this process, which renders and writes nothing; and real time, which is what playing the
sounds through a sound card would take. Ours is all that the command does: starting its processes,
compiling the voice in each, rendering, checking and writing every sound. With more sounds the start
counts for less.

The limit is the engine alone on every processor at once: no program that plays this voice is faster
than that, however it writes. It is the time of the engine in this process, divided by the number of
processors.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from race import Race, race_of
from results import Result, run_alone
from sound_data import lfo4, render, settle

from timbremap_jax.data.engines import open_engine
from timbremap_jax.data.patch import SAMPLE_RATE
from timbremap_jax.data.render.sampling import GenerateSettings, sample_parameters
from timbremap_jax.data.workers import n_cores

SIZES, SIZES_SHORT = (1_500, 10_000), (200,)
N_ROUNDS = 3


def measure(short: bool) -> Result:
    """Render the same parameter values in each way."""
    races: list[Race] = []
    notes: list[str] = []
    seconds: dict[str, dict[str, list[float]]] = {}
    for n_sounds in SIZES_SHORT if short else SIZES:
        of_size = time_ways(n_sounds)
        sound_s = lfo4().note.n_samples(SAMPLE_RATE) / SAMPLE_RATE
        ours, one, engine = (np.array(each) for each in of_size.values())
        real = np.full(N_ROUNDS, n_sounds * sound_s)
        case = f"{n_sounds:,} sounds of {sound_s:.1f} s"
        limit_s = engine / n_cores()
        limit = n_sounds / float(np.median(limit_s))
        races += [
            race_of(case, peer, ours, theirs, n_sounds, "sounds/s", limit)
            for peer, theirs in (
                ("real time", real),
                ("one process", one),
                ("engine alone, nothing written", engine),
            )
        ]
        notes.append(
            f"{case}: tm-generate reaches {float(np.median(limit_s / ours)):.0%} of the limit, the"
            " engine alone on every core"
        )
        seconds[case] = of_size
    return Result(races, {"processes": n_cores(), "seconds": seconds}, notes)


def time_ways(n_sounds: int) -> dict[str, list[float]]:
    """Return the seconds of each way, a figure a round: ours, one process, the engine alone."""
    patch = lfo4()

    def engine_alone() -> None:
        engine = open_engine(patch)
        for values in sample_parameters(GenerateSettings(n_sounds), len(patch.parameters)):
            engine.render(values.tolist(), patch.note)

    def in_processes(n_workers: int | None) -> Callable[[], None]:
        def run() -> None:
            with tempfile.TemporaryDirectory() as folder:
                render(Path(folder) / "data", n_sounds, n_workers=n_workers)

        return run

    ways = {"ours": in_processes(None), "one process": in_processes(1), "engine": engine_alone}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(N_ROUNDS):
        for name, way in ways.items():
            settle()
            start = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - start)
    return seconds


if __name__ == "__main__":
    run_alone(measure, __doc__)

"""How do the models that come with the instruments sound, and how long does it take to say so?

    python benchmarks/bench_report.py

Every shipped model is rendered again on its instrument, as tm-report does; the table has a row a
model. Then the search for the nearest of many sounds runs beside SciPy's cdist, which compares
every pair, on the same spectrograms.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from race import Race, race_of
from results import lines_of
from scipy.spatial.distance import cdist
from sound_data import lfo4

from timbremap_jax.data.engines import open_engine
from timbremap_jax.data.features.mel import FeatureSettings, MelSpectrogram
from timbremap_jax.data.render.sampling import GenerateSettings, sample_parameters
from timbremap_jax.report.card import make_report
from timbremap_jax.report.measures import floor_below, log_mel, nearest
from timbremap_jax.report.settings import ReportSettings

ROOT = Path(__file__).parents[1]
N_SOUNDS = 600
N_ROUNDS = 3

HEADS = (
    "model", "preset", "middle", "any other", "coverage", "library", "steps vary by", "x, y, z",
    "dead", "detours", "proportion", "sounds", "s",
)  # fmt: skip


def main() -> None:
    """Print the table of all shipped models, and the race."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of the sounds")
    args = parser.parse_args()
    os.chdir(ROOT)  # models name their instruments from here
    settings = ReportSettings().quick() if args.quick else ReportSettings()
    print("|", " | ".join(HEADS), "|")
    print("|", " | ".join(["---", *("---:" for _ in HEADS[1:])]), "|")
    for model in sorted(file.parent for file in Path("patches").glob("**/models/*/config.json")):
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            report = make_report(model, settings, output=Path(folder))
        print("|", " | ".join(row(report, time.perf_counter() - start)), "|", flush=True)
    for line in lines_of([search(N_SOUNDS // 10 if args.quick else N_SOUNDS)]):
        print(line)


def row(report: dict[str, Any], seconds: float) -> list[str]:
    """Write the row of a model."""
    figures = report["figures"]
    names = ("preset", "middle", "random_pair", "coverage", "library")
    steps = figures["steps"]
    return [
        report["name"],
        *(f"{figures[name]['mean']:.2f}" for name in names),
        f"{steps['evenness']:.2f}",
        ", ".join(f"{axis['evenness']:.2f}" for axis in steps["axes"]),
        f"{steps['dead']:.1%}",
        f"{figures['nonlinearity']:.2f}",
        f"{figures['proportion']:.2f}",
        f"{report['n_rendered']}",
        f"{seconds:.0f}",
    ]


def search(n_sounds: int) -> Race:
    """Race the search for the nearest sound against comparing all pairs."""
    patch = lfo4()
    engine, transform = open_engine(patch), MelSpectrogram(FeatureSettings())
    presets = sample_parameters(GenerateSettings(2 * n_sounds), len(patch.parameters))
    power = np.array([transform(engine.render(row.tolist(), patch.note)) for row in presets])
    sounds = log_mel(power, floor_below(power))
    seconds: dict[str, list[float]] = {"ours": [], "SciPy": []}
    for _ in range(N_ROUNDS):
        start = time.perf_counter()
        ours, _ = nearest(sounds[:n_sounds], sounds[n_sounds:])
        middle = time.perf_counter()
        flat = sounds.reshape(2 * n_sounds, -1)
        theirs = cdist(flat[:n_sounds], flat[n_sounds:], "cityblock").min(axis=1) / flat.shape[1]
        seconds["ours"].append(middle - start)
        seconds["SciPy"].append(time.perf_counter() - middle)
        assert np.allclose(ours, theirs, rtol=1e-4)
    case = f"nearest of {n_sounds} sounds to each of {n_sounds}"
    ours, theirs = (np.array(each) for each in seconds.values())
    return race_of(case, "SciPy cdist", ours, theirs, n_sounds, "sounds/s")


if __name__ == "__main__":
    main()

"""From an instrument to a map that can be played: how long for 10,000 sounds, stage by stage?

    pip install torch
    python benchmarks/bench_whole_way.py

Ours are the commands as they are typed, each in a process of its own, with all that a user waits
for: start-up, compilation, checks, files. Beside them the way of the original system:

- rendering in real time, which is what playing each sound into a sound card takes, and is computed
  from their number and length;
- librosa, clip by clip, on a sample of the sounds, scaled to all of them;
- its LSTM and batches of 32 in PyTorch, on a sample of steps, scaled to as many epochs: only the
  steps, without start-up or reading.

The default recipe trains a proxy of the synth first, and takes batches of 16. Beside it stands a
run by the original's recipe, which does what theirs does.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jax
import numpy as np
from bench_features import original
from bench_training import (
    BATCH_SIZE,
    LATENT_SIZE,
    N_FRAMES,
    N_MELS,
    N_PARAMETERS,
    STEPS_A_ROUND,
    in_torch,
)
from flax import nnx
from race import Race, alternate
from results import Result, run_alone
from sound_data import PATCH, lfo4, settle

from timbremap_jax.data.patch import SAMPLE_RATE
from timbremap_jax.data.workers import n_cores
from timbremap_jax.model.build import TimbreModel

N_SOUNDS, N_SOUNDS_SHORT = 10_000, 200
N_CLIPS, N_CLIPS_SHORT = 400, 20
EPOCHS, EPOCHS_SHORT = 10, 2
N_ROUNDS, N_ROUNDS_SHORT = 5, 1


def measure(short: bool) -> Result:
    """Go the whole way in both manners."""
    n_sounds = N_SOUNDS_SHORT if short else N_SOUNDS
    epochs = EPOCHS_SHORT if short else EPOCHS
    train = ["train", "--epochs", str(epochs), "data"]
    stages = {
        "render": ["generate", str(PATCH), "data", "--variant", "fm", "--examples", str(n_sounds)],
        "features": ["features", "data"],
        f"train, {epochs} epochs": [*train, "model"],
    }
    same = {
        f"train, {epochs} epochs, recipe of the original": [*train, "same", "--recipe", "original"]
    }
    with tempfile.TemporaryDirectory() as folder:
        ours = [run(Path(folder), *words) for words in (stages | same).values()]
        original(Path(folder) / "data", 10)  # librosa compiles on first use
        n_clips = N_CLIPS_SHORT if short else N_CLIPS
        features_s = n_sounds * original(Path(folder) / "data", n_clips)
    real_s = n_sounds * lfo4().note.n_samples(SAMPLE_RATE) / SAMPLE_RATE
    theirs = [("real time", real_s), ("librosa, clip by clip", features_s)]
    result = Result([], {"sounds": n_sounds, "epochs": epochs})
    step_s = pytorch_step_s(N_ROUNDS_SHORT if short else N_ROUNDS)
    if step_s is None:
        result.notes.append("training: PyTorch does not take part: torch is not installed")
    else:
        n_steps = epochs * (n_sounds * 9 // 10 // BATCH_SIZE)
        theirs.append(("PyTorch", n_steps * step_s))
    both = [*theirs, *theirs[2:]]  # the same steps beside both recipes
    for stage, ours_s, (peer, theirs_s) in zip(stages | same, ours, both, strict=False):
        result.races.append(race(f"{n_sounds:,} sounds: {stage}", peer, ours_s, theirs_s))
    if step_s is not None:
        total = sum(seconds for _, seconds in theirs)
        result.races.append(
            race(f"{n_sounds:,} sounds: the whole way", "the three of them", sum(ours[:3]), total)
        )
    return result


def race(case: str, peer: str, ours_s: float, theirs_s: float) -> Race:
    """Compare two times."""
    return Race(case, peer, theirs_s / ours_s, ours_s, theirs_s, "s")


def run(folder: Path, module: str, *words: str) -> float:
    """Run a command in ``folder``; return how many seconds it took."""
    code = f"from timbremap_cli.{module} import main; raise SystemExit(main())"
    settle()
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code, *words], cwd=folder, check=True)
    return time.perf_counter() - start


def pytorch_step_s(n_rounds: int) -> float | None:
    """Seconds of a step, with as many threads as suit it best; None where there is no PyTorch."""
    try:
        import torch  # pyright: ignore[reportMissingImports]
    except ImportError:
        return None
    jax.config.update("jax_platforms", "cpu")
    generator = np.random.default_rng(0)
    x = generator.normal(size=(BATCH_SIZE, N_MELS, N_FRAMES)).astype(np.float32)
    labels = generator.uniform(0, 127, (BATCH_SIZE, N_PARAMETERS)).astype(np.float32)
    shape, sizes = (N_MELS, N_FRAMES), {"latent_size": LATENT_SIZE, "n_parameters": N_PARAMETERS}
    model = TimbreModel("lstm", shape, **sizes, generative=True, rngs=nnx.Rngs(0))
    steps = in_torch(torch, model, x, labels)
    fastest = np.inf
    for n_threads in {1, n_cores()}:
        torch.set_num_threads(n_threads)
        calls = {"steps": lambda: steps(STEPS_A_ROUND)}
        alternate(calls, 1)
        fastest = min(fastest, float(np.median(alternate(calls, n_rounds)["steps"])))
    return fastest / STEPS_A_ROUND


if __name__ == "__main__":
    run_alone(measure, __doc__)

"""How fast are WAVs turned into features, beside the original recipe?

The original reads each WAV in double precision and calls librosa, one clip after the other, then
puts all into one array and saves it. Both run in turn over the same sounds, reading and writing
included, and the ratio is taken round by round, so that it holds when the machine's speed drifts.
Ours is all that the command does: starting its processes, finding the rows, checking every sound.

    python benchmarks/bench_features.py [--sounds 20000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from timbremap_jax.data.features import compute_features
from timbremap_jax.data.generate import GenerateSettings, generate
from timbremap_jax.data.patch import load_patch
from timbremap_jax.data.sounds import wav_path
from timbremap_jax.data.workers import default_workers

PATCH = Path(__file__).parents[1] / "patches" / "subtractive" / "lfo4"
N_ORIGINAL = 400  # clips of the original recipe a round: it is slow, and steady


def settle() -> None:
    """Let the system write to disk what was left in memory, so that nobody pays for the other."""
    if hasattr(os, "sync"):
        os.sync()


def original(data_dir: Path, n_sounds: int) -> float:
    """Seconds a clip of the original recipe."""
    import librosa  # not above: our processes read this file again when they start

    settle()
    start = time.perf_counter()
    images: list[np.ndarray] = []
    for row in range(n_sounds):
        samples, rate = soundfile.read(wav_path(data_dir, row))
        images.append(
            librosa.feature.melspectrogram(y=samples, sr=rate, n_fft=2048, hop_length=128, power=2)
        )
    width = int(np.median([image.shape[1] for image in images]))
    features = np.zeros((n_sounds, images[0].shape[0], width))
    for feature, image in zip(features, images, strict=True):
        feature[:, : image.shape[1]] = image[:, :width]
    np.save(data_dir / "original.npy", features)
    return (time.perf_counter() - start) / n_sounds


def ours(data_dir: Path, n_sounds: int) -> float:
    """Seconds a clip of compute_features, from nothing."""
    for file in data_dir.glob("features*"):
        file.unlink()
    settle()
    start = time.perf_counter()
    compute_features(data_dir)
    return (time.perf_counter() - start) / n_sounds


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--sounds", type=int, default=20_000)
    arguments.add_argument("--rounds", type=int, default=3)
    args = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder) / "data"
        generate(load_patch(PATCH, "fm"), data_dir, GenerateSettings(args.sounds))
        original(data_dir, 20)  # librosa compiles on first use
        rounds = [
            (original(data_dir, min(N_ORIGINAL, args.sounds)), ours(data_dir, args.sounds))
            for _ in range(args.rounds)
        ]
    ratios = [slow / fast for slow, fast in rounds]
    times = np.median(rounds, axis=0)
    print(f"{args.sounds} clips of 0.3 s, {default_workers()} processors, {args.rounds} rounds")
    print(f"original recipe (librosa, clip by clip)   1.0 x   {1 / times[0]:7.0f} clips/s")
    print(
        f"tm-features                              {statistics.median(ratios):4.1f} x"
        f"   {1 / times[1]:7.0f} clips/s   (rounds: {', '.join(f'{r:.1f}' for r in ratios)})"
    )


if __name__ == "__main__":
    main()

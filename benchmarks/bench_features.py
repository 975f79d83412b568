"""How fast are WAVs turned into features, beside the original recipe?

    python benchmarks/bench_features.py

The original reads each WAV in double precision and calls librosa, one clip after the other, then
puts all into one array and saves it. Both run in turn over the same sounds, reading and writing
included, and the ratio is taken round by round, so that it holds when the machine's speed drifts.
Ours is all that the command does: starting its processes, finding the rows, checking every sound.
With more sounds the start counts for less, and the multiple grows.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
from race import race_of
from results import Result, run_alone
from sound_data import render, settle

from timbremap_jax.data.features.compute import compute_features
from timbremap_jax.data.folder import DataFolder
from timbremap_jax.data.workers import n_cores

N_SOUNDS, N_SOUNDS_SHORT = 3_000, 400
N_ORIGINAL = 400  # clips of the original recipe a round: it is slow, and steady
N_ROUNDS = 3


def measure(short: bool) -> Result:
    """Run both over rendered sounds."""
    n_sounds = N_SOUNDS_SHORT if short else N_SOUNDS
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder) / "data"
        render(data_dir, n_sounds)
        original(data_dir, 20)  # librosa compiles on first use
        rounds = np.array(
            [
                (ours(data_dir, n_sounds), original(data_dir, min(N_ORIGINAL, n_sounds)))
                for _ in range(N_ROUNDS)
            ]
        ).T
    peer = "librosa, clip by clip (the original recipe)"
    race = race_of(f"{n_sounds} sounds of 0.3 s", peer, rounds[0], rounds[1], 1.0, "sounds/s")
    return Result([race], {"processes": n_cores(), "seconds a sound": rounds.tolist()})


def original(data_dir: Path, n_sounds: int) -> float:
    """Seconds a clip of the original recipe."""
    import librosa  # not above: our processes read this file again when they start

    settle()
    start = time.perf_counter()
    images: list[np.ndarray] = []
    for row in range(n_sounds):
        samples, rate = soundfile.read(DataFolder(data_dir).wav(row))
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


if __name__ == "__main__":
    run_alone(measure, __doc__)

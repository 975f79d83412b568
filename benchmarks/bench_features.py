"""How fast are WAVs turned into features, beside the original recipe?

    python benchmarks/bench_features.py

The original reads each WAV in double precision and calls librosa, one clip after the other, then
puts all into one array and saves it. Both run in turn over the same sounds, reading and writing
included, and the ratio is taken round by round, so that it holds when the machine's speed drifts.
Ours is all that the command does: starting its processes, finding the rows, checking every sound.
With more sounds the start counts for less, and the multiple grows.

The limit is that of the files: every WAV read as bytes, one after the other, and as many bytes
written as there are features.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
from race import Race, race_of
from results import Result, run_alone
from sound_data import render, settle

from timbremap_jax.data.features.compute import compute_features
from timbremap_jax.data.folder import DataFolder
from timbremap_jax.data.workers import n_cores

N_RENDERED, N_RENDERED_SHORT = 3_000, 400
CASES = ((1_000, "PCM_16"), (3_000, "PCM_16"), (3_000, "PCM_24"), (20_000, "PCM_16"))
CASES_SHORT = ((400, "PCM_16"), (400, "PCM_24"))
N_ORIGINAL = 400  # clips of the original recipe a round: it is slow, and steady
N_ROUNDS = 3


def measure(short: bool) -> Result:
    """Run both over rendered sounds."""
    peer = "librosa, clip by clip (the original recipe)"
    races: list[Race] = []
    seconds: dict[str, list[list[float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        rendered = Path(folder) / "rendered"
        render(rendered, N_RENDERED_SHORT if short else N_RENDERED)
        original(rendered, 20)  # librosa compiles on first use
        for n_sounds, subtype in CASES_SHORT if short else CASES:
            case = f"{n_sounds} sounds of 0.3 s, {subtype[4:]} bit"
            data_dir = Path(folder) / f"{n_sounds}_{subtype}"
            copy_as(rendered, data_dir, n_sounds, subtype)
            rounds = np.array(
                [
                    (ours(data_dir, n_sounds), original(data_dir, min(N_ORIGINAL, n_sounds)))
                    for _ in range(N_ROUNDS)
                ]
            ).T
            limit = n_sounds / files_s(data_dir, n_sounds)
            races.append(race_of(case, peer, rounds[0], rounds[1], 1.0, "sounds/s", limit))
            seconds[case] = rounds.tolist()
            (data_dir / "features.npy").unlink()  # a gigabyte
    return Result(races, {"processes": n_cores(), "seconds a sound": seconds})


def copy_as(rendered: Path, data_dir: Path, n_sounds: int, subtype: str) -> None:
    """Make a data folder of ``n_sounds`` WAVs of another format; more than there are repeat."""
    source, target = DataFolder(rendered), DataFolder(data_dir)
    target.wavs.mkdir(parents=True)
    lines = source.labels_csv.read_text(encoding="utf-8").splitlines()
    repeated = [lines[row % len(lines)] for row in range(n_sounds)]
    target.labels_csv.write_text("\n".join(repeated) + "\n", encoding="utf-8")
    for row in range(n_sounds):
        if row < len(lines):
            samples, rate = soundfile.read(source.wav(row))
            soundfile.write(target.wav(row), samples, rate, subtype)
        else:
            shutil.copyfile(target.wav(row % len(lines)), target.wav(row))


def files_s(data_dir: Path, n_sounds: int) -> float:
    """Seconds that the files take alone, those that are read and the one that is written."""
    folder = DataFolder(data_dir)
    file = data_dir / "alone.npy"
    block = bytes(2**20)
    n_blocks = (data_dir / "features.npy").stat().st_size // len(block)
    settle()
    start = time.perf_counter()
    for row in range(n_sounds):
        folder.wav(row).read_bytes()
    with file.open("wb") as written:
        for _ in range(n_blocks):
            written.write(block)
    seconds = time.perf_counter() - start
    file.unlink()
    return seconds


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

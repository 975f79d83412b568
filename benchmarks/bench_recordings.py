"""How far off is what a model says of a recording, where the sound it was made from is known?

    python benchmarks/bench_recordings.py data/am models/am

Every test sound of the data set is turned into what people really bring (an MP3, another sample
rate, a quieter take, the noise of a room), written to a file, and encoded as tm-encode does. The
figures are the mean distance of the answers from the true parameters, 0 to 127, averaged over the
parameters: of the recording as it is, and brought back to what the training sounds are like, as
tm-encode does. Last comes the share of the recordings of which it has something to note.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from timbremap_jax.data.audio.recordings import read_recording
from timbremap_jax.data.audio.sounds import read_wav
from timbremap_jax.data.dataset import load_dataset
from timbremap_jax.data.features.index import rows_of_features
from timbremap_jax.data.features.mel import spectrograms
from timbremap_jax.data.folder import DataFolder
from timbremap_jax.model.inference import BATCH_SIZE
from timbremap_jax.model_folder.read import OpenModel, open_model

Sound = NDArray[np.float32]

N_SOUNDS = 200
ROOM_DBFS = -60.0
"""Level of the noise of a quiet room, as a root mean square."""

HIGHEST_KBPS, LOWEST_KBPS = 320, 32
"""Of MP3 at 44.1 kHz: libsndfile counts from the one to the other."""


def mp3(kbps: int) -> Callable[[Path, Sound, int], Path]:
    """Write an MP3 of a constant bit rate."""

    def write(folder: Path, samples: Sound, rate: int) -> Path:
        level = (HIGHEST_KBPS - kbps) / (HIGHEST_KBPS - LOWEST_KBPS)
        with soundfile.SoundFile(
            folder / "x.mp3",
            "w",
            rate,
            1,
            compression_level=level,
            bitrate_mode="CONSTANT",
        ) as file:
            file.write(samples)
        return folder / "x.mp3"

    return write


def wav(change: Callable[[Sound, int], tuple[Sound, int]]) -> Callable[[Path, Sound, int], Path]:
    """Write a 16-bit WAV of a changed sound."""

    def write(folder: Path, samples: Sound, rate: int) -> Path:
        soundfile.write(folder / "x.wav", *change(samples, rate), "PCM_16")
        return folder / "x.wav"

    return write


def ogg(folder: Path, samples: Sound, rate: int) -> Path:
    """Write Ogg Vorbis of libsndfile's default quality."""
    soundfile.write(folder / "x.ogg", samples, rate)
    return folder / "x.ogg"


def at_rate(new_rate: int) -> Callable[[Path, Sound, int], Path]:
    """Write a WAV of another sample rate."""
    return wav(lambda samples, rate: (np.asarray(soxr.resample(samples, rate, new_rate)), new_rate))


def louder(db: float) -> Callable[[Path, Sound, int], Path]:
    """Write a WAV of another level."""
    return wav(lambda samples, rate: (samples * 10.0 ** (db / 20.0), rate))


def in_a_room(samples: Sound, rate: int) -> tuple[Sound, int]:
    """Add noise that falls with frequency, as that of a room does (1 / f)."""
    generator = np.random.default_rng(len(samples))
    spectrum = np.fft.rfft(generator.normal(size=len(samples)))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    noise = np.fft.irfft(spectrum, len(samples))
    noise *= 10.0 ** (ROOM_DBFS / 20.0) / noise.std()
    return (samples + noise).astype(np.float32), rate


RECORDINGS: dict[str, Callable[[Path, Sound, int], Path]] = {
    "WAV, 16 bit": wav(lambda samples, rate: (samples, rate)),
    "MP3, 192 kbit/s": mp3(192),
    "MP3, 128 kbit/s": mp3(128),
    "MP3, 64 kbit/s": mp3(64),
    "Ogg Vorbis": ogg,
    "48 kHz": at_rate(48_000),
    "22.05 kHz": at_rate(22_050),
    "16 kHz": at_rate(16_000),
    "8 kHz": at_rate(8_000),
    "6 dB quieter": louder(-6.0),
    "12 dB quieter": louder(-12.0),
    "a quiet room's noise": wav(in_a_room),
}


class Measured(NamedTuple):
    """Mean absolute errors of recordings as they are and restored, and the share with a note."""

    as_it_is: float
    restored: float
    noted: float


def measure(data_dir: Path, model_dir: Path, n_sounds: int) -> dict[str, Measured]:
    """Encode every kind of recording of some test sounds."""
    dataset = load_dataset(data_dir)
    folder = DataFolder(data_dir)
    test = dataset.test_rows[:n_sounds]
    rows = rows_of_features(folder, len(dataset))
    assert rows is not None, "run tm-features first"
    model = open_model(model_dir)
    settings = model.features
    assert settings is not None
    n_frames = model.input_shape[1]
    said: dict[str, Measured] = {}
    with tempfile.TemporaryDirectory() as temporary:
        for name, write in RECORDINGS.items():
            heard: list[Sound] = []
            for row in rows[test]:
                samples = read_wav(folder.wav(int(row)), settings.sample_rate)
                file = write(Path(temporary), samples, settings.sample_rate)
                recording = read_recording(file, settings.sample_rate, settings.n_samples(n_frames))
                heard.append(recording.samples)
            power = spectrograms(heard, settings, n_frames)
            restored, notes = model.restore(power)
            said[name] = Measured(
                *(error_of(model, each, dataset.labels[test]) for each in (power, restored)),
                noted=np.mean([bool(each) for each in notes]).item(),
            )
    return said


def error_of(model: OpenModel, power: Sound, labels: Sound) -> float:
    """Mean distance of a model's answers from the true parameters."""
    parts = np.array_split(power, -(-len(power) // BATCH_SIZE))
    answers = np.concatenate([model.encode(part).parameters for part in parts])
    return float(np.abs(answers - labels).mean())


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("model_dirs", type=Path, nargs="+", metavar="model_dir")
    parser.add_argument("--sounds", type=int, default=N_SOUNDS)
    args = parser.parse_args()
    for model_dir in args.model_dirs:
        print(f"{model_dir}\n")
        print("| recording | as it is | restored | noted |\n| --- | ---: | ---: | ---: |")
        for name, each in measure(args.data_dir, model_dir, args.sounds).items():
            print(f"| {name} | {each.as_it_is:.1f} | {each.restored:.1f} | {each.noted:.0%} |")


if __name__ == "__main__":
    main()

"""Sounds to mel power spectrograms, one array for the whole data set.

``features.npy`` is N x F x T float32 (sounds, mel bands, frames); ``labels.npy`` is N x n, row by
row with it; ``features.json`` holds the settings. The numbers are those of
``librosa.feature.melspectrogram`` with centred, zero-padded frames and a Hann window.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from timbremap_jax.data.files import save_array, save_json
from timbremap_jax.data.sounds import read_wav, row_of, wav_path
from timbremap_runtime.errors import FolderError, FormatError, MissingExtra

Progress = Callable[[Iterable[Any], int], Iterable[Any]]


@dataclass(frozen=True)
class FeatureSettings:
    """How a sound becomes a mel power spectrogram.

    Attributes
    ----------
    sample_rate : int
        Samples per second of the sounds.
    n_fft : int
        Samples in a frame.
    hop_length : int
        Samples from one frame to the next.
    n_mels : int
        Mel bands.
    """

    sample_rate: int = 44_100
    n_fft: int = 2048
    hop_length: int = 128
    n_mels: int = 128


class MelSpectrogram:
    """Computes mel power spectrograms with one setting.

    Parameters
    ----------
    settings : FeatureSettings
        The setting.
    """

    def __init__(self, settings: FeatureSettings):
        try:
            import librosa
        except ImportError:
            raise MissingExtra("librosa", "train") from None
        self.settings = settings
        self._mel_bank = librosa.filters.mel(
            sr=settings.sample_rate, n_fft=settings.n_fft, n_mels=settings.n_mels
        )
        self._window = librosa.filters.get_window("hann", settings.n_fft).astype(np.float32)

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the spectrogram of one sound.

        Parameters
        ----------
        samples : ndarray of float32, shape (n_samples,)
            Mono sound.

        Returns
        -------
        ndarray of float32, shape (n_mels, 1 + n_samples // hop_length)
        """
        n_fft = self.settings.n_fft
        padded = np.pad(samples, n_fft // 2)
        frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)
        spectrum: NDArray[np.complex64] = scipy.fft.rfft(  # pyright: ignore[reportAssignmentType]
            frames[:: self.settings.hop_length] * self._window
        )
        power = spectrum.real**2 + spectrum.imag**2  # (T, n_fft / 2 + 1)
        return self._mel_bank @ power.T


def compute_features(
    data_dir: str | Path,
    settings: FeatureSettings | None = None,
    *,
    progress: Progress = lambda items, _: items,
) -> tuple[int, int, int]:
    """Compute the features of every sound under ``data_dir/wavs``.

    Widths are padded with zeros, or cut, to the median of the data set.

    Parameters
    ----------
    data_dir : path
        A folder with ``labels.csv`` and ``wavs/ex_0.wav`` and so on.
    settings : FeatureSettings, optional
        The default when not given.
    progress : callable
        Wraps the iterable of rows, as ``tqdm`` does.

    Returns
    -------
    tuple of int
        Shape of the features: sounds, mel bands, frames.

    Raises
    ------
    FolderError
        There are no sounds or no labels.
    FormatError
        A sound cannot be read, or has another format than the settings say.
    """
    settings = settings or FeatureSettings()
    data_dir = Path(data_dir)
    rows = find_rows(data_dir)
    labels = read_labels(data_dir / "labels.csv")
    if rows[-1] >= len(labels):
        raise FormatError(
            f"{wav_path(data_dir, rows[-1])} has no row in {data_dir / 'labels.csv'},"
            f" which has {len(labels)}: remove the sound or restore the labels"
        )
    transform = MelSpectrogram(settings)
    spectrograms = [
        transform(read_wav(wav_path(data_dir, row), settings.sample_rate))
        for row in progress(rows, len(rows))
    ]
    width = int(np.median([s.shape[1] for s in spectrograms]))
    features = np.zeros((len(rows), settings.n_mels, width), np.float32)
    for feature, spectrogram in zip(features, spectrograms, strict=True):
        feature[:, : spectrogram.shape[1]] = spectrogram[:, :width]
    save_array(data_dir / "features.npy", features)
    save_array(data_dir / "labels.npy", labels[rows])
    save_json(data_dir / "features.json", asdict(settings))
    return features.shape


def load_feature_settings(data_dir: Path) -> FeatureSettings:
    """Read the settings that the features of ``data_dir`` were computed with."""
    return FeatureSettings(**json.loads((data_dir / "features.json").read_text(encoding="utf-8")))


def find_rows(data_dir: Path) -> list[int]:
    """Rows that have a sound, in order, by the names of the files."""
    found = (row_of(file) for file in (data_dir / "wavs").glob("ex_*.wav"))
    rows = sorted(row for row in found if row is not None)
    if not rows:
        raise FolderError(
            f"{data_dir / 'wavs'}: no sounds named ex_0.wav, ex_1.wav, ...:"
            " make them with tm-generate"
        )
    return rows


def read_labels(file: Path) -> NDArray[np.float32]:
    """Read parameter settings, one row a sound.

    Returns
    -------
    ndarray of float32, shape (n_sounds, n_parameters)
    """
    try:
        return np.loadtxt(file, np.float32, delimiter=",", ndmin=2)
    except FileNotFoundError:
        raise FolderError(f"{file}: no such file; tm-generate writes it") from None
    except ValueError as error:
        raise FormatError(f"{file}: not rows of numbers with commas: {error}") from None

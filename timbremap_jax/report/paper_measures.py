"""Distances of sounds as papers give them, beside our own, so that figures can be compared.

Each takes the samples of two sounds, shape (n_samples,), full scale 1.0, and gives one number. The
settings are those of Hayes, Saitis and Fazekas (ISMIR 2025, arXiv 2506.07199) as far as that paper
states them; what it leaves open is said in each docstring.
"""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from timbremap_runtime.errors import MissingExtra, ShapeError

MULTI_SCALE = ((10, 5, 32), (25, 10, 64), (100, 50, 128))
"""Milliseconds of the window, milliseconds to the next one, and mel bands."""

RANGE_DB = 80.0
"""What lies further below a sound's own peak counts as silence in `multi_scale_log_mel`."""

N_MFCC = 20

QUIET = 1e-9
"""Least sum of a spectrum's magnitudes, or length of an envelope, to divide by."""

Samples = NDArray[np.floating]


def validate(a: Samples, b: Samples) -> None:
    """Check that two sounds can be compared.

    Raises
    ------
    ShapeError
        They are not mono sounds of one length.
    """
    if a.ndim != 1 or a.shape != b.shape or not len(a):
        raise ShapeError(
            f"sounds have the shapes {a.shape} and {b.shape}; give two mono sounds of one length"
        )


def multi_scale_log_mel(a: Samples, b: Samples, sample_rate: int) -> float:
    """Mean difference of log-mel at three window lengths, in dB.

    Windows of 10, 25 and 100 ms with 32, 64 and 128 bands; each sound in dB under its own peak.
    """
    validate(a, b)
    means: list[float] = []
    for window_ms, hop_ms, n_mels in MULTI_SCALE:
        first, second = (_decibels(x, sample_rate, window_ms, hop_ms, n_mels) for x in (a, b))
        means.append(float(np.mean(np.abs(first - second))))
    return float(np.mean(means))


def envelope_cosine(a: Samples, b: Samples, sample_rate: int) -> float:
    """Cosine of the angle between the RMS envelopes, 0 to 1; 1 is the same course of loudness.

    Windows of 50 ms, 25 ms apart. Of a silent sound and any other it is 0, of two silent ones 1.
    """
    validate(a, b)
    first, second = (_envelope(x, sample_rate) for x in (a, b))
    lengths = float(np.linalg.norm(first)), float(np.linalg.norm(second))
    if max(lengths) < QUIET:
        return 1.0
    return float(first @ second) / max(lengths[0] * lengths[1], QUIET**2)


def mfcc_alignment(a: Samples, b: Samples, sample_rate: int) -> float:
    """Mean Euclidean distance of MFCCs along the cheapest alignment in time (DTW).

    20 coefficients of 128 bands, windows of 50 ms, 10 ms apart; the cost of the alignment is
    divided by its length, which the paper leaves open.
    """
    validate(a, b)
    librosa = _librosa()
    first, second = (
        librosa.feature.mfcc(S=_decibels(x, sample_rate, 50, 10, 128), n_mfcc=N_MFCC)
        for x in (a, b)
    )
    cost, path = librosa.sequence.dtw(first, second, metric="euclidean")
    return float(cost[-1, -1]) / len(path)


def spectral_transport(a: Samples, b: Samples, sample_rate: int) -> float:
    """Spectral optimal transport: how far energy must move in frequency, mean over frames.

    The Wasserstein distance of order 1 between the magnitude spectra of each frame, both scaled to
    sum 1, in units of half the sample rate: 0 is the same, 1 is from 0 Hz to the top. Windows of
    50 ms, 20 ms apart. Two silent frames are 0 apart; a silent one and any other count as half of
    the whole range.
    """
    validate(a, b)
    n_fft, hop = _samples(50, sample_rate), _samples(20, sample_rate)
    spectra = [_spectrum(x, n_fft, hop) for x in (a, b)]
    sums = [spectrum.sum(axis=0) for spectrum in spectra]
    shares = [
        np.cumsum(spectrum / np.maximum(total, QUIET), axis=0)
        for spectrum, total in zip(spectra, sums, strict=True)
    ]
    return float(np.mean(np.abs(shares[0] - shares[1])[:-1].sum(axis=0) / (len(shares[0]) - 1)))


MEASURES = {
    "multi_scale_log_mel": multi_scale_log_mel,
    "envelope_cosine": envelope_cosine,
    "mfcc_alignment": mfcc_alignment,
    "spectral_transport": spectral_transport,
}
"""All of them by name."""


def _decibels(x: Samples, sample_rate: int, window_ms: int, hop_ms: int, n_mels: int) -> Any:
    n_fft = _samples(window_ms, sample_rate)
    spectrum = _spectrum(x, n_fft, _samples(hop_ms, sample_rate))
    power = _bank(sample_rate, n_fft, n_mels) @ spectrum**2
    return _librosa().power_to_db(power, ref=np.max, top_db=RANGE_DB)


def _spectrum(x: Samples, n_fft: int, hop_length: int) -> Any:
    """Magnitudes of each frame; a sound shorter than a frame is padded with silence."""
    padded = np.pad(x, (0, max(n_fft - len(x), 0)))
    return np.abs(_librosa().stft(padded, n_fft=n_fft, hop_length=hop_length))


def _envelope(x: Samples, sample_rate: int) -> NDArray[np.float64]:
    length, hop = _samples(50, sample_rate), _samples(25, sample_rate)
    padded = np.pad(x.astype(np.float64), length // 2)
    windows = np.lib.stride_tricks.sliding_window_view(padded, length)[::hop]
    return np.sqrt(np.mean(windows**2, axis=1))


@lru_cache
def _bank(sample_rate: int, n_fft: int, n_mels: int) -> Any:
    with warnings.catch_warnings():
        # The lowest bands of short windows are narrower than what the FFT tells apart, and empty.
        warnings.simplefilter("ignore", UserWarning)
        bank = _librosa().filters.mel(sr=sample_rate, n_fft=n_fft, n_mels=n_mels)
    return csr_array(bank)  # it is mostly zeros


def _samples(milliseconds: int, sample_rate: int) -> int:
    return milliseconds * sample_rate // 1000


def _librosa() -> Any:
    try:
        import librosa
    except ImportError:
        raise MissingExtra("librosa", "train") from None
    return librosa

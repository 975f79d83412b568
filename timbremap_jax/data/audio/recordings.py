"""Recordings of any kind, brought to the form of the sounds that a model was trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from timbremap_jax.data.audio.sounds import find_fault
from timbremap_jax.data.features.mel import FeatureSettings, MelSpectrogram
from timbremap_runtime.errors import FormatError

ONSET_DB = 40.0
"""A sound begins where it comes within so many dB of its peak."""


def read_recording(path: Path, sample_rate: int, *, trim: bool = False) -> NDArray[np.float32]:
    """Read a sound of any format, sample rate and number of channels as mono.

    Parameters
    ----------
    path : Path
        What libsndfile reads: WAV, AIFF, FLAC, OGG, MP3 and more.
    sample_rate : int
        Of the result, in Hz.
    trim : bool
        Whether to drop what comes before the sound begins.

    Returns
    -------
    ndarray of float32, shape (n_samples,)

    Raises
    ------
    FormatError
        The file is not a sound, is silent or has samples that are no numbers.
    """
    if not path.is_file():
        raise FormatError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
    try:
        channels, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise FormatError(f"{path}: not a sound that can be read: {error.error_string}") from None
    samples = channels.mean(axis=1, dtype=np.float32)
    fault = find_fault(samples, clipping=False)
    if fault:
        raise FormatError(f"{path}: {fault}")
    if rate != sample_rate:
        import librosa

        samples = librosa.resample(samples, orig_sr=rate, target_sr=sample_rate)
    if trim:
        loud = np.abs(samples) > np.abs(samples).max() * 10.0 ** (-ONSET_DB / 20.0)
        samples = samples[int(loud.argmax()) :]
    return samples


def spectrograms(
    sounds: list[NDArray[np.float32]], settings: FeatureSettings, n_frames: int
) -> NDArray[np.float32]:
    """Compute mel power of sounds, cut or padded with zeros to ``n_frames``.

    Returns
    -------
    ndarray of float32, shape (len(sounds), n_mels, n_frames)
    """
    transform = MelSpectrogram(settings)
    power = np.zeros((len(sounds), settings.n_mels, n_frames), np.float32)
    for row, samples in zip(power, sounds, strict=True):
        spectrogram = transform(samples)[:, :n_frames]
        row[:, : spectrogram.shape[1]] = spectrogram
    return power

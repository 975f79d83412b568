"""Recordings of any kind, brought to the form of the sounds that a model was trained on.

Only what the model hears is read and resampled, so a recording may be hours long.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from timbremap_jax.data.audio.audio_file import AudioFile
from timbremap_jax.data.audio.sounds import SILENCE, find_fault
from timbremap_runtime.errors import FormatError, MissingExtra

ONSET_DB = 40.0
"""A sound begins where it comes within so many dB of its peak."""

QUIET_DB = 20.0
"""A channel that is so much quieter than the loudest carries spill, hum or noise, not the sound."""

CANCELLED = 0.25
"""Where the mean of the channels keeps less of their mean power than this (-6 dB), they cancel each
other. Channels that have nothing to do with each other keep a half."""

MARGIN_S = 0.05
"""Heard before and after what is kept, so that the resampler's filter has settled there."""


@dataclass(frozen=True)
class Recording:
    """A recording as a model hears it.

    Attributes
    ----------
    samples : ndarray of float32, shape (n_samples,)
        Mono, at the rate that was asked for.
    notes : tuple of str
        What was done to it that is not plain, and what is wrong with it.
    """

    samples: NDArray[np.float32]
    notes: tuple[str, ...]


def read_recording(
    path: Path, sample_rate: int, n_samples: int, *, trim: bool = False
) -> Recording:
    """Read the beginning of a sound of any format, sample rate and number of channels as mono.

    Parameters
    ----------
    path : Path
        What libsndfile reads: WAV, AIFF, AU, FLAC, Ogg, MP3 and more.
    sample_rate : int
        Of the result, in Hz.
    n_samples : int
        Samples of the result at most.
    trim : bool
        Whether to drop what comes before the sound begins. This reads the whole file, a block at a
        time.

    Raises
    ------
    PathError
        The file is missing or may not be read.
    FormatError
        It is not a sound, is silent, or has samples that are not numbers.
    """
    with AudioFile(path) as file:
        onset = _find_onset(file) if trim else 0
        margin = round(MARGIN_S * file.sample_rate)
        start = max(0, onset - margin)
        n_wanted = -(-n_samples * file.sample_rate // sample_rate)
        _skip(file, start)
        channels = file.read(onset - start + n_wanted + margin)
        # A sound that ends before the cut was heard whole.
        heard_it_all = len(channels) == onset - start + n_wanted + margin
        shortfall = None if heard_it_all else file.shortfall
        rate, lossy = file.sample_rate, file.lossy
    samples, note = mix_to_mono(channels)
    fault = find_fault(samples[onset - start :], clipping=False)
    if fault == "is silent" and not trim and heard_it_all:
        fault = f"is silent for its first {n_samples / sample_rate:.1f} s; add --trim"
    if fault:
        raise FormatError(f"{path}: {fault}")
    samples = _resample(samples, rate, sample_rate)
    first = round((onset - start) * sample_rate / rate)
    notes = [each for each in (shortfall, note) if each]
    if lossy:
        notes.append(f"is encoded as {lossy}, which leaves out quiet parts; the answer may be off")
    if rate < sample_rate:
        notes.append(
            f"is at {rate} Hz, so that all above {rate / 2000:g} kHz is missing; the answer may be"
            " off"
        )
    return Recording(samples[first : first + n_samples], tuple(notes))


def read_whole(path: Path, sample_rate: int) -> NDArray[np.float32]:
    """Read all of a sound as the mean of its channels, shape (n_samples,).

    Raises
    ------
    PathError
        The file is missing or may not be read.
    FormatError
        It is not a sound, is cut short, or has samples that are not numbers.
    """
    with AudioFile(path) as file:
        samples = file.read(file.n_samples).mean(axis=1, dtype=np.float32)
        if file.shortfall:
            raise FormatError(f"{path}: {file.shortfall}")
        rate = file.sample_rate
    fault = find_fault(samples, clipping=False)
    if fault:
        raise FormatError(f"{path}: {fault}")
    return _resample(samples, rate, sample_rate)


def mix_to_mono(channels: NDArray[np.float32]) -> tuple[NDArray[np.float32], str | None]:
    """Mix the channels that carry the sound.

    Parameters
    ----------
    channels : ndarray of float32, shape (n_samples, n_channels)
        The recording.

    Returns
    -------
    samples : ndarray of float32, shape (n_samples,)
        The mean of the channels that carry the sound, or the loudest of them where they cancel.
    note : str or None
        Which were taken, if not all.
    """
    n_channels = channels.shape[1]
    with np.errstate(over="ignore", invalid="ignore"):  # damage is for `find_fault` to tell
        squares = np.square(channels, dtype=np.float64)
        power = squares.sum(axis=0) / max(len(channels), 1)
        carrying = np.flatnonzero(power > power.max() * 10.0 ** (-QUIET_DB / 10.0))
        if n_channels == 1 or not len(carrying):
            return channels.mean(axis=1, dtype=np.float32), None
        mixed = channels[:, carrying].mean(axis=1, dtype=np.float32)
        if np.mean(mixed**2, dtype=np.float64) < CANCELLED * power[carrying].mean():
            loudest = int(np.argmax(power > 0.99 * power.max()))  # of two alike, the first
            return channels[:, loudest], (
                f"its channels cancel each other; channel {loudest + 1} was taken"
            )
    if len(carrying) == n_channels:
        return mixed, None
    numbers = " and ".join(str(at + 1) for at in carrying)
    one = len(carrying) == 1
    return mixed, (
        f"only channel{'' if one else 's'} {numbers} of {n_channels} carr{'ies' if one else 'y'}"
        f" the sound; the other{'s were' if n_channels - len(carrying) > 1 else ' was'} left out"
    )


def _find_onset(file: AudioFile) -> int:
    """Where any channel first comes within `ONSET_DB` of the peak; the file is rewound."""
    peak = 0.0
    for block in file.blocks():
        peak = max(peak, float(np.abs(block).max()))
    file.rewind()
    threshold = max(peak * 10.0 ** (-ONSET_DB / 20.0), SILENCE * 0.01)
    onset = 0
    for block in file.blocks():
        loud = np.abs(block).max(axis=1) > threshold
        if loud.any():
            onset += int(loud.argmax())
            break
        onset += len(block)
    file.rewind()
    return onset


def _skip(file: AudioFile, n_samples: int) -> None:
    while n_samples > 0:
        block = file.read(min(n_samples, file.sample_rate))
        if not len(block):
            return
        n_samples -= len(block)


def _resample(samples: NDArray[np.float32], rate: int, sample_rate: int) -> NDArray[np.float32]:
    if rate == sample_rate:
        return samples
    try:
        import soxr
    except ImportError:
        raise MissingExtra("soxr", "train") from None
    return np.asarray(soxr.resample(samples, rate, sample_rate), np.float32)

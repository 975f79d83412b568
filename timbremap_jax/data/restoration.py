"""Recordings, brought back to what a model's training sounds are like.

An encoder knows sounds as they were rendered: at a level that hardly changes, over silence, with
every band there. A recording comes at another level, in noise, and with bands that an MP3 or a low
sample rate has left out; the encoder takes each of these for a message. So the bands and the
moments in which a recording cannot be trusted are found by comparing it with the training sounds,
and filled in by what the rest of the sound says of them: the conditional mean of a normal
distribution over the bands of a frame. (B. Raj and R. M. Stern, "Missing-feature approaches in
speech recognition", IEEE Signal Processing Magazine 22 (5), 2005, calls this covariance-based
reconstruction.) A sound that is like the training sounds passes unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from timbremap_jax.data.dataset import LOG_FLOOR
from timbremap_jax.data.files import save_arrays
from timbremap_runtime.errors import FormatError

Array = NDArray[np.float64]

OWN_VARIANCE = 0.05
"""Of every band beside what it shares with the others: 0.2 nats, about 1 dB."""

BACKGROUND_SHARE = 0.05
"""Quantile over time of a band that is taken for its background."""

LEVEL_QUANTILES = (0.01, 0.5, 0.99)
"""Of the training sounds' levels: a few may be nearly silent."""

LEVEL_MARGIN = 0.2
"""Nats (0.9 dB) by which a level may lie outside of those."""

NOISE_MARGIN = 0.5
"""Nats (2 dB) by which a background may lie above that of all training sounds."""

NOISY_SHARE = 0.3
"""Share of the bands that must have too high a background to speak of noise."""

NOISE_SPREAD = 2.0
"""Nats above its background below which a bin of a noisy band is taken for noise."""

NOISE_MEAN = 0.3
"""Nats from a noise's background to its mean."""

PEAK_MARGIN = 0.5
"""Nats by which the highest level of a band may lie below that of all training sounds."""

MISFIT_MARGIN = 1.15
"""How much worse than in all training sounds a band may fit the others."""

MOST_BANDS = 0.5
"""Share of the bands that may misfit; with more, the recording is of something else."""

LEAST_POWER = 0.5
"""Share of the power of a sound that must be in what can be trusted."""

LEAST_DEVIATION = 0.1
"""In nats, to divide by: a band that is always silent stays near zero."""

STILL = 0.2
"""Deviation in nats below which a band says little; it is not trusted in a changed recording."""


@dataclass(frozen=True)
class TrainingSounds:
    """What a model's training sounds have in common, in nats of log-mel power.

    Attributes
    ----------
    mean : ndarray, shape (F,)
        Of every band.
    covariance : ndarray, shape (F, F)
        Of the bands of a frame.
    background : ndarray, shape (F,)
        The highest background of each band, its `BACKGROUND_SHARE` quantile over time.
    peak : ndarray, shape (F,)
        The lowest of each band's highest levels.
    misfit : ndarray, shape (F,)
        The greatest root mean square of each band's deviation from what the others say of it.
    level : ndarray, shape (3,)
        `LEVEL_QUANTILES` of the sounds' levels, the power of their loudest frames.
    """

    mean: Array
    covariance: Array
    background: Array
    peak: Array
    misfit: Array
    level: Array

    @property
    def deviation(self) -> Array:
        """Of every band over all frames, (F,)."""
        return np.sqrt(np.diag(self.covariance))

    def strangeness(self, power: NDArray[np.float32]) -> Array:
        """Return how far sounds are from the mean, in the bands' deviations, (N,) from (N, F, T).

        The root mean square over bands and frames: about 1 for sounds like these.
        """
        far = _log(power) - self.mean[:, None]
        return np.sqrt(
            np.mean((far / np.maximum(self.deviation, LEAST_DEVIATION)[:, None]) ** 2, axis=(1, 2))
        )

    def save(self, file: Path) -> None:
        """Write them to an npz file."""
        save_arrays(file, asdict(self))

    @classmethod
    def load(cls, file: Path) -> TrainingSounds | None:
        """Read what `save` wrote; None if there is no such file.

        Raises
        ------
        FormatError
            It is damaged.
        """
        try:
            with file.open("rb") as opened, np.load(opened) as arrays:
                return cls(**{name: arrays[name] for name in cls.__annotations__})
        except FileNotFoundError:
            return None
        except (ValueError, EOFError, KeyError, OSError, BadZipFile):
            raise FormatError(
                f"{file}: cannot be read; delete it, and recordings are encoded as they are"
            ) from None


def measure(read: Callable[[], Iterable[NDArray[np.float32]]]) -> TrainingSounds:
    """Find out what sounds have in common, in two passes over them.

    Parameters
    ----------
    read : callable
        Gives mel power of the sounds a batch at a time, (batch, F, T), the same at every call.
    """
    total = squares = np.zeros(1)
    count = 0
    backgrounds: list[Array] = []
    peaks: list[Array] = []
    levels: list[Array] = []
    for power in read():
        sounds = _log(power)
        frames = sounds.transpose(0, 2, 1).reshape(-1, sounds.shape[1])
        total = total + frames.sum(axis=0)
        squares = squares + frames.T @ frames
        count += len(frames)
        backgrounds.append(_backgrounds(sounds).max(axis=0))
        peaks.append(sounds.max(axis=2).min(axis=0))
        levels.append(_levels(sounds))
    mean = total / count
    covariance = squares / count - np.outer(mean, mean)
    covariance[np.diag_indices_from(covariance)] = np.maximum(np.diag(covariance), 0.0)
    residual = _residual(covariance, np.ones(len(mean), np.bool_))[0]
    misfits = [_misfit(residual, _log(power) - mean[:, None]).max(axis=0) for power in read()]
    return TrainingSounds(
        mean,
        covariance,
        background=np.max(backgrounds, axis=0),
        peak=np.min(peaks, axis=0),
        misfit=np.max(misfits, axis=0),
        level=np.quantile(np.concatenate(levels), LEVEL_QUANTILES),
    )


def restore(
    power: NDArray[np.float32], sounds: TrainingSounds
) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Bring a recording back to what the training sounds are like.

    Parameters
    ----------
    power : ndarray of float32, shape (F, T)
        Mel power of the recording.
    sounds : TrainingSounds
        What the training sounds have in common.

    Returns
    -------
    power : ndarray of float32, shape (F, T)
        The same array if there is nothing to restore, or too little to restore it from.
    notes : tuple of str
        What was done, a sentence each.
    """
    sound = _log(power)
    notes: list[str] = []

    level = _levels(sound[None])[0]
    lowest, middle, highest = sounds.level
    if not lowest - LEVEL_MARGIN <= level <= highest + LEVEL_MARGIN:
        sound = _log(power * np.exp(middle - level))
        beyond = 10.0 / np.log(10.0) * max(lowest - level, level - highest)
        how = f"is {beyond:.0f} dB {'softer' if level < lowest else 'louder'}"
        notes.append(
            f"{how} than the sounds that the model was trained on; encoded as if it were as loud"
            " as they are"
        )

    heard = np.exp(sound).sum()
    missing = np.zeros(sound.shape, np.bool_)
    background = _backgrounds(sound[None])[0]
    noisy = background > sounds.background + NOISE_MARGIN
    if noisy.mean() > NOISY_SHARE:
        missing = noisy[:, None] & (sound < background[:, None] + NOISE_SPREAD)
        noise = np.where(noisy, np.exp(background + NOISE_MEAN), 0.0)
        sound = np.log(np.maximum(np.exp(sound) - noise[:, None], LOG_FLOOR))
        notes.append(
            "has more noise behind it than the sounds that the model was trained on; removed as far"
            " as possible"
        )
    else:
        alien = _alien_bands(sound, sounds)
        if alien.any():
            missing[alien] = True
            notes.append(
                f"has lost or gained something in {alien.sum()} of {len(alien)} frequency bands;"
                " these were filled in from the others"
            )
    if not notes:
        return power, ()
    if np.exp(sound[~missing]).sum() < LEAST_POWER * heard:
        return power, ()
    missing[sounds.deviation < STILL] = True
    filled = _fill_in(sound, missing, sounds)
    return (np.exp(filled) - LOG_FLOOR).clip(min=0.0).astype(np.float32), tuple(notes)


def _log(power: NDArray[np.float32]) -> Array:
    return np.log(power.astype(np.float64) + LOG_FLOOR)


def _levels(sounds: Array) -> Array:
    """Level of each sound, (N,), from (N, F, T)."""
    return np.log(np.exp(sounds).sum(axis=1).max(axis=1))


def _backgrounds(sounds: Array) -> Array:
    """Background of each band of each sound, (N, F), from (N, F, T)."""
    return np.quantile(sounds, BACKGROUND_SHARE, axis=2)


def _regular(covariance: Array, bands: NDArray[np.bool_]) -> Array:
    return covariance[np.ix_(bands, bands)] + OWN_VARIANCE * np.eye(int(bands.sum()))


def _residual(covariance: Array, bands: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Return the matrix that gives how far each band is from what the rest say, and its deviation.

    With the inverse P of the covariance of the bands, the distance of band i from its conditional
    mean given the others is (P x)_i / P_ii, of variance 1 / P_ii.
    """
    inverse = np.linalg.inv(_regular(covariance, bands))
    variance = 1.0 / np.diag(inverse)
    return inverse * variance[:, None], np.sqrt(variance)


def _misfit(residual: Array, deviations: Array) -> Array:
    """Root mean square over the frames of each band's distance from what the rest say."""
    return np.sqrt(np.mean((residual @ deviations) ** 2, axis=-1))


def _alien_bands(sound: Array, sounds: TrainingSounds) -> NDArray[np.bool_]:
    """Bands that are silent, or do not fit the others, as in no training sound; the worst first."""
    deviations = sound - sounds.mean[:, None]
    alien = sound.max(axis=1) < sounds.peak - PEAK_MARGIN
    every_band = np.ones(len(sound), np.bool_)
    chance = _residual(sounds.covariance, every_band)[1]
    while alien.mean() < MOST_BANDS:
        rest = ~alien
        residual, chance_now = _residual(sounds.covariance, rest)
        # With fewer bands to tell it by, a band may lie as much further off as it would by chance.
        most = sounds.misfit[rest] * chance_now / chance[rest]
        excess = _misfit(residual, deviations[rest]) / most
        worst = int(np.argmax(excess))
        if excess[worst] < MISFIT_MARGIN:
            break
        alien[np.flatnonzero(rest)[worst]] = True
    return alien


def _fill_in(sound: Array, missing: NDArray[np.bool_], sounds: TrainingSounds) -> Array:
    """Replace what is missing of each frame by its conditional mean given the rest."""
    filled = sound.copy()
    patterns, which = np.unique(missing, axis=1, return_inverse=True)
    for i, gone in enumerate(patterns.T):
        if not gone.any():
            continue
        frames = np.flatnonzero(which.ravel() == i)
        known = ~gone
        weights = np.linalg.solve(
            _regular(sounds.covariance, known), sounds.covariance[np.ix_(known, gone)]
        )
        rest = sound[np.ix_(known, frames)] - sounds.mean[known, None]
        filled[np.ix_(gone, frames)] = sounds.mean[gone, None] + weights.T @ rest
    return np.maximum(filled, np.log(LOG_FLOOR))

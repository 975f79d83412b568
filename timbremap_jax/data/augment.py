"""Sounds as they come back from the world: at another level, in noise, without their highest bands.

Rendered sounds have bands in which nearly nothing happens, and a level that is always the same. An
encoder that has seen nothing else takes a trace of noise there, or a few dB, for a message. So a
part of the training sounds is changed as recordings are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

GAIN_DB = (-18.0, 6.0)
"""Level of a recording beside that of the rendered sound."""

NOISE_DB = (-95.0, -45.0)
"""Noise of a room or a converter, beside the sound's loudest band."""

HIGHEST_SLOPE_DB = 40.0
"""How much weaker noise may be in the highest band than in the lowest."""

LOWEST_CUT = 0.5
"""Share of the bands that every recording keeps: 8 kHz of sample rate leave 0.6 of them."""

GATE_DB = (-90.0, -50.0)
"""What is so far below the loudest band, an encoder such as MP3 leaves out."""

N_CORRELATED = 8
"""Frames that overlap so much that their noise is the same."""

GONE = 1e-9
"""What is left, as a share of the power, of what was cut."""


def as_recorded(
    power: NDArray[np.float32], share: float, generator: np.random.Generator
) -> NDArray[np.float32]:
    """Change a share of some sounds as recordings are changed.

    Parameters
    ----------
    power : ndarray of float32, shape (N, n_mels, n_frames)
        Mel power.
    share : float
        Probability of each sound to be changed, 0 to 1. The others stay as they were rendered.
    generator : Generator
        Source of what is changed, and how.

    Returns
    -------
    ndarray of float32 of the same shape
    """
    n_sounds, n_mels, n_frames = power.shape
    chosen = np.flatnonzero(generator.random(n_sounds) < share)
    n = len(chosen)
    if not n:
        return power
    bands = np.linspace(0.0, 1.0, n_mels)[:, None]
    sounds = power[chosen]
    loudest = sounds.max(axis=(1, 2), keepdims=True)

    # What a lossy encoder leaves out, and what lies above half of a lower sample rate.
    gate = loudest * _ratio(generator.uniform(*GATE_DB, (n, 1, 1)))
    cut = generator.uniform(LOWEST_CUT, 1.0, (n, 1, 1))
    gated, limited = (generator.random((n, 1, 1)) < 0.5 for _ in range(2))
    gone = (gated & (sounds < gate)) | (limited & (bands > cut))
    sounds = np.where(gone, sounds * np.float32(GONE), sounds)

    # Noise of any colour; a wide band averages over more of it.
    slope = -generator.uniform(0.0, HIGHEST_SLOPE_DB, (n, 1, 1)) * bands
    level = _ratio(generator.uniform(*NOISE_DB, (n, 1, 1)) + slope) * loudest
    shape = 1.0 + 9.0 * bands
    noise = generator.gamma(shape, 1.0 / shape, (n, n_mels, -(-n_frames // N_CORRELATED)))
    noise = np.repeat(noise, N_CORRELATED, axis=2)[:, :, :n_frames]
    gain = _ratio(generator.uniform(*GAIN_DB, (n, 1, 1)))

    changed = power.copy()
    changed[chosen] = gain * (sounds + level * noise)
    return changed


def _ratio(db: NDArray[np.float64]) -> NDArray[np.float64]:
    return 10.0 ** (db / 10.0)

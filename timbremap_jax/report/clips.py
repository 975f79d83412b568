"""Sounds for a page, as MP3 in data URIs: what every browser plays, Safari too."""

from __future__ import annotations

import base64
import io

import numpy as np
import soundfile
from numpy.typing import NDArray

from timbremap_jax.data.patch import SAMPLE_RATE

PEAK = 0.9
"""Loudest sample of all sounds of a page; they keep their loudness beside each other."""


def common_gain(sounds: list[NDArray[np.float32]]) -> float:
    """Return what brings the loudest of some sounds to `PEAK`."""
    loudest = max((float(np.abs(sound).max(initial=0.0)) for sound in sounds), default=0.0)
    return PEAK / loudest if loudest > 0.0 else 1.0


def sound_uri(samples: NDArray[np.float32]) -> str:
    """Return a mono sound as a data URI.

    MP3 where this libsndfile writes it (1.1 and newer), else 16-bit WAV.

    Parameters
    ----------
    samples : ndarray of float32, shape (n_samples,)
        Full scale is 1.0.
    """
    encoded = io.BytesIO()
    if "MP3" in soundfile.available_formats():
        soundfile.write(encoded, samples, SAMPLE_RATE, format="MP3")
        kind = "audio/mpeg"
    else:
        soundfile.write(encoded, samples, SAMPLE_RATE, format="WAV", subtype="PCM_16")
        kind = "audio/wav"
    return f"data:{kind};base64,{base64.b64encode(encoded.getbuffer()).decode()}"

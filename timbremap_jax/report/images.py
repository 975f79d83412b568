"""Spectrograms and maps for a page, as small PNGs in data URIs."""

from __future__ import annotations

import base64
import io

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image  # Matplotlib brings it

WIDEST = 480
"""Pixels of a spectrogram's width; longer sounds are gathered, the loudest of each few frames."""

RANGE_DB = 80.0

FASTEST = 4.0
"""Speed, in means, that has the last colour of a map; its inverse has the first."""


def image_uri(shares: NDArray[np.floating], colours: str) -> str:
    """Return values 0 to 1 as a picture, the first row at the bottom.

    Parameters
    ----------
    shares : ndarray, shape (height, width)
        0 to 1.
    colours : str
        Name of one of Matplotlib's colour maps.
    """
    indices = np.round(255 * np.clip(shares, 0.0, 1.0)).astype(np.uint8)
    picture = Image.fromarray(indices[::-1])
    picture.putpalette(
        (255 * matplotlib.colormaps[colours](np.arange(256))[:, :3]).astype(np.uint8).tobytes()
    )
    encoded = io.BytesIO()
    picture.save(encoded, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(encoded.getbuffer()).decode()}"


def spectrogram_uri(power: NDArray[np.floating], loudest: float) -> str:
    """Return mel power as a picture, low bands at the bottom, from ``loudest`` down to -80 dB.

    Parameters
    ----------
    power : ndarray, shape (n_mels, n_frames)
        Mel power.
    loudest : float
        Mel power of the last colour.
    """
    every = -(-power.shape[1] // WIDEST)
    gathered = np.maximum.reduceat(power, np.arange(0, power.shape[1], every), axis=1)
    decibels = 10.0 * np.log10(np.maximum(gathered / loudest, 10.0 ** (-RANGE_DB / 10.0)))
    return image_uri(1.0 + decibels / RANGE_DB, "magma")


def speeds_uri(speeds: NDArray[np.floating], mean: float) -> str:
    """Return a map of speeds as a picture: x to the right, y upwards.

    Parameters
    ----------
    speeds : ndarray, shape (n_x, n_y)
        Speeds in each cell.
    mean : float
        The speed that has the middle colour.
    """
    ratio = np.maximum(speeds.T / mean, 1e-6)
    return image_uri(0.5 + 0.5 * np.log(ratio) / np.log(FASTEST), "RdYlBu_r")

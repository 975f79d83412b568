"""The sounds of a model as dots of the pad: where each lies, and how it is made.

A model folder that ``tm-train`` wrote knows where the encoder heard every sound of its data set;
if the recordings are still there, each dot has one. A shipped model comes without its data. Then
the dots are random presets of the instrument, each where the map comes nearest to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from timbremap_jax.data.features.index import rows_of_features
from timbremap_jax.data.folder import DataFolder, find_data_folders
from timbremap_runtime.core.types import PARAMETER_MAX
from timbremap_runtime.errors import PathError, TimbreMapError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from timbremap_runtime.core.mapping import TimbreMap
    from timbremap_studio.models import Model

MOST = 10_000
"""Dots that a page is given; of more, so many evenly spaced ones."""

N_PRESETS = 2_000
N_NEIGHBOURS = 8
"""Over so many neighbours the speed of a sound is averaged."""

BANDS, FRAMES = 32, 26
"""What a mel spectrogram is averaged to before two are compared: a twentieth of the numbers."""

FLOOR = 1e-6
"""Of mel power: 60 dB under full scale."""

STEP = 1e-3
"""Of the pad, over which the speed of the parameters is taken."""


@dataclass(frozen=True)
class Dots:
    """Sounds as dots.

    Attributes
    ----------
    points : ndarray, shape (N, m)
        Where each lies on the pad, 0 to 1.
    parameters : ndarray, shape (N, n)
        How each is made, 0 to 127.
    speed : ndarray, shape (N,)
        How fast the sound changes there, in dB for the length of the pad; where there are no
        recordings, how fast the parameters do, in MIDI steps for the length of the pad.
    sounds : list of Path or None
        The recording of each; None if there are none.
    heard : bool
        Whether `speed` is that of the sound.
    """

    points: NDArray[np.float64]
    parameters: NDArray[np.float64]
    speed: NDArray[np.float64]
    sounds: list[Path] | None
    heard: bool

    def __len__(self) -> int:
        """Count the dots."""
        return len(self.points)

    def sound(self, dot: int) -> Path:
        """Return the recording of a dot.

        Raises
        ------
        PathError
            It has none, or a link leads from it out of the folder of the recordings.
        """
        if self.sounds is None or not 0 <= dot < len(self.sounds):
            raise PathError(f"dot {dot}: no recording; play it on the instrument")
        file = self.sounds[dot]
        if not file.is_file():
            raise PathError(f"{file}: no such file; render it again")
        if not file.resolve().is_relative_to(file.parent.resolve()):
            raise PathError(f"{file}: leads out of its folder; copy the sound into it")
        return file

    def packed(self) -> bytes:
        """Return points, parameters and speed of one dot after the other, as 32-bit floats."""
        columns = (self.points, self.parameters, self.speed[:, None])
        return np.hstack(columns).astype("<f4").tobytes()


def dots_of(model: Model) -> Dots:
    """Find the dots of a model."""
    mapping = model.named.mapping
    heard = _latent(model.folder, mapping)
    if heard is None:
        parameters = np.random.default_rng(0).uniform(
            0.0, PARAMETER_MAX, (N_PRESETS, mapping.parameter_size)
        )
        points = mapping.inverse(parameters)
        return Dots(points, parameters, _speed_of_parameters(mapping, points), None, False)
    points, parameters, rows = heard
    sources = _recordings(model, rows)
    if sources is None:
        return Dots(points, parameters, _speed_of_parameters(mapping, points), None, False)
    sounds, spectra = sources
    return Dots(points, parameters, speed_of_sound(points, spectra), sounds, True)


def speed_of_sound(
    points: NDArray[np.float64], spectra: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Take how fast sounds change, in dB for the length of the pad.

    Parameters
    ----------
    points : ndarray, shape (N, m)
        Where the sounds lie.
    spectra : ndarray, shape (N, k)
        The sounds, in dB.

    Returns
    -------
    ndarray, shape (N,)
        Mean over the nearest neighbours of the root mean square difference in dB, divided by the
        distance.
    """
    n_neighbours = min(N_NEIGHBOURS, len(points) - 1)
    if n_neighbours < 1:
        return np.zeros(len(points))
    speed = np.empty(len(points))
    squares = (points**2).sum(axis=1)
    for first in range(0, len(points), 500):
        part = slice(first, first + 500)
        apart = squares[part, None] + squares - 2.0 * points[part] @ points.T
        near = np.argpartition(apart, n_neighbours, axis=1)[:, : n_neighbours + 1]
        distance = np.sqrt(np.maximum(np.take_along_axis(apart, near, axis=1), 1e-8))
        change = np.sqrt(((spectra[part, None] - spectra[near]) ** 2).mean(axis=2))
        # The sound itself is among its neighbours: no change over no distance counts nothing.
        speed[part] = (change / distance).sum(axis=1) / n_neighbours
    return speed


def _latent(
    folder: Path, mapping: TimbreMap
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]] | None:
    """Read where the encoder heard the sounds of the data set; None if it is not on record."""
    try:
        turned = folder / "latent_pca.npy"
        z = np.load(turned if turned.exists() else folder / "latent.npy").astype(np.float64)
        labels = np.load(folder / "labels.npy").astype(np.float64)
        rows = np.load(folder / "latent_rows.npy").astype(np.int64)
    except (OSError, ValueError, EOFError):
        return None
    sizes = (mapping.control_size, mapping.parameter_size)
    if (z.shape[1:], labels.shape[1:]) != (sizes[:1], sizes[1:]) or not len(z):
        return None
    if not len(z) == len(labels) == len(rows):
        return None
    chosen = np.argsort(rows)[np.linspace(0, len(z) - 1, min(MOST, len(z))).astype(int)]
    return mapping.vec_scale.inverse(z[chosen]), labels[chosen], rows[chosen]


def _recordings(
    model: Model, rows: NDArray[np.int64]
) -> tuple[list[Path], NDArray[np.float32]] | None:
    """Find the recordings of rows of the data set, and read what they sound like."""
    if model.data_dir is None:
        return None
    files: list[Path] = []
    spectra: list[NDArray[np.float32]] = []
    try:
        for folder in find_data_folders(model.data_dir):
            features = np.load(folder.features, mmap_mode="r")
            mine = rows[(rows >= len(files)) & (rows < len(files) + len(features))] - len(files)
            spectra.append(_small(features, mine))
            files += [folder.wav(row) for row in _rows_of(folder, len(features))]
        return [files[row] for row in rows], np.concatenate(spectra)
    except (TimbreMapError, OSError, ValueError, IndexError):
        return None


def _rows_of(folder: DataFolder, n: int) -> list[int]:
    known = rows_of_features(folder, n)
    return list(range(n)) if known is None else known.tolist()


def _small(features: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Average spectrograms, (len(rows), BANDS x FRAMES) in dB."""
    bands = np.array_split(np.arange(features.shape[1]), min(BANDS, features.shape[1]))
    frames = np.array_split(np.arange(features.shape[2]), min(FRAMES, features.shape[2]))
    small = np.empty((len(rows), len(bands) * len(frames)), np.float32)
    for first in range(0, len(rows), 256):  # a memory map keeps what it has touched
        power = np.asarray(features[rows[first : first + 256]])
        power = np.add.reduceat(power, [band[0] for band in bands], axis=1)
        power = np.add.reduceat(power, [frame[0] for frame in frames], axis=2)
        share = np.outer([len(band) for band in bands], [len(frame) for frame in frames])
        small[first : first + 256] = (10.0 * np.log10(power / share + FLOOR)).reshape(
            len(power), -1
        )
    return small


def _speed_of_parameters(mapping: TimbreMap, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """How fast the parameters change at points, in MIDI steps for the length of the pad."""
    total = np.zeros(len(points))
    for axis in range(points.shape[1]):
        ahead, behind = points.copy(), points.copy()
        ahead[:, axis] = np.minimum(points[:, axis] + STEP, 1.0)
        behind[:, axis] = np.maximum(points[:, axis] - STEP, 0.0)
        change = mapping.forward(ahead) - mapping.forward(behind)
        length = ahead[:, axis] - behind[:, axis]
        total += (change**2).mean(axis=1) / length**2
    return np.sqrt(total / points.shape[1])

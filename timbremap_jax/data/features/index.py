"""What is known of the features in a data folder: how they were computed, and from which sounds."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from timbremap_jax.data.features.settings import FeatureSettings
from timbremap_jax.data.files import save_array
from timbremap_jax.data.folder import DataFolder
from timbremap_jax.data.workers import n_cores
from timbremap_runtime.errors import FormatError


class Computed(NamedTuple):
    """A sound that was turned into a spectrogram.

    Attributes
    ----------
    n_frames : int
        Its own width, whatever that of the features is.
    digest : int
        Of its file: see `digest_of`.
    """

    n_frames: int
    digest: int


class FeatureIndex:
    """Which sound each row of ``features.npy`` is, kept in ``features_index.npy``.

    Parameters
    ----------
    sounds : dict of int to Computed
        The sounds by their rows of the labels, in the order of the features.
    """

    def __init__(self, sounds: dict[int, Computed]):
        self.sounds = sounds
        self.position = {row: at for at, row in enumerate(sounds)}

    @classmethod
    def load(cls, folder: DataFolder, settings: FeatureSettings, width: int) -> FeatureIndex:
        """Read that of an earlier run; an empty one, if its features cannot be used again."""
        try:
            index = np.load(folder.feature_index)
            shape = np.load(folder.features, mmap_mode="r").shape
            if index.ndim == 2 and index.shape[1] == 4:
                index = _with_digests(folder, index)
            usable = (
                load_feature_settings(folder) == settings
                and index.shape == (shape[0], 3)
                and shape[1:] == (settings.n_mels, width)
                and folder.labels.exists()
            )
        except (OSError, ValueError, EOFError):
            return cls({})
        if not usable:
            return cls({})
        return cls({row: Computed(*rest) for row, *rest in index.tolist()})

    def save(self, folder: DataFolder) -> None:
        """Write it. From then on the features count as complete."""
        index = np.array([(row, *sound) for row, sound in self.sounds.items()], np.int64)
        save_array(folder.feature_index, index)

    def unchanged(self, folder: DataFolder, rows: list[int]) -> dict[int, Computed]:
        """Return those of ``rows`` whose files are to the byte what they were."""
        known = [row for row in rows if row in self.sounds]

        def digest(row: int) -> int | None:
            try:
                return digest_of(folder.wav(row).read_bytes())
            except OSError:
                return None

        with ThreadPoolExecutor(n_cores()) as pool:
            digests = pool.map(digest, known)
            return {
                row: self.sounds[row]
                for row, now in zip(known, digests, strict=True)
                if now == self.sounds[row].digest
            }


def _with_digests(folder: DataFolder, index: NDArray[np.int64]) -> NDArray[np.int64]:
    """Bring an index of version 0.1, row, size, time and width, to the form of today.

    A file of the same size and time is taken to be the same, as it was then.
    """
    rows: list[tuple[int, int, int]] = []
    for row, size, time_ns, n_frames in index.tolist():
        stat = folder.wav(row).stat()
        same = (stat.st_size, stat.st_mtime_ns) == (size, time_ns)
        # No file's digest but by chance, so that this row is computed again.
        digest = digest_of(folder.wav(row).read_bytes()) if same else 0
        rows.append((row, n_frames, digest))
    return np.array(rows, np.int64).reshape(-1, 3)


def digest_of(content: bytes) -> int:
    """Return 64 bits by which a file is known again, whatever its name, size or time."""
    return int.from_bytes(blake2b(content, digest_size=8).digest(), "little", signed=True)


def load_feature_settings(folder: DataFolder) -> FeatureSettings | None:
    """Read the settings that the features of a folder were computed with; None if unknown.

    Raises
    ------
    FormatError
        The settings do not read, or computing the features was interrupted.
    """
    file = folder.feature_settings
    if file.exists() and not folder.feature_index.exists():
        raise FormatError(
            f"{folder.path}: feature extraction was interrupted; run  tm-features {folder.path}"
        )
    try:
        return FeatureSettings(**json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        raise FormatError(
            f"{file}: not the settings of features; run  tm-features {folder.path}"
        ) from None


def rows_of_features(folder: DataFolder, n_rows: int) -> NDArray[np.int64] | None:
    """Return the row of the labels of each row of the features, (n_rows,); None if unknown."""
    try:
        index = np.load(folder.feature_index)
    except (OSError, ValueError, EOFError):
        return None
    fits = index.ndim == 2 and len(index) == n_rows and index.dtype == np.int64
    return index[:, 0] if fits else None

"""A data folder: which file lies where, and which row a sound belongs to.

::

    data/fm/
      generate.json         how the sounds were made (`timbremap_jax.data.manifest`)
      labels.csv            the parameters, a line a row (`timbremap_jax.data.labels`)
      notes.csv             pitch and velocity, a line a row, if the sounds play several notes
      wavs/ex_0.wav ...     the sounds: ex_17.wav is that of row 17, whatever else is missing
      features.npy          N x F x T float32: mel power of the sounds that could be used
      labels.npy            N x n float32: their parameters, row by row with the features
      features.json         how the features were computed
      features_index.npy    N x 3 int64: which sound each row of the features is
      partition.npy         the rows of the features in a random order, the first tenth for test

A data set is one such folder, or all of them under a folder.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from timbremap_runtime.errors import PathError


@dataclass(frozen=True)
class DataFolder:
    """Names the files of a data folder, whether they are there or not.

    Attributes
    ----------
    path : Path
        The folder.
    """

    path: Path

    @property
    def labels_csv(self) -> Path:
        """The parameters of every row, as text."""
        return self.path / "labels.csv"

    @property
    def notes_csv(self) -> Path:
        """Pitch and velocity of every row, where they differ."""
        return self.path / "notes.csv"

    @property
    def wavs(self) -> Path:
        """The folder of the sounds."""
        return self.path / "wavs"

    @property
    def features(self) -> Path:
        """The features of all usable sounds."""
        return self.path / "features.npy"

    @property
    def labels(self) -> Path:
        """The parameters of the rows of the features."""
        return self.path / "labels.npy"

    @property
    def feature_settings(self) -> Path:
        """How the features were computed."""
        return self.path / "features.json"

    @property
    def feature_index(self) -> Path:
        """Which sound each row of the features is."""
        return self.path / "features_index.npy"

    @property
    def partition(self) -> Path:
        """Which rows of the features are for training, and which for test."""
        return self.path / "partition.npy"

    def wav(self, row: int) -> Path:
        """Where the sound of ``row`` lies."""
        return self.wavs / f"ex_{row}.wav"

    def rows(self) -> list[int]:
        """Rows that have a sound, in order, by the names of the files.

        Raises
        ------
        PathError
            There is none.
        """
        rows = sorted(row for file in _names(self.wavs) if (row := _row_of(file)) is not None)
        if not rows:
            raise PathError(
                f"{self.wavs}: no sounds named ex_0.wav, ex_1.wav, ...; make them with tm-generate"
            )
        return rows


def find_data_folders(data_dir: Path) -> list[DataFolder]:
    """Find the data folders with features: ``data_dir`` itself, or all under it in natural order.

    Links are followed. A folder that is reached twice is taken once.

    Raises
    ------
    PathError
        There is no such folder, there are none under it, or a link leads nowhere.
    """
    if not data_dir.is_dir():
        raise PathError(f"{data_dir}: no such folder; give one that tm-features completed")
    if DataFolder(data_dir).features.is_file():
        return [DataFolder(data_dir)]
    found: list[Path] = []
    seen: set[str] = set()
    for parent, folders, files in os.walk(data_dir, followlinks=True):
        real = os.path.realpath(parent)
        if real in seen:
            folders.clear()  # a link back up, or to what is there anyway
            continue
        seen.add(real)
        folders.sort(key=lambda name: os.path.islink(os.path.join(parent, name)))
        if "features.npy" in files:
            found.append(Path(parent))
        for link in (Path(parent, name) for name in files):
            if link.is_symlink() and not link.exists():
                raise PathError(
                    f"{link}: is a link to {os.readlink(link)}, which does not exist;"
                    " mend it or remove it"
                )
    if not found:
        raise PathError(
            f"{data_dir}: no features.npy in it or under it; run  tm-features {data_dir}"
        )
    return [DataFolder(path) for path in sorted(found, key=_natural)]


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _row_of(name: str) -> int | None:
    """Row that a file belongs to, or None when it is not named as `DataFolder.wav` does."""
    match = re.fullmatch(r"ex_(0|[1-9][0-9]*)\.wav", name)
    return int(match[1]) if match else None


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sort key by which fm2 comes before fm10."""
    return [
        (int(part or 0) if part.isdecimal() else 0, part)
        for part in re.split(r"(\d+)", path.as_posix())
    ]

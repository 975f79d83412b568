"""What every layer is: `Layer`, and the checks that they share.

Row vectors, matrices on the right: a layer takes ``(..., size_in)`` to ``(..., size_out)`` in
`forward` and back in `inverse`. Layers check their sizes and numbers when they are built and do
not change afterwards; their arrays are read-only float64.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol, Self

import numpy as np

from timbremap_runtime.core import stages
from timbremap_runtime.errors import SettingsError, ShapeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import ArrayLike

    from timbremap_runtime.core.stages import Stage
    from timbremap_runtime.core.types import FloatArray


class Files(Protocol):
    """The files of one layer, as the text format reads them; each method raises FormatError."""

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        ...

    def vector(self, name: str, size: int | None = None) -> FloatArray:
        """Read a vector, of that size if one is given."""
        ...

    def matrix(self, name: str, n_rows: int, n_columns: int) -> FloatArray:
        """Read a matrix of that shape."""
        ...

    def word(self, name: str, words: Iterable[str], default: str) -> str:
        """Read one of `words`; `default` without that file."""
        ...


class Layer(ABC):
    """One step of a map, and back.

    A layer is what its stages do (`timbremap_runtime.core.stages`). It says where it stands in the
    text format by its class attributes, and is written there by `arrays` and `words`.
    """

    folder: ClassVar[str]
    """Its folder in the text format; numbered (``folder_0``, ``folder_1``) where there are many."""
    how_many: ClassVar[Literal["one", "one or none", "one or more"]]
    """Of them in a map."""
    space: ClassVar[Literal["c", "z_star", "z", "p"]]
    """What it gives, by the names of `Trace`."""

    size_in: int
    size_out: int
    stages: tuple[Stage, ...]
    """What `forward` does, one after the other."""

    def forward(self, x: ArrayLike) -> FloatArray:
        """Take inputs (..., size_in) to outputs (..., size_out)."""
        values = as_frames(self.folder, x, self.size_in)
        rows = np.array(values).reshape(-1, self.size_in)
        with np.errstate(all="ignore"):
            rows = stages.forward(self.stages, rows)
        return rows.reshape(*values.shape[:-1], self.size_out)

    def inverse(self, y: ArrayLike) -> FloatArray:
        """Take outputs (..., size_out) to inputs (..., size_in)."""
        values = as_frames(self.folder, y, self.size_out)
        with np.errstate(all="ignore"):
            rows, _ = stages.inverse(self.stages, values.reshape(-1, self.size_out))
        return rows.reshape(*values.shape[:-1], self.size_in)

    @classmethod
    @abstractmethod
    def read(cls, files: Files, size_in: int | None) -> Self:
        """Make the layer from its files.

        Parameters
        ----------
        files : Files
            Of its folder.
        size_in : int or None
            What the layer before it gives; None for the first.
        """

    @abstractmethod
    def arrays(self) -> Mapping[str, FloatArray]:
        """Return what `read` reads as vectors and matrices, by the names of the files."""

    def words(self) -> Mapping[str, str]:
        """Return what `read` reads as words, by the names of the files."""
        return {}


def as_frames(name: str, values: ArrayLike, size: int) -> FloatArray:
    """Make an array (..., size) of `values`, or say what `name` expected."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ShapeError(f"{name}: expected numbers of shape (..., {size})") from None
    if array.ndim == 0 or array.shape[-1] != size:
        raise ShapeError(f"{name}: expected shape (..., {size}), got {array.shape}")
    return array


def checked(name: str, values: ArrayLike, n_dimensions: int) -> FloatArray:
    """Copy `values` into a read-only float64 array of finite numbers."""
    try:
        array = np.array(values, dtype=np.float64, order="C")
    except (TypeError, ValueError):
        raise SettingsError(f"{name}: not an array of numbers") from None
    if array.ndim != n_dimensions or array.size == 0:
        wanted = "vector" if n_dimensions == 1 else "matrix"
        raise ShapeError(f"{name}: expected a non-empty {wanted}, got shape {array.shape}")
    # Beyond float32 the format could not hold it; NaN fails the comparison too.
    if not (np.abs(array) <= np.finfo(np.float32).max).all():
        raise SettingsError(f"{name}: a value is NaN, infinite or too large for float32")
    array.setflags(write=False)
    return array


def check_shape(name: str, array: FloatArray, expected: tuple[int, ...]) -> None:
    """Refuse an array of another shape."""
    if array.shape != expected:
        raise ShapeError(f"{name}: expected shape {expected}, got {array.shape}")


def sharpened(name: str, w: FloatArray, x: FloatArray) -> FloatArray:
    """Take the rounding out of `x`, an inverse of `w` (k x n) from the right.

    The matrices of a file are float32, and so is the inverse beside each: their product is the
    identity to seven digits only. Newton's iteration, X <- X (2 I - W X), keeps an exact inverse as
    it is and takes the rounding away from any other.

    Measured by w x w - w, which is zero for every generalized inverse: so a matrix without full
    rank, as a collapsed latent dimension leaves it, keeps the inverse that it came with.
    """

    def error(candidate: FloatArray) -> float:
        return float(np.linalg.norm(w @ candidate @ w - w))

    twice = 2.0 * np.eye(w.shape[0])
    best = error(x)
    # A float32 inverse is some 1e-6 off. 1e-2 is no rounding: it is the inverse of another matrix.
    if best > 1e-2 * float(np.linalg.norm(w)) or (not w.any() and x.any()):
        raise SettingsError(f"{name}: weights_inv is not the inverse of weights")
    for _ in range(8):
        candidate = x @ (twice - w @ x)
        remaining = error(candidate)
        if not remaining < best:
            break
        x, best = candidate, remaining
    return x

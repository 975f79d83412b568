"""Read and write the folder of text files that the Max/MSP external ``jg.timbremap`` reads.

::

    timbremap/
      vec_scale/      mean  std  min  range                     m values each
                      even (m x 65)                             the even scale, absent in older maps
      pca_layer/      weights (m x m)  biases (m)  weights_inv (m x m)      absent without PCA
      dense_layer_0/  weights (m x n)  biases (n)  weights_inv (n x m)  activation
      dense_layer_1/  ...                                       numbered without a gap

A file holds one number per line, row by row, printed with ``%.32f``, each line ended by a newline;
beside it lies the same array as ``NAME.npy``, float32 with its shape. Either is enough. Where
both are there they must agree to float32's precision, and the text, which has more digits, is
what counts. ``activation`` holds one word; without that file a layer is linear.
"""

from __future__ import annotations

import os
import re
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from timbremap_runtime.core import layers
from timbremap_runtime.core.layers.vec_scale import EVEN, VecScale, check_scale
from timbremap_runtime.core.mapping import TimbreMap, named_layers
from timbremap_runtime.core.model_folder import CONFIG, find_map
from timbremap_runtime.core.types import Scale
from timbremap_runtime.errors import FormatError, PathError, SettingsError, ShapeError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

    from timbremap_runtime.core.layers.base import Layer
    from timbremap_runtime.core.types import FloatArray

MAX_BYTES = 64 * 2**20
"""A larger file is refused before it is read: it holds far more numbers than any map."""

_RESTORE = "restore the model or export it again"
_NUMBER = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?"
# A last line without its newline is whole if all the decimals that %.32f prints are there.
_WHOLE_NUMBER = r"[+-]?[0-9]+\.[0-9]{32}"


def load(folder: str | os.PathLike[str], scale: Scale | None = "normal") -> TimbreMap:
    """Read a map from a folder.

    Parameters
    ----------
    folder : path
        The map's folder, by custom named ``timbremap``, or the model folder that it lies in.
    scale : {"normal", "uniform", "even"} or None
        How the pad's [0, 1] covers the latent space. None is what the commands play: the even
        scale where the map has one, else the normal one.

    Returns
    -------
    TimbreMap
        The map, with the file's numbers in float64.

    Raises
    ------
    PathError
        If the folder is missing, or a file cannot be read.
    FormatError
        If the content of the folder is not as the format says; the message begins with the file
        (and line) and says what was expected.
    SettingsError
        If `scale` is unknown, or the map has no even scale.

    Examples
    --------
    >>> mapping = load("models/fm/timbremap")  # doctest: +SKIP
    """
    # Only here, as in `save`: pathlib and shutil take as long to import as all of this package.
    from pathlib import Path

    if scale is not None:
        check_scale(scale)
    folder = Path(folder)
    try:
        return _load(folder, scale)
    except PathError:
        raise
    except OSError as error:
        path = error.filename or folder
        reason = error.strerror or error
        raise PathError(f"{path}: cannot be read ({reason}); check its permissions") from error


def save(mapping: TimbreMap, folder: str | os.PathLike[str]) -> None:
    """Write a map into a folder, as text and as ``.npy``.

    The folder is written beside its place under another name and moved there when it is
    complete, so that nobody ever reads half a model. A model that was there is replaced whole.

    Parameters
    ----------
    mapping : TimbreMap
        What to write. Its scale is not a part of the format.
    folder : path
        The model's folder, by custom named ``timbremap``. Missing parents are made.

    Raises
    ------
    PathError
        If the folder cannot be written, or exists and is not a model.
    """
    import shutil
    from pathlib import Path

    try:
        # Resolved, so that a link to a model stays a link.
        target = Path(folder).resolve()
        _check_replaceable(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        new, old = (
            target.with_name(f".{target.name}.{word}-{os.getpid()}") for word in ("new", "old")
        )
        new.mkdir()
        try:
            _write(mapping, new)
            replaced = target.exists()
            if replaced:
                target.rename(old)
            try:
                new.rename(target)
            except OSError:
                if replaced:
                    old.rename(target)
                raise
            if replaced:
                shutil.rmtree(old)
        finally:
            shutil.rmtree(new, ignore_errors=True)
    except PathError:
        raise
    except (OSError, RuntimeError) as error:  # RuntimeError: links that go round in a circle
        reason = getattr(error, "strerror", None) or error
        raise PathError(f"{folder}: cannot be written ({reason}); choose another folder") from error


def save_even(even: ArrayLike, folder: str | os.PathLike[str]) -> None:
    """Give a map in a folder an even scale, and leave all its other files as they are.

    Parameters
    ----------
    even : array_like, shape (m, k + 1)
        Knots of the even scale, as `VecScale` takes them.
    folder : path
        The map's folder, or the model folder that it lies in.

    Raises
    ------
    PathError
        If there is no map, or its folder cannot be written.
    ShapeError, SettingsError
        If the knots are not of this map, or do not increase from 0 to 1.
    """
    from pathlib import Path

    knots = load(folder).vec_scale.with_even(even).even
    assert knots is not None
    place = Path(folder)
    place = (find_map(place) or place) / VecScale.folder
    new = place / f".{EVEN}.{os.getpid()}"
    try:
        new.write_bytes(_as_text(knots))
        # Where both are there they have to agree, and the text alone is enough.
        (place / f"{EVEN}.npy").unlink(missing_ok=True)
        new.replace(place / EVEN)
        np.save(place / f"{EVEN}.npy", knots.astype(np.float32))
    except OSError as error:
        new.unlink(missing_ok=True)
        reason = error.strerror or error
        raise PathError(f"{place}: cannot be written ({reason}); check its permissions") from error


def _load(folder: Path, scale: Scale | None) -> TimbreMap:
    if not folder.is_dir():
        found = "a file" if _exists(folder) else "nothing"
        raise PathError(f"{folder}: expected a folder, found {found}; give a model folder")
    folder = find_map(folder) or folder
    if not any(
        _exists(folder / name)
        for kind in layers.LAYERS
        for name in (kind.folder, f"{kind.folder}_0")
    ):
        raise FormatError(f"{folder}: {_why_no_model(folder)}")
    paths = [(kind, path) for kind in layers.LAYERS for path in _folders(folder, kind)]
    chain: list[Layer] = []
    for kind, path in paths:
        layer = _read_layer(kind, path, chain[-1].size_out if chain else None)
        chain.append(_scaled(layer, scale, path) if isinstance(layer, VecScale) else layer)
    try:
        return TimbreMap.of(*chain)
    except (ShapeError, SettingsError) as error:
        raise FormatError(f"{folder}: {error}") from error


def _scaled(layer: VecScale, scale: Scale | None, folder: Path) -> VecScale:
    if scale == "even" and layer.even is None:
        raise SettingsError(
            f"{folder.parent}: this map has no even scale; use 'normal' or 'uniform', or measure"
            f" one with  tm-even {folder.parent}"
        )
    return layer.with_scale(scale or ("normal" if layer.even is None else "even"))


def _why_no_model(folder: Path) -> str:
    if (folder / CONFIG).is_file():
        return "has no map yet, as its training has not finished; resume it with tm-train --resume"
    models = sorted(child.name for child in folder.iterdir() if find_map(child))
    way_out = f"name one of {', '.join(models)} in it" if models else "give one that tm-train wrote"
    return f"not a model folder; {way_out}"


def _read_layer(kind: type[Layer], folder: Path, size_in: int | None) -> Layer:
    if not folder.is_dir():
        found = "a file" if _exists(folder) else "nothing"
        raise FormatError(f"{folder}: expected a folder, found {found}; {_RESTORE}")
    try:
        return kind.read(_LayerFiles(folder), size_in)
    except (ShapeError, SettingsError) as error:
        raise FormatError(f"{folder}: {error}") from error


def _exists(path: Path) -> bool:
    # A dangling link is there too: better an error than a layer silently left out.
    return os.path.lexists(path)


def _folders(folder: Path, kind: type[Layer]) -> list[Path]:
    """Every folder of a kind of layer; where there may be many, 0, 1, 2, ... without a gap."""
    if kind.how_many != "one or more":
        path = folder / kind.folder
        return [] if kind.how_many == "one or none" and not _exists(path) else [path]
    found = {path.name for path in folder.iterdir() if path.name.startswith(f"{kind.folder}_")}
    expected = [f"{kind.folder}_{index}" for index in range(max(len(found), 1))]
    for name in expected:
        if name not in found:
            others = ", ".join(sorted(found)[:5]) or f"no {kind.folder}"
            raise FormatError(
                f"{folder / name}: missing, found {others}; number them from 0 without a gap"
            )
    return [folder / name for name in expected]


class _LayerFiles:
    """The files of one layer: see `timbremap_runtime.core.layers.base.Files`."""

    def __init__(self, folder: Path):
        self._folder = folder

    def has(self, name: str) -> bool:
        return any(_exists(self._folder / file) for file in (name, f"{name}.npy"))

    def vector(self, name: str, size: int | None = None) -> FloatArray:
        path = self._folder / name
        values, _ = _read(path)
        if size is not None and values.size != size:
            raise FormatError(f"{path}: expected {size} values, found {values.size}; {_RESTORE}")
        return values

    def matrix(self, name: str, n_rows: int, n_columns: int) -> FloatArray:
        path = self._folder / name
        values, shape = _read(path)
        if values.size != n_rows * n_columns:
            raise FormatError(
                f"{path}: expected {n_rows * n_columns} values ({n_rows} rows of {n_columns}), "
                f"found {values.size}; {_RESTORE}"
            )
        if shape not in (None, (n_rows, n_columns)):
            raise FormatError(
                f"{path}.npy: expected shape {(n_rows, n_columns)}, found {shape}; {_RESTORE}"
            )
        return values.reshape(n_rows, n_columns)

    def word(self, name: str, words: Iterable[str], default: str) -> str:
        path = self._folder / name
        if not _exists(path):
            return default
        word = "\n".join(_read_lines(path)).strip()
        if word not in words:
            raise FormatError(
                f"{path}, line 1: unknown {name} {word[:40]!r}; expected one of {', '.join(words)}"
            )
        return word


class _Array(NamedTuple):
    values: FloatArray
    """Flat, row by row."""
    shape: tuple[int, ...] | None
    """As the .npy file says; None where there is only text."""


def _read(path: Path) -> _Array:
    """Read ``path``, ``path.npy`` or both."""
    npy_path = path.with_name(path.name + ".npy")
    text = _read_text(path) if _exists(path) else None
    npy = _read_npy(npy_path) if _exists(npy_path) else None
    if text is not None and npy is not None:
        _check_agreement(path, text.values, npy.values)
        return _Array(text.values, npy.shape)
    array = text or npy
    if array is None:
        raise FormatError(f"{path}: missing, and so is {npy_path.name}; {_RESTORE}")
    return array


def _check_agreement(path: Path, text: FloatArray, npy: FloatArray) -> None:
    if text.size != npy.size:
        raise FormatError(
            f"{path}: {text.size} values, but {npy.size} in its .npy; delete the wrong one"
        )
    # Half a float32 step, and half of the last decimal that %.32f prints, with room to spare.
    differs = np.abs(text - npy) > 1e-7 * np.abs(text) + 1e-32
    if differs.any():
        index = int(np.argmax(differs))
        raise FormatError(
            f"{path}, line {index + 1}: {text[index]:.9g} here, but {npy[index]:.9g} in "
            f"{path.name}.npy; delete the wrong one"
        )


def _read_bytes(path: Path) -> bytes:
    if not path.is_file():
        raise FormatError(f"{path}: expected a file; {_RESTORE}")
    # Not `read(MAX_BYTES + 1)`: that asks the system for as much memory, for a file of 100 bytes.
    n_bytes = path.stat().st_size
    if n_bytes > MAX_BYTES:
        raise FormatError(f"{path}: larger than {MAX_BYTES} bytes, too large for a map; {_RESTORE}")
    with path.open("rb") as file:
        return file.read(n_bytes)


def _read_lines(path: Path) -> list[str]:
    try:
        text = _read_bytes(path).decode("ascii")
    except UnicodeDecodeError:
        raise FormatError(f"{path}: not a text file of numbers and words; {_RESTORE}") from None
    return text.split("\n")


def _read_text(path: Path) -> _Array:
    *lines, last = _read_lines(path)
    if not lines and not last:
        raise FormatError(f"{path}: empty, expected one number per line; {_RESTORE}")
    if last:
        if not re.fullmatch(_WHOLE_NUMBER, last):
            raise FormatError(
                f"{path}, line {len(lines) + 1}: no newline after {last[:40]!r}, so the file may "
                f"be cut short; {_RESTORE}"
            )
        lines.append(last)
    limit = float(np.finfo(np.float32).max)
    values = np.empty(len(lines))
    for index, line in enumerate(lines):
        word = line.strip()
        number = float(word) if re.fullmatch(_NUMBER, word) else np.nan
        if not abs(number) <= limit:
            raise FormatError(
                f"{path}, line {index + 1}: expected a finite float32 number, found {word[:40]!r}; "
                f"{_RESTORE}"
            )
        values[index] = number
    return _Array(values, None)


def _read_npy(path: Path) -> _Array:
    content = _read_bytes(path)
    file = BytesIO(content)
    try:
        array: Any = np.load(file, allow_pickle=False)
    except Exception as error:  # numpy.load can raise anything for a damaged header
        raise FormatError(
            f"{path}: expected floats saved by numpy.save, found a damaged file; {_RESTORE}"
        ) from error
    if not isinstance(array, np.ndarray):
        raise FormatError(f"{path}: expected floats saved by numpy.save; {_RESTORE}")
    array = cast("NDArray[Any]", array)
    if array.dtype.kind != "f" or array.dtype.itemsize > 8:
        raise FormatError(f"{path}: expected floats, found {array.dtype}; {_RESTORE}")
    if array.ndim not in (1, 2):
        raise FormatError(
            f"{path}: expected a vector or a matrix, found shape {array.shape}; {_RESTORE}"
        )
    if (n_more := len(content) - file.tell()) != 0:
        raise FormatError(f"{path}: {n_more} bytes after the end of the array; {_RESTORE}")
    if array.size == 0:
        raise FormatError(f"{path}: empty, shape {array.shape}; {_RESTORE}")
    values = array.astype(np.float64).ravel()
    finite = np.abs(values) <= np.finfo(np.float32).max
    if not finite.all():
        index = int(np.argmin(finite))
        raise FormatError(
            f"{path}, value {index + 1}: expected a finite float32 number, "
            f"found {values[index]}; {_RESTORE}"
        )
    return _Array(values, array.shape)


def _check_replaceable(target: Path) -> None:
    if not _exists(target):
        return
    if not target.is_dir():
        raise PathError(f"{target}: is a file; choose a folder")
    if not (target / VecScale.folder).is_dir() and any(target.iterdir()):
        raise PathError(f"{target}: already exists but is not a model folder; choose another")


def _write(mapping: TimbreMap, folder: Path) -> None:
    for name, layer in named_layers(mapping.layers):
        path = folder / name
        path.mkdir()
        for file, array in layer.arrays().items():
            (path / file).write_bytes(_as_text(array))
            np.save(path / f"{file}.npy", array.astype(np.float32))
        for file, word in layer.words().items():
            (path / file).write_bytes(f"{word}\n".encode())


def _as_text(array: FloatArray) -> bytes:
    return "".join(f"{value:.32f}\n" for value in array.ravel().tolist()).encode()

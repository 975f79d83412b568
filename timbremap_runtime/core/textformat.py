"""Read and write the folder of text files that the Max/MSP external ``jg.timbremap`` reads.

::

    timbremap/
      vec_scale/      mean  std  min  range                     m values each
      pca_layer/      weights (m x m)  biases (m)  weights_inv (m x m)      absent without PCA
      dense_layer_0/  weights (m x n)  biases (n)  weights_inv (n x m)  activation
      dense_layer_1/  ...                                       numbered without a gap

A file holds one number a line, row by row, printed with ``%.32f``, each line ended by a newline;
beside it lies the same array as ``NAME.npy``, float32 with its shape. Either is enough. Where
both are there they must agree to float32's precision, and the text, which has more digits, is
what counts. ``activation`` holds one word; without that file a layer is linear.
"""

from __future__ import annotations

import os
import re
from math import prod
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from timbremap_runtime.core.activations import ACTIVATIONS
from timbremap_runtime.core.layers import DenseLayer, PCALayer, VecScale, check_scale
from timbremap_runtime.core.mapping import TimbreMap
from timbremap_runtime.core.model_folder import CONFIG, find_map
from timbremap_runtime.core.types import Scale
from timbremap_runtime.errors import FormatError, PathError, SettingsError, ShapeError

if TYPE_CHECKING:
    from pathlib import Path

    from timbremap_runtime.core.types import FloatArray

MAX_BYTES = 64 * 2**20
"""A larger file is refused before it is read: it holds far more numbers than any map."""

_NUMBER = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?"
# A last line without its newline is whole if all the decimals that %.32f prints are there.
_WHOLE_NUMBER = r"[+-]?[0-9]+\.[0-9]{32}"
# What numpy.save writes for a vector or a matrix, after magic, version and header size. Read here
# and not by numpy.load, which can raise anything for a damaged header.
_NPY_HEADER = (
    rb"\{'descr': '([<>]f[248])', 'fortran_order': (True|False), "
    rb"'shape': \(([0-9]{1,9}),(?: ([0-9]{1,9}))?\), \} *\n"
)


def load(folder: str | os.PathLike[str], scale: Scale = "normal") -> TimbreMap:
    """Read a map from a folder.

    Parameters
    ----------
    folder : path
        The map's folder, by custom named ``timbremap``, or the model folder that it lies in.
    scale : {"normal", "uniform"}
        How the controller's [0, 1] is spread over the latent space.

    Returns
    -------
    TimbreMap
        The map, with the file's numbers in float64.

    Raises
    ------
    FormatError
        If anything about the folder is not as the format says; the message begins with the file
        (and line) and says what was expected.
    SettingsError
        If `scale` is unknown.

    Examples
    --------
    >>> mapping = load("models/fm/timbremap")  # doctest: +SKIP
    """
    # Only here, as in `save`: pathlib and shutil take as long to import as all of this package.
    from pathlib import Path

    check_scale(scale)
    folder = Path(folder)
    try:
        return _load(folder, scale)
    except OSError as error:
        path = error.filename or folder
        raise FormatError(f"{path}: cannot be read: {error.strerror or error}") from error


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
        If the folder cannot be written, or is there and is not a model.
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
        raise PathError(f"{folder}: cannot be written: {reason}") from error


def _load(folder: Path, scale: Scale) -> TimbreMap:
    _check_folder(folder)
    folder = find_map(folder) or folder
    if not any(_exists(folder / name) for name in ("vec_scale", "pca_layer", "dense_layer_0")):
        if (folder / CONFIG).is_file():
            raise FormatError(f"{folder}: has no map yet: its training has not finished")
        models = sorted(child.name for child in folder.iterdir() if find_map(child))
        way_out = (
            f"name one of {', '.join(models)} in it" if models else "give one that tm-train wrote"
        )
        raise FormatError(f"{folder}: this folder is no model: {way_out}")
    vec_scale = _load_vec_scale(folder / "vec_scale", scale)
    pca = folder / "pca_layer"
    layers = _dense_folders(folder)
    pca_layer = _load_pca(pca, vec_scale.size) if _exists(pca) else None
    dense: list[DenseLayer] = []
    size = vec_scale.size
    for path in layers:
        dense.append(_load_dense(path, size))
        size = dense[-1].size_out
    try:
        return TimbreMap(vec_scale, pca_layer, dense)
    except SettingsError as error:
        raise FormatError(f"{folder}: {error}") from error


def _load_vec_scale(folder: Path, scale: Scale) -> VecScale:
    _check_folder(folder)
    mean = _read(folder / "mean")
    size = mean.values.size
    rest = [_vector(folder / name, size) for name in ("std", "min", "range")]
    try:
        return VecScale(mean.values, *rest, scale=scale)
    except (ShapeError, SettingsError) as error:
        raise FormatError(f"{folder}: {error}") from error


def _load_pca(folder: Path, size: int) -> PCALayer:
    _check_folder(folder)
    biases = _vector(folder / "biases", size)
    weights = _matrix(folder / "weights", size, size)
    weights_inv = _matrix(folder / "weights_inv", size, size)
    try:
        return PCALayer(weights, biases, weights_inv)
    except SettingsError as error:
        raise FormatError(f"{folder}: {error}") from error


def _load_dense(folder: Path, size_in: int) -> DenseLayer:
    _check_folder(folder)
    biases = _read(folder / "biases").values
    weights = _matrix(folder / "weights", size_in, biases.size)
    weights_inv = _matrix(folder / "weights_inv", biases.size, size_in)
    activation = _read_activation(folder / "activation")
    try:
        return DenseLayer(weights, biases, activation, weights_inv)
    except (ShapeError, SettingsError) as error:
        raise FormatError(f"{folder}: {error}") from error


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        found = "a file" if _exists(folder) else "nothing"
        raise FormatError(f"{folder}: expected a folder, found {found}")


def _exists(path: Path) -> bool:
    # A dangling link is there too: better an error than a layer silently left out.
    return os.path.lexists(path)


def _dense_folders(folder: Path) -> list[Path]:
    """All dense layers in order: 0, 1, 2, ... without a gap."""
    found = {path.name for path in folder.iterdir() if path.name.startswith("dense_layer_")}
    expected = [f"dense_layer_{index}" for index in range(max(len(found), 1))]
    for name in expected:
        if name not in found:
            others = ", ".join(sorted(found)[:5]) or "no dense layer"
            raise FormatError(
                f"{folder / name}: missing, found {others}: dense layers are numbered from 0 "
                "without a gap"
            )
    return [folder / name for name in expected]


class _Array(NamedTuple):
    values: FloatArray
    """Flat, row by row."""
    shape: tuple[int, ...] | None
    """As the .npy file says; None where there is only text."""


def _vector(path: Path, size: int) -> FloatArray:
    values, _ = _read(path)
    if values.size != size:
        raise FormatError(f"{path}: expected {size} values, found {values.size}")
    return values


def _matrix(path: Path, n_rows: int, n_columns: int) -> FloatArray:
    values, shape = _read(path)
    if values.size != n_rows * n_columns:
        raise FormatError(
            f"{path}: expected {n_rows * n_columns} values ({n_rows} rows of {n_columns}), "
            f"found {values.size}"
        )
    if shape not in (None, (n_rows, n_columns)):
        raise FormatError(f"{path}.npy: expected shape {(n_rows, n_columns)}, found {shape}")
    return values.reshape(n_rows, n_columns)


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
        raise FormatError(f"{path}: missing, and so is {npy_path.name}")
    return array


def _check_agreement(path: Path, text: FloatArray, npy: FloatArray) -> None:
    if text.size != npy.size:
        raise FormatError(f"{path}: {text.size} values, but {npy.size} in its .npy")
    # Half a float32 step, and half of the last decimal that %.32f prints, with room to spare.
    differs = np.abs(text - npy) > 1e-7 * np.abs(text) + 1e-32
    if differs.any():
        index = int(np.argmax(differs))
        raise FormatError(
            f"{path}, line {index + 1}: {text[index]:.9g} here, {npy[index]:.9g} in "
            f"{path.name}.npy: delete the one that is wrong"
        )


def _read_bytes(path: Path) -> bytes:
    if not path.is_file():
        raise FormatError(f"{path}: expected a file")
    # Not `read(MAX_BYTES + 1)`: that asks the system for as much memory, for a file of 100 bytes.
    n_bytes = path.stat().st_size
    if n_bytes > MAX_BYTES:
        raise FormatError(f"{path}: larger than {MAX_BYTES} bytes: this is no part of a map")
    with path.open("rb") as file:
        return file.read(n_bytes)


def _read_lines(path: Path) -> list[str]:
    try:
        text = _read_bytes(path).decode("ascii")
    except UnicodeDecodeError:
        raise FormatError(f"{path}: not a text file of numbers and words") from None
    return text.split("\n")


def _read_text(path: Path) -> _Array:
    *lines, last = _read_lines(path)
    if not lines and not last:
        raise FormatError(f"{path}: empty, expected one number a line")
    if last:
        if not re.fullmatch(_WHOLE_NUMBER, last):
            raise FormatError(
                f"{path}, line {len(lines) + 1}: no newline after {last[:40]!r}: is the file cut "
                "short?"
            )
        lines.append(last)
    limit = float(np.finfo(np.float32).max)
    values = np.empty(len(lines))
    for index, line in enumerate(lines):
        word = line.strip()
        number = float(word) if re.fullmatch(_NUMBER, word) else np.nan
        if not abs(number) <= limit:
            raise FormatError(
                f"{path}, line {index + 1}: expected a finite float32 number, found {word[:40]!r}"
            )
        values[index] = number
    return _Array(values, None)


def _read_npy(path: Path) -> _Array:
    content = _read_bytes(path)
    wide = content[6:7] in (b"\x02", b"\x03")  # versions 2 and 3 have a wider header size
    start = 12 if wide else 10
    end = start + int.from_bytes(content[8:start], "little")
    header = re.fullmatch(_NPY_HEADER, content[start:end])
    if content[:6] != b"\x93NUMPY" or header is None:
        raise FormatError(f"{path}: expected floats saved by numpy.save")
    kind, order, *sizes = header.groups()
    shape = tuple(int(size) for size in sizes if size)
    dtype = np.dtype(kind.decode())
    n_bytes = prod(shape) * dtype.itemsize
    if len(content) - end != n_bytes:
        raise FormatError(
            f"{path}: expected {n_bytes} bytes for shape {shape}, found {len(content) - end}"
        )
    array = np.frombuffer(content, dtype, offset=end).astype(np.float64)
    if array.size == 0:
        raise FormatError(f"{path}: empty, shape {shape}")
    array = array.reshape(shape, order="F" if order == b"True" else "C")
    finite = np.abs(array) <= np.finfo(np.float32).max
    if not finite.all():
        index = int(np.argmin(finite))
        raise FormatError(
            f"{path}, value {index + 1}: expected a finite float32 number, "
            f"found {array.flat[index]}"
        )
    return _Array(array.ravel(), shape)


def _read_activation(path: Path) -> str:
    if not _exists(path):
        return "linear"
    word = "\n".join(_read_lines(path)).strip()
    if word not in ACTIVATIONS:
        raise FormatError(
            f"{path}, line 1: unknown activation {word[:40]!r}: expected one of "
            f"{', '.join(ACTIVATIONS)}"
        )
    return word


def _check_replaceable(target: Path) -> None:
    if not _exists(target):
        return
    if not target.is_dir():
        raise PathError(f"{target}: is a file: name a folder")
    if not (target / "vec_scale").is_dir() and any(target.iterdir()):
        raise PathError(
            f"{target}: is there and is not a model, so it is not replaced: name another folder"
        )


def _write(mapping: TimbreMap, folder: Path) -> None:
    scale = mapping.vec_scale
    arrays = {"mean": scale.mean, "std": scale.std, "min": scale.minimum, "range": scale.range}
    _write_layer(folder / "vec_scale", arrays)
    if mapping.pca is not None:
        _write_layer(folder / "pca_layer", _matrices(mapping.pca))
    for index, layer in enumerate(mapping.dense):
        path = folder / f"dense_layer_{index}"
        _write_layer(path, _matrices(layer))
        if layer.activation != "linear":
            (path / "activation").write_bytes(f"{layer.activation}\n".encode())


def _matrices(layer: PCALayer | DenseLayer) -> dict[str, FloatArray]:
    return {
        "weights": layer.weights,
        "biases": layer.biases,
        "weights_inv": layer.weights_inv,
    }


def _write_layer(folder: Path, arrays: dict[str, FloatArray]) -> None:
    folder.mkdir()
    for name, array in arrays.items():
        text = "".join(f"{value:.32f}\n" for value in array.ravel().tolist())
        (folder / name).write_bytes(text.encode())
        np.save(folder / f"{name}.npy", array.astype(np.float32))

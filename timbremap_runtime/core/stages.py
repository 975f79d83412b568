"""What the layers of a map are made of: affine stages, and functions of one number between them.

Every layer says what it does as a few stages. A map puts the stages of all its layers in one row
and multiplies together what is affine between two others (`composed`): with one dense layer the
whole chain is p = 127 sigmoid(Φ⁻¹(c) . A + d).

A stage does its work twice: on arrays (`Stage.forward`, `Stage.inverse`), and written out as Python
for single frames (`Stage.write_forward`, `Stage.write_inverse`; see
`timbremap_runtime.core.unrolled`).
"""

# ruff: noqa: D102 (`Stage` says what each method of a stage does)

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from timbremap_runtime.core.types import BoolArray, FloatArray


class Stage(ABC):
    """An invertible function of rows: (k, size in) to (k, size out), or one row without the k."""

    functions: ClassVar[Mapping[str, Callable[..., float]]] = {}
    """What the written lines call, by the name that they call it."""

    @abstractmethod
    def forward(self, x: FloatArray) -> FloatArray:
        """Do the stage. `x` may be overwritten."""

    @abstractmethod
    def inverse(self, y: FloatArray) -> tuple[FloatArray, BoolArray | None]:
        """Undo the stage. `y` is never overwritten.

        Returns
        -------
        x : ndarray, shape (k, size in) or (size in,)
            What `forward` was given.
        at_end : ndarray of bool, shape of `y`, or None
            Where `y` was read as an end of the range of the stage; None when it was nowhere.
        """

    @abstractmethod
    def write_forward(self, x: Sequence[str]) -> list[str]:
        """Write an expression for each output; `x` are the names of the inputs."""

    @abstractmethod
    def write_inverse(self, y: Sequence[str]) -> list[str]:
        """Write an expression for each input; `y` are the names of the outputs."""

    def write_guard(self, y: Sequence[str]) -> str | None:
        """Write the condition under which `write_inverse` holds; None if it always does."""
        return None


class Affine(Stage):
    """y = x . matrix + offset.

    Parameters
    ----------
    matrix, offset : ndarray, shapes (size in, size out), (size out,)
        The numbers of `forward`.
    inverse_matrix, inverse_offset : ndarray, shapes (size out, size in), (size in,)
        The way back: x = y . inverse_matrix + inverse_offset.
    """

    def __init__(
        self,
        matrix: FloatArray,
        offset: FloatArray,
        inverse_matrix: FloatArray,
        inverse_offset: FloatArray,
    ):
        self.matrix, self.offset = matrix, offset
        self.inverse_matrix, self.inverse_offset = inverse_matrix, inverse_offset

    def forward(self, x: FloatArray) -> FloatArray:
        y = x.dot(self.matrix)
        y += self.offset
        return y

    def inverse(self, y: FloatArray) -> tuple[FloatArray, None]:
        x = y.dot(self.inverse_matrix)
        x += self.inverse_offset
        return x, None

    def write_forward(self, x: Sequence[str]) -> list[str]:
        return _sums(x, self.matrix, self.offset)

    def write_inverse(self, y: Sequence[str]) -> list[str]:
        return _sums(y, self.inverse_matrix, self.inverse_offset)

    def is_finite(self) -> bool:
        """Whether every number is."""
        arrays = self.matrix, self.offset, self.inverse_matrix, self.inverse_offset
        return all(np.isfinite(array).all() for array in arrays)

    def then(self, after: Affine) -> Affine:
        """Multiply together: this stage, and `after` on what it gives."""
        return Affine(
            self.matrix @ after.matrix,
            self.offset @ after.matrix + after.offset,
            after.inverse_matrix @ self.inverse_matrix,
            after.inverse_offset @ self.inverse_matrix + self.inverse_offset,
        )


def _sums(names: Sequence[str], matrix: FloatArray, offset: FloatArray) -> list[str]:
    return [
        " + ".join(
            [*(f"{name} * {w!r}" for name, w in zip(names, column, strict=True)), repr(shift)]
        )
        for column, shift in zip(matrix.T.tolist(), offset.tolist(), strict=True)
    ]


def composed(stages: Iterable[Stage]) -> tuple[Stage, ...]:
    """Multiply together what is affine between two other stages."""
    result: list[Stage] = []
    for stage in stages:
        before = result[-1] if result else None
        if isinstance(stage, Affine) and isinstance(before, Affine):
            result[-1] = before.then(stage)
        else:
            result.append(stage)
    return tuple(result)


def forward(stages: Iterable[Stage], x: FloatArray) -> FloatArray:
    """Do stages one after the other. `x` may be overwritten."""
    for stage in stages:
        x = stage.forward(x)
    return x


def inverse(stages: Sequence[Stage], y: FloatArray) -> tuple[FloatArray, BoolArray | None]:
    """Undo stages, the last one first.

    Returns
    -------
    x : ndarray, shape (k, size in) or (size in,)
        What `forward` was given.
    at_end : ndarray of bool, shape (k,) or (), or None
        The rows of which a number was read as an end; None when there are none.
    """
    rows_at_end: BoolArray | None = None
    for stage in reversed(stages):
        y, at_end = stage.inverse(y)
        if at_end is not None:
            rows = np.asarray(at_end.any(axis=-1))
            rows_at_end = rows if rows_at_end is None else rows_at_end | rows
    return y, rows_at_end


def split_at_last_affine(
    stages: Sequence[Stage],
) -> tuple[Sequence[Stage], Affine, Sequence[Stage]]:
    """Return what comes before the last affine stage, that stage, and what follows it."""
    index, affine = [(i, each) for i, each in enumerate(stages) if isinstance(each, Affine)][-1]
    return stages[:index], affine, stages[index + 1 :]

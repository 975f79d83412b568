"""One frame at a time, by the quickest way there is at its size.

Every NumPy call costs about half a microsecond whatever it does, and one frame of a small map is
a few dozen multiplications. For a small map the chain is therefore written out, once when the map
is built, as one Python function without loops, with its numbers as constants and a line for each
number of each stage. Here C to P of a map with one coordinate and two parameters:

    >>> from timbremap_runtime import DenseLayer, TimbreMap, VecScale
    >>> scale = VecScale([0.0], [1.0], [-3.0], [6.0], "uniform")
    >>> mapping = TimbreMap(scale, [DenseLayer([[1.0, -1.0]], [0.0, 0.0])])
    >>> print(mapping.frame_source("forward"))
    def forward(values):
        a0, = values.tolist()
        b0 = 0.0 if a0 < 0.0 else 1.0 if a0 > 1.0 else a0
        c0 = b0 * 6.0 + -3.0
        c1 = b0 * -6.0 + 3.0
        result = empty(2)
        pack(
            result, 0,
            127.0 / (1.0 + exp(-c0)) if c0 < 0.0 else 127.0 - 127.0 / (1.0 + exp(c0)),
            127.0 / (1.0 + exp(-c1)) if c1 < 0.0 else 127.0 - 127.0 / (1.0 + exp(c1)),
        )
        return result

For a large map only what comes before the first matrix is written out, and the rest is the same few
NumPy calls as for a batch.

A frame that needs more care, one with a parameter at its end or a number out of range, is left to
the way of the batches: the function returns None, or raises one of `LEFT_TO_BATCH`.

The source is registered with `linecache`, so it is seen in tracebacks, can be stepped into, and
`inspect.getsource` finds it.
"""

from __future__ import annotations

import linecache
import weakref
from itertools import count
from struct import Struct
from struct import error as StructError
from typing import TYPE_CHECKING, Any

import numpy as np

from timbremap_runtime.core.stages import Affine

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from timbremap_runtime.core.stages import Stage
    from timbremap_runtime.core.types import FloatArray

    Frame = Callable[[FloatArray], FloatArray | None]

LEFT_TO_BATCH = (ArithmeticError, TypeError, ValueError, StructError)
"""What a frame may raise on numbers that it is not made for, such as exp(710)."""

# Work is counted in multiplications for each matrix, what follows it as six of them. Written out it
# takes about 23 (forward) or 27 ns (inverse) each; in NumPy it is 7 or 5 us a matrix whatever the
# size. Microseconds for a frame with m = 3, normal scale, one matrix, written out / NumPy (2 cores,
# CPython 3.11, NumPy 2.4):
#
#     n          4           9           16          24          32          64
#     forward    1.4 / 6.4   2.3 / 6.6   3.6 / 6.6   4.8 / 6.7   6.5 / 6.7   13 / 6.9
#     inverse    1.7 / 5.1   2.7 / 5.1   4.3 / 5.2   6.0 / 5.3   7.8 / 5.2   15 / 5.5
MOST_WORK_FORWARD = 290
MOST_WORK_INVERSE = 190

_LETTERS = "abcdefgh"
_numbers = count(1)


def forward_frame(stages: Sequence[Stage]) -> Frame:
    """Make the function for C -> P: (m,) to (n,)."""
    return written_forward(stages, is_small(stages, MOST_WORK_FORWARD)).compiled()


def inverse_frame(stages: Sequence[Stage]) -> Frame:
    """Make the function for P -> C: (n,) to (m,), None if a value is at an end, or NaN."""
    return written_inverse(stages, is_small(stages, MOST_WORK_INVERSE)).compiled()


def few_rows(stages: Sequence[Stage]) -> int:
    """Count the frames that are sooner done one after the other than as a batch.

    A batch of few takes some 12 to 20 us whatever it is (2 cores, CPython 3.11, NumPy 2.4).
    """
    return max(2, min(6, round(400 / _work(stages))))


def is_small(stages: Sequence[Stage], most_work: float) -> bool:
    """Whether a map is small enough for all its stages to be written out."""
    return _work(stages) <= most_work


def _work(stages: Sequence[Stage]) -> float:
    affine = _affine(stages)
    return sum(stage.matrix.size + 6 * stage.offset.size for stage in affine) / len(affine)


def _affine(stages: Sequence[Stage]) -> list[Affine]:
    return [stage for stage in stages if isinstance(stage, Affine)]


def written_forward(stages: Sequence[Stage], small: bool) -> Source:
    """Write C -> P: all of it, or what comes before the first matrix."""
    source = Source("forward", _affine(stages)[0].matrix.shape[0])
    matrix_seen = False
    for stage in stages:
        matrix_seen |= isinstance(stage, Affine)
        if small or not matrix_seen:
            source.write(stage, inverse=False)
        else:
            source.call(stage, inverse=False)
    source.finish()
    return source


def written_inverse(stages: Sequence[Stage], small: bool) -> Source:
    """Write P -> C: all of it, or what is left after the last matrix."""
    matrices = _affine(stages)
    source = Source("inverse", matrices[-1].matrix.shape[1])
    n_left = len(matrices)
    for stage in reversed(stages):
        if small or not n_left:
            source.write(stage, inverse=True)
        else:
            source.call(stage, inverse=True)
        n_left -= isinstance(stage, Affine)
    source.finish()
    return source


class Source:
    """The source of a frame function, growing stage by stage.

    Parameters
    ----------
    name : str
        Of the function.
    size : int
        How many numbers it is given.
    """

    def __init__(self, name: str, size: int):
        self.name = name
        self.lines: list[str] = []
        self._namespace: dict[str, Any] = {"array": np.array, "empty": np.empty}
        self._size = size
        self._array = "values"
        self._names: list[str] | None = None
        """Of the numbers; None while they are in the array, or not yet named."""
        self._unnamed: list[str] | None = None
        """Expressions for the numbers, if these are without names."""
        self._n_sets = self._n_constants = 0

    def unpack(self) -> list[str]:
        """Return the names of the numbers; read them out of the array if they are in one."""
        if self._unnamed is not None:
            self._names = self._new_names(self._size)
            pairs = zip(self._names, self._unnamed, strict=True)
            self.lines += [f"{name} = {expression}" for name, expression in pairs]
            self._unnamed = None
        elif self._names is None:
            self._names = self._new_names(self._size)
            self.lines.append(f"{', '.join(self._names)}, = {self._array}.tolist()")
        return self._names

    def guard(self, stage: Stage) -> None:
        """Leave the frame to the batch where the written inverse of a stage does not hold."""
        condition = stage.write_guard(self.unpack())
        if condition is not None:
            self.lines.append(f"if not ({condition}): return None")

    def write(self, stage: Stage, *, inverse: bool) -> None:
        """Write out a stage, a line for each number."""
        names = self.unpack()
        if inverse:
            self.guard(stage)
        expressions = stage.write_inverse(names) if inverse else stage.write_forward(names)
        if expressions == names:
            return
        self._namespace |= stage.functions
        self._names, self._unnamed, self._size = None, expressions, len(expressions)

    def call(self, stage: Stage, *, inverse: bool) -> None:
        """Let NumPy do a stage."""
        if self._unnamed is not None:
            self.unpack()
        if isinstance(stage, Affine):
            if inverse:
                self._multiply(stage.inverse_matrix, stage.inverse_offset)
            else:
                self._multiply(stage.matrix, stage.offset)
        elif inverse:
            function = self._constant(stage.inverse)
            self.lines.append(f"x, at_end = {function}({self._array})")
            self.lines.append("if at_end is not None: return None")
        else:
            self.lines.append(f"x = {self._constant(stage.forward)}({self._array})")
        self._array = "x"

    def _multiply(self, matrix: FloatArray, offset: FloatArray) -> None:
        if self._names is not None:
            # The offset as one more row, of a number that is always 1: one call less.
            matrix = np.vstack([matrix, offset])
            numbers = f"array(({', '.join(self._names)}, 1.0))"
            self.lines.append(f"x = {numbers}.dot({self._constant(matrix)})")
            self._names = None
        else:
            self.lines.append(f"x = {self._array}.dot({self._constant(matrix)})")
            self.lines.append(f"x += {self._constant(offset)}")
        self._size = offset.size

    def allocate(self) -> None:
        """Make an array for the numbers."""
        self.lines.append(f"result = empty({self._size})")

    def finish(self) -> None:
        """Return the result, as an array."""
        numbers = self._unnamed or self._names
        if numbers is not None:
            # Packed where it stays: a tenth of the whole quicker than a list that np.array reads.
            self.allocate()
            self._namespace["pack"] = Struct(f"{self._size}d").pack_into
            self.lines += ["pack(", "    result, 0,", *(f"    {each}," for each in numbers), ")"]
            self._array = "result"
        self.lines.append(f"return {self._array}")

    def _new_names(self, size: int) -> list[str]:
        number = self._n_sets
        self._n_sets += 1
        letter = _LETTERS[number] if number < len(_LETTERS) else f"v{number}_"
        return [f"{letter}{i}" for i in range(size)]

    def _constant(self, value: object) -> str:
        self._n_constants += 1
        name = f"k{self._n_constants}"
        self._namespace[name] = value
        return name

    def __str__(self) -> str:
        body = "".join(f"    {line}\n" for line in self.lines)
        return f"def {self.name}(values):\n{body}"

    def compiled(self) -> Frame:
        """Make the function, and let `linecache` know its source for as long as it lives."""
        text = str(self)
        file = f"<timbremap {self.name} {next(_numbers)}>"
        # Made of numbers and of the names here alone: nothing that a file says gets into it.
        exec(compile(text, file, "exec"), self._namespace)
        frame: Frame = self._namespace.pop(self.name)
        linecache.cache[file] = len(text), None, text.splitlines(keepends=True), file
        weakref.finalize(frame, linecache.cache.pop, file, None).atexit = False
        return frame

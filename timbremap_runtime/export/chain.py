"""`Chain`: a map as numbers and steps, from which every host's code is written.

C to P takes the steps in order, P to C the other way round. Between the two parts of the chain
stands u, the point in standard deviations (normal and even scale) or in units of the range
(uniform)::

    C  --front-->  u  --steps-->  P

On the way back, a parameter at an end is read as half a MIDI step inside it
(`timbremap_runtime.core.activations`), and a point that it leads to is kept inside the region of
the training data: u <- centre + (u - centre) min(1, radius / |(u - centre) deviations|)
(`timbremap_runtime.core.region`).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from timbremap_runtime.core.activations import LEAKY_SLOPE, Bounded, LeakyReLU
from timbremap_runtime.core.layers.vec_scale import Clip, Quantile
from timbremap_runtime.core.model_folder import day_of, find_model, parameter_names
from timbremap_runtime.core.stages import Affine
from timbremap_runtime.core.warp import REACH, Warp
from timbremap_runtime.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from timbremap_runtime.core.mapping import TimbreMap
    from timbremap_runtime.core.stages import Stage
    from timbremap_runtime.core.types import FloatArray


@dataclass(frozen=True)
class ClipStep:
    """Numbers beyond an end become that end; on the way back too if `both_ways`."""

    low: float
    high: float
    both_ways: bool


@dataclass(frozen=True)
class QuantileStep:
    """The standard normal quantile; on the way back the distribution function."""


@dataclass(frozen=True)
class AffineStep:
    """y_j = sum_i x_i matrix[i][j] + offset[j]; on the way back the same with the inverse."""

    matrix: tuple[tuple[float, ...], ...]
    offset: tuple[float, ...]
    inverse_matrix: tuple[tuple[float, ...], ...]
    inverse_offset: tuple[float, ...]


@dataclass(frozen=True)
class BoundedStep:
    """y = low + (high - low) / (1 + exp(-x)).

    On the way back y < first is read as low_end, y > last as high_end.
    """

    low: float
    high: float
    first: float
    last: float
    low_end: float
    high_end: float


@dataclass(frozen=True)
class LeakyStep:
    """y = x, or slope x where x < 0."""

    slope: float


@dataclass(frozen=True)
class WarpStep:
    """u_i is where row i of `knots`, over evenly spaced u from -reach to reach, comes to c_i.

    Straight between the knots; values beyond an end become that end.
    """

    knots: tuple[tuple[float, ...], ...]
    reach: float


Step: TypeAlias = ClipStep | QuantileStep | WarpStep | AffineStep | BoundedStep | LeakyStep


@dataclass(frozen=True)
class Chain:
    """A map, ready to be written as code.

    Attributes
    ----------
    name : str
        The model's.
    parameter_names : tuple of str
        Names of the n parameters.
    scale : str
        How c becomes u.
    control_size : int
        m.
    parameter_range : (float, float) or None
        What p can be; None without limits.
    front, steps : tuple of Step
        From c to u, and from u to p; the first of `steps` is affine.
    centre, deviations : tuple of float
        Of the region of the training data, in u; m numbers each.
    radius : float
        Of the region, in standard deviations.
    version : str
        Of TimbreMap.
    day : str
        On which the model's training began, as 2026-11-25; empty if it is unknown.
    """

    name: str
    parameter_names: tuple[str, ...]
    scale: str
    control_size: int
    parameter_range: tuple[float, float] | None
    front: tuple[Step, ...]
    steps: tuple[Step, ...]
    centre: tuple[float, ...]
    deviations: tuple[float, ...]
    radius: float
    version: str
    day: str = ""

    @property
    def parameter_size(self) -> int:
        """The number of parameters, n."""
        return len(self.parameter_names)

    @property
    def identity(self) -> str:
        """Twelve digits that only this map has: of the SHA-256 of its numbers."""
        numbers = repr((self.front, self.steps, self.centre, self.radius)).encode()
        return hashlib.sha256(numbers).hexdigest()[:12]

    @property
    def identifier(self) -> str:
        """The model's name as an identifier of a programming language."""
        word = re.sub(r"[^A-Za-z0-9_]", "_", self.name)
        return word if re.match(r"[A-Za-z]", word) else f"map_{word}"

    @property
    def listed_names(self) -> str:
        """Names of the parameters in one line, harmless in a comment."""
        return ", ".join(map(_harmless, self.parameter_names))

    @property
    def description(self) -> str:
        """What this is, in a line for the head of a file."""
        model = f"model of {self.day}, " if self.day else ""
        return (
            f"{_harmless(self.name)}: {self.control_size} coordinates to {self.parameter_size} "
            f"parameters, {self.scale} scale; {model}map {self.identity}, by tm-export "
            f"{self.version}"
        )


def describe_model(folder: Path, mapping: TimbreMap, version: str) -> Chain:
    """Take the map of a model folder apart, with what the folder says of it.

    Parameters
    ----------
    folder : Path
        The model folder, or its map's.
    mapping : TimbreMap
        The map that was loaded from it.
    version : str
        Of TimbreMap.

    Raises
    ------
    SettingsError
        If a stage of the map cannot be written as code.
    """
    names = parameter_names(folder, mapping.parameter_size)
    chain = describe(mapping, find_model(folder).resolve().name, names, version)
    return replace(chain, day=day_of(folder))


def describe(mapping: TimbreMap, name: str, parameter_names: Sequence[str], version: str) -> Chain:
    """Take a map apart.

    Parameters
    ----------
    mapping : TimbreMap
        The map.
    name : str
        The model's name.
    parameter_names : sequence of str
        Names of the n parameters.
    version : str
        Of TimbreMap.

    Raises
    ------
    SettingsError
        If a stage of the map cannot be written as code.
    """
    region = mapping.region
    return Chain(
        name,
        tuple(parameter_names),
        mapping.scale,
        mapping.control_size,
        mapping.parameter_range,
        tuple(_step(stage) for stage in mapping.front),
        tuple(_step(stage) for stage in mapping.stages),
        _vector(region.centre),
        _vector(region.deviations),
        region.radius,
        version,
    )


def _step(stage: Stage) -> Step:
    match stage:
        case Affine():
            return AffineStep(
                _matrix(stage.matrix),
                _vector(stage.offset),
                _matrix(stage.inverse_matrix),
                _vector(stage.inverse_offset),
            )
        case Bounded():
            ends = stage.first, stage.last, stage.low_end, stage.high_end
            return BoundedStep(stage.low, stage.high, *ends)
        case LeakyReLU():
            return LeakyStep(LEAKY_SLOPE)
        case Clip():
            return ClipStep(stage.low, stage.high, stage.both_ways)
        case Quantile():
            return QuantileStep()
        case Warp():
            return WarpStep(_matrix(stage.knots), REACH)
        case _:
            raise SettingsError(
                f"{type(stage).__name__}: this stage of the map has no code for other hosts; "
                "add it to timbremap_runtime.export.chain"
            )


def _harmless(text: str) -> str:
    """Write text so that it neither ends a comment nor its line."""
    return " ".join(text.split()).replace("*/", "* /")


def _vector(values: FloatArray) -> tuple[float, ...]:
    return tuple(np.asarray(values, np.float64).tolist())


def _matrix(values: FloatArray) -> tuple[tuple[float, ...], ...]:
    return tuple(_vector(row) for row in values)


def columns(matrix: Iterable[Sequence[float]]) -> list[tuple[float, ...]]:
    """Return the columns of a matrix: the weights of each output."""
    return list(zip(*matrix, strict=True))

"""Maps to export, and the points and parameters at which hosts are held against the runtime."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

import timbremap_runtime as tm
from tests.support.maps import random_knots, random_map
from timbremap_runtime.core.types import FloatArray, Scale
from timbremap_runtime.export.chain import Chain, describe

N_POINTS = 10_000

MAPS: dict[str, tuple[tuple[int, ...], tuple[str, ...], Scale]] = {
    "normal": ((3, 9), ("sigmoid",), "normal"),
    "uniform": ((3, 9), ("sigmoid",), "uniform"),
    "two layers": ((2, 4, 6), ("tanh", "sigmoid"), "normal"),
    "leaky": ((3, 4), ("leakyrelu",), "normal"),
    "even": ((3, 9), ("sigmoid",), "even"),
    "one coordinate": ((1, 2), ("sigmoid",), "normal"),
}
"""Sizes, activations and scale; every kind of step is in one of them."""


class Case(NamedTuple):
    """A map with what is to come out of it."""

    chain: Chain
    mapping: tm.TimbreMap
    c: FloatArray
    p: FloatArray


def make_case(name: str) -> Case:
    """Make a map, points and parameters: ends, the middle, values outside, and random ones."""
    sizes, activations, scale = MAPS[name]
    mapping = random_map(np.random.default_rng(0), sizes, activations=activations)
    vec_scale = mapping.vec_scale.with_even(random_knots(sizes[0])).with_scale(scale)
    mapping = tm.TimbreMap(vec_scale, mapping.dense, mapping.pca)
    m, n = mapping.control_size, mapping.parameter_size
    generator = np.random.default_rng(1)
    c = generator.uniform(-0.02, 1.02, (N_POINTS, m))
    c[:3] = [[0.0] * m, [1.0] * m, [0.5] * m]
    p = generator.uniform(-3.0, 130.0, (N_POINTS, n))
    p[:3] = [[0.0] * n, [127.0] * n, [63.5] * n]
    p[N_POINTS // 2 :] = generator.uniform(1.0, 126.0, (N_POINTS - N_POINTS // 2, n))
    names = [f"parameter {i}" for i in range(n)]
    names[-1] = '*/ "Größe"\n\\ ?'  # nothing that a name may hold breaks the code
    return Case(describe(mapping, f"a {name} map", names, "0.0"), mapping, c, p)

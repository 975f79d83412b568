"""Round trips over random maps: whatever is drawn, c comes back, from the files too."""

from __future__ import annotations

import tempfile

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import timbremap_runtime as tm
from tests.support.maps import TOLERANCE, random_map

MAX_DRIVE = 15.0
"""Beyond it float64 has lost the digits of 1 - p / 127 that the way back needs."""

MAX_INNER_DRIVE = 12.0
"""The same for a layer inside, whose output goes through another matrix and back: the roundings
of that are a few times those of the output itself, and reach 1e-9 three units of drive earlier."""


@st.composite
def maps(draw: st.DrawFn) -> tm.TimbreMap:
    m = draw(st.integers(1, 5), label="m")
    n_layers = draw(st.integers(1, 3), label="dense layers")
    growth = draw(st.lists(st.integers(0, 6), min_size=n_layers, max_size=n_layers))
    if draw(st.booleans(), label="n = m"):
        growth = [0] * n_layers
    inner = st.sampled_from(["tanh", "leakyrelu", "linear"])
    return random_map(
        np.random.default_rng(draw(st.integers(0, 2**32 - 1), label="seed")),
        np.cumsum([m, *growth]).tolist(),
        pca=draw(st.booleans(), label="pca"),
        activations=[
            *(draw(inner) for _ in range(n_layers - 1)),
            draw(st.sampled_from(["sigmoid", "sigmoid", "tanh", "leakyrelu", "linear"])),
        ],
        scale=draw(st.sampled_from(["normal", "uniform"])),
        dtype=draw(st.sampled_from([np.float32, np.float64])),
    )


def is_exact(mapping: tm.TimbreMap, c: np.ndarray) -> np.ndarray:
    """Find the frames where no sigmoid is driven too far to come back."""
    x, exact = mapping.trace(c).z, np.ones(len(c), dtype=np.bool_)
    for layer in mapping.dense:
        gain = {"sigmoid": 1.0, "tanh": 2.0}.get(layer.activation, 0.0)
        drive = gain * np.abs(x @ layer.weights + layer.biases).max(axis=-1)
        exact &= drive <= (MAX_DRIVE if layer is mapping.dense[-1] else MAX_INNER_DRIVE)
        x = layer.forward(x)
    return exact


def check(mapping: tm.TimbreMap, c: np.ndarray) -> None:
    exact = is_exact(mapping, c)
    p = mapping.forward(c)
    atol = TOLERANCE["round_trip_c"]
    np.testing.assert_allclose(mapping.inverse(p)[exact], c[exact], rtol=0, atol=atol)
    for one, parameters in zip(c[exact], p[exact], strict=True):
        np.testing.assert_allclose(mapping.inverse(parameters), one, rtol=0, atol=atol)
        np.testing.assert_allclose(
            mapping.forward(one), parameters, rtol=0, atol=TOLERANCE["same_p"]
        )


@settings(deadline=None, max_examples=150)
@given(maps(), st.integers(0, 2**32 - 1))
def test_control_comes_back_through_any_map_and_through_its_files(mapping: tm.TimbreMap, seed: int):
    rng = np.random.default_rng(seed)
    edge = rng.choice([0.0, 1e-12, 1e-3, 0.5, 1.0 - 1e-12, 1.0], (4, mapping.control_size))
    c = np.concatenate([rng.uniform(0.0, 1.0, (8, mapping.control_size)), edge])
    check(mapping, c)
    with tempfile.TemporaryDirectory() as folder:
        tm.save(mapping, f"{folder}/timbremap")
        loaded = tm.load(f"{folder}/timbremap", mapping.scale)
    np.testing.assert_allclose(
        loaded.forward(c), mapping.forward(c), rtol=0, atol=TOLERANCE["same_p"]
    )
    check(loaded, c)

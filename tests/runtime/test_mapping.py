from __future__ import annotations

import numpy as np
import pytest

from timbremap_runtime import DenseLayer, PCALayer, ShapeError, TimbreMap, VecScale
from timbremap_runtime.layers import Scale

from .maps import TOLERANCE, random_map

SCALES: list[Scale] = ["normal", "uniform"]


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("pca", [True, False])
def test_control_comes_back_after_a_round_trip(scale: Scale, pca: bool):
    rng = np.random.default_rng(0)
    mapping = random_map(rng, pca=pca, scale=scale)
    c = rng.uniform(0.0, 1.0, (1000, 3))
    np.testing.assert_allclose(
        mapping.inverse(mapping.forward(c)), c, rtol=0, atol=TOLERANCE["round_trip_c"]
    )


@pytest.mark.parametrize("scale", SCALES)
def test_the_composed_chain_equals_the_layers_one_by_one(scale: Scale):
    rng = np.random.default_rng(1)
    mapping = random_map(
        rng, (3, 4, 6, 9), activations=("tanh", "leakyrelu", "sigmoid"), scale=scale
    )
    c = rng.uniform(0.0, 1.0, (100, 3))
    trace = mapping.trace(c)
    np.testing.assert_allclose(mapping.forward(c), trace.p, rtol=0, atol=TOLERANCE["same_p"])
    assert mapping.pca is not None
    np.testing.assert_array_equal(trace.z_star, mapping.vec_scale.forward(c))
    np.testing.assert_array_equal(trace.z, mapping.pca.forward(trace.z_star))


@pytest.fixture
def vec_scale() -> VecScale:
    return VecScale(np.zeros(3), np.ones(3), -3.0 * np.ones(3), 6.0 * np.ones(3))


def test_layers_that_do_not_fit_are_named_with_both_sizes(vec_scale: VecScale):
    four = DenseLayer(np.eye(4), np.zeros(4))
    with pytest.raises(ShapeError, match="dense_layer_0 takes 4 values, vec_scale gives 3"):
        TimbreMap(vec_scale, None, [four])
    with pytest.raises(ShapeError, match="pca_layer takes 4 values, vec_scale gives 3"):
        TimbreMap(vec_scale, PCALayer(np.eye(4), np.zeros(4)), [four])
    five = DenseLayer(np.eye(3, 5), np.zeros(5))
    with pytest.raises(ShapeError, match="dense_layer_1 takes 4 values, dense_layer_0 gives 5"):
        TimbreMap(vec_scale, None, [five, four])


def test_fewer_parameters_than_controls_are_refused_with_the_reason():
    with pytest.raises(ShapeError, match=r"2 outputs for 3 inputs.*no way back"):
        DenseLayer(np.eye(3, 2), np.zeros(2))

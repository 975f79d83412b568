from __future__ import annotations

import copy
import gc
import inspect
import linecache
import math
import pickle
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable

import numpy as np
import pytest
from scipy import special

from tests.support.maps import TOLERANCE, random_map
from tests.support.paths import REPOSITORY
from timbremap_runtime import (
    DenseLayer,
    PCALayer,
    SettingsError,
    ShapeError,
    TimbreMap,
    VecScale,
)
from timbremap_runtime.core import unrolled
from timbremap_runtime.core.mapping import BLOCK_SIZE
from timbremap_runtime.core.types import Scale

SCALES: list[Scale] = ["normal", "uniform"]
SAME_P, SAME_C, ROUND_TRIP = (TOLERANCE[name] for name in ("same_p", "same_c", "round_trip_c"))

# Sizes and activations for every way through the code: written out and wide, one stage and more,
# every activation at the end and in the middle.
KINDS = {
    "square": ((3, 3), ("sigmoid",)),
    "small": ((3, 9), ("sigmoid",)),
    "wide": ((3, 64), ("sigmoid",)),
    "one control": ((1, 2), ("sigmoid",)),
    "tanh": ((3, 9), ("tanh",)),
    "wide tanh": ((3, 64), ("tanh",)),
    "linear": ((3, 9), ("linear",)),
    "wide linear": ((3, 64), ("linear",)),
    "leaky": ((3, 9), ("leakyrelu",)),
    "wide leaky": ((3, 64), ("leakyrelu",)),
    "two linear": ((2, 4, 6), ("linear", "sigmoid")),
    "three": ((2, 4, 6, 9), ("tanh", "leakyrelu", "sigmoid")),
    "wide three": ((3, 30, 40, 64), ("leakyrelu", "tanh", "sigmoid")),
    "sigmoid inside": ((3, 5, 9), ("sigmoid", "sigmoid")),
}


@pytest.fixture(params=SCALES)
def scale(request: pytest.FixtureRequest) -> Scale:
    return request.param


@pytest.fixture(params=KINDS)
def mapping(request: pytest.FixtureRequest, scale: Scale) -> TimbreMap:
    sizes, activations = KINDS[request.param]
    rng = np.random.default_rng(1)
    return random_map(rng, sizes, activations=activations, scale=scale)


@pytest.fixture
def small(scale: Scale) -> TimbreMap:
    return random_map(np.random.default_rng(1), scale=scale)


def equal(actual: object, expected: object, atol: float) -> None:
    np.testing.assert_allclose(actual, expected, rtol=0, atol=atol)  # type: ignore[arg-type]


def controls(mapping: TimbreMap, n_frames: int) -> np.ndarray:
    return np.random.default_rng(2).uniform(0.001, 0.999, (n_frames, mapping.control_size))


# The chain


def test_the_chain_is_the_formulas_of_the_format(small: TimbreMap):
    c = controls(small, 100)
    scaling, pca, dense = small.vec_scale, small.pca, small.dense[0]
    assert pca is not None
    if small.scale == "normal":
        z_star = scaling.mean + scaling.std * special.ndtri(c)
    else:
        z_star = scaling.minimum + scaling.range * c
    z = z_star @ pca.weights_inv + pca.biases
    p = 127.0 * special.expit(z @ dense.weights + dense.biases)
    equal(small.forward(c), p, SAME_P)

    wanted = np.random.default_rng(3).uniform(30.0, 100.0, (100, 9))
    z = (special.logit(wanted / 127.0) - dense.biases) @ dense.weights_inv
    z_star = (z - pca.biases) @ pca.weights
    if small.scale == "normal":
        expected = special.ndtr((z_star - scaling.mean) / scaling.std)
    else:
        expected = np.clip((z_star - scaling.minimum) / scaling.range, 0.0, 1.0)
    equal(small.inverse(wanted), expected, SAME_C)


def test_control_comes_back_after_a_round_trip(mapping: TimbreMap):
    c = controls(mapping, 200)
    equal(mapping.inverse(mapping.forward(c)), c, ROUND_TRIP)


def test_single_frames_equal_the_batch(mapping: TimbreMap):
    c = controls(mapping, 50)
    p = mapping.forward(c)
    for one, expected in zip(c, p, strict=True):
        equal(mapping.forward(one), expected, SAME_P)
        equal(mapping.inverse(expected), one, ROUND_TRIP)
    wanted = np.random.default_rng(3).uniform(-0.9, 0.9, p.shape)
    if mapping.parameter_range == (0.0, 127.0):
        wanted = 63.5 + 60.0 * wanted
    for one, expected in zip(wanted, mapping.inverse(wanted), strict=True):
        equal(mapping.inverse(one), expected, SAME_C)


@pytest.mark.parametrize("n_rows", [1, 2, 7, 30])
def test_a_few_rows_equal_the_same_rows_among_many(mapping: TimbreMap, n_rows: int):
    """Few are done one after the other, many as a batch; a row at an end sends all to the batch."""
    c = controls(mapping, 50)
    p = mapping.forward(c)
    equal(mapping.forward(c[:n_rows]), p[:n_rows], SAME_P)
    equal(mapping.inverse(p[:n_rows]), c[:n_rows], ROUND_TRIP)
    equal(mapping.forward(c[None, :n_rows]), p[None, :n_rows], SAME_P)
    p[0, -1] = 127.0
    equal(mapping.inverse(p[:n_rows]), mapping.inverse(p)[:n_rows], SAME_C)
    c[0, 0] = np.nan
    equal(mapping.forward(c[:n_rows]), mapping.forward(c)[:n_rows], SAME_P)


def test_both_ways_of_single_frames_agree(mapping: TimbreMap):
    c = controls(mapping, 1)[0]
    stages = (*mapping.front, *mapping.stages)
    for small in (True, False):
        p = unrolled.written_forward(stages, small).compiled()(c)
        assert p is not None
        equal(p, mapping.forward(c), SAME_P)
        equal(unrolled.written_inverse(stages, small).compiled()(p), c, ROUND_TRIP)


def test_the_source_of_a_frame_is_found_by_the_debugger_and_gone_with_the_map():
    mapping = random_map(np.random.default_rng(1))
    frame = mapping._forward_frame
    assert inspect.getsource(frame).rstrip() == mapping.frame_source("forward")
    assert "def inverse(values):" in mapping.frame_source("inverse")
    # A single frame that fails says in which line: half of an array is not what it takes.
    with pytest.raises(ValueError, match="not enough values") as error:
        frame(np.zeros(2))
    shown = "".join(traceback.format_exception(error.value))
    assert "a0, a1, a2, = values.tolist()" in shown
    file = frame.__code__.co_filename
    assert file in linecache.cache
    del mapping, frame, error, shown
    gc.collect()
    assert file not in linecache.cache


def test_trace_names_every_stage(mapping: TimbreMap):
    c = controls(mapping, 20)
    trace = mapping.trace(c)
    assert mapping.pca is not None
    np.testing.assert_array_equal(trace.c, c)
    np.testing.assert_array_equal(trace.z_star, mapping.vec_scale.forward(c))
    np.testing.assert_array_equal(trace.z, mapping.pca.forward(trace.z_star))
    equal(trace.p, mapping.forward(c), SAME_P)
    assert mapping.trace(c[0]).z.shape == (mapping.control_size,)


def test_layers_undo_themselves(mapping: TimbreMap):
    trace = mapping.trace(controls(mapping, 20))
    assert mapping.pca is not None
    equal(mapping.vec_scale.inverse(trace.z_star), trace.c, SAME_C)
    equal(mapping.pca.inverse(trace.z), trace.z_star, SAME_C)
    x = trace.z
    for layer in mapping.dense:
        equal(layer.inverse(layer.forward(x)), x, ROUND_TRIP)
        x = layer.forward(x)


def test_float32_inverses_do_not_cost_the_round_trip_its_digits(scale: Scale):
    rng = np.random.default_rng(4)
    mapping = random_map(rng, (3, 9), scale=scale, dtype=np.float32)
    dense = mapping.dense[0]
    rounding = np.abs(dense.weights @ dense.weights_inv - np.eye(3)).max()
    assert rounding > 1e-9
    c = controls(mapping, 100)
    equal(mapping.inverse(mapping.forward(c)), c, ROUND_TRIP)


def test_inverse_then_forward_is_the_nearest_that_the_map_can_reach(small: TimbreMap):
    wanted = np.random.default_rng(3).uniform(55.0, 75.0, (20, 9))
    reached = small.forward(small.inverse(wanted))
    drives = special.logit(np.array([wanted, reached]) / 127.0)
    # What is left over is at right angles to everything that the map can do.
    residual = (drives[0] - drives[1]) @ small.dense[0].weights.T
    equal(residual, np.zeros_like(residual), SAME_C)


# Shapes


@pytest.mark.parametrize("shape", [(3,), (1, 3), (4, 3), (2, 5, 3), (0, 3), (2, 0, 3)])
def test_any_batch_shape_is_kept(small: TimbreMap, shape: tuple[int, ...]):
    p = small.forward(np.full(shape, 0.4))
    assert p.shape == (*shape[:-1], 9)
    assert small.inverse(p).shape == shape


def test_a_batch_longer_than_a_block_is_its_rows(mapping: TimbreMap):
    n_rows = BLOCK_SIZE // mapping.parameter_size
    c = controls(mapping, 2 * n_rows + 100)
    c[n_rows + 7] = np.nan
    p = mapping.forward(c)
    wanted = p.copy()
    wanted[::50, 0] = 127.0  # these are at an end
    back = mapping.inverse(wanted)
    for first in (0, n_rows - 20, n_rows + 5, len(c) - 40):
        some = slice(first, first + 40)
        equal(p[some], mapping.forward(c[some]), SAME_P)
        equal(back[some], mapping.inverse(wanted[some]), SAME_C)


@pytest.mark.parametrize("kind", [list, tuple, lambda c: np.array(c, dtype=np.float32)])
def test_lists_and_other_floats_are_taken(small: TimbreMap, kind: Callable[..., np.ndarray]):
    values = kind([0.125, 0.25, 0.75])
    expected = small.forward(np.array([0.125, 0.25, 0.75]))
    equal(small.forward(values), expected, SAME_P)
    equal(small.inverse(expected.tolist()), small.inverse(expected), SAME_C)


def test_integers_are_taken_as_sliders_send_them(small: TimbreMap):
    p = np.arange(20, 110, 10)
    equal(small.inverse(p), small.inverse(p.astype(np.float64)), SAME_C)
    equal(small.inverse(p.astype(np.uint8)), small.inverse(p.astype(np.float64)), SAME_C)


@pytest.mark.parametrize("values", [0.5, [0.5], [[0.5, 0.5]], "word", [[0.1], [0.2, 0.3]], None])
def test_a_wrong_shape_is_refused_with_the_right_one(small: TimbreMap, values: object):
    with pytest.raises(ShapeError, match=r"forward: expected .*shape \(\.\.\., 3\)"):
        small.forward(values)  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match=r"inverse: expected .*shape \(\.\.\., 9\)"):
        small.inverse(values)  # type: ignore[arg-type]


@pytest.mark.parametrize("n_frames", [None, 5, 20_000])
def test_out_receives_the_result(small: TimbreMap, n_frames: int | None):
    c = controls(small, n_frames or 1)
    c = c if n_frames else c[0]
    p = np.empty((*c.shape[:-1], 9))
    assert small.forward(c, out=p) is p
    equal(p, small.forward(c), 0.0)
    back = np.empty_like(c)
    assert small.inverse(p, out=back) is back
    equal(back, c, ROUND_TRIP)


def test_out_may_be_strided_or_the_input_itself(scale: Scale):
    square = random_map(np.random.default_rng(1), (3, 3), scale=scale)
    c = controls(square, 50)
    expected = square.forward(c)
    strided = np.empty((50, 6))[:, ::2]
    equal(square.forward(c, out=strided), expected, 0.0)
    shifted = np.concatenate([c, c])
    equal(square.forward(shifted[:50], out=shifted[1:51]), expected, 0.0)
    equal(square.forward(c, out=c), expected, 0.0)


@pytest.mark.parametrize("out", [np.empty(8), np.empty((1, 9)), np.empty(9, np.float32)])
def test_an_out_that_does_not_fit_is_refused(small: TimbreMap, out: np.ndarray):
    with pytest.raises(ShapeError, match=r"out: expected float64 of shape \(9,\)"):
        small.forward([0.1, 0.2, 0.3], out=out)


# What is outside


def test_controls_outside_count_as_the_nearer_end(mapping: TimbreMap):
    m = mapping.control_size
    for outside, end in ((-1.0, 0.0), (2.0, 1.0), (np.inf, 1.0), (-np.inf, 0.0)):
        for shape in ((m,), (2, m)):
            p = mapping.forward(np.full(shape, outside))
            assert np.isfinite(p).all()
            equal(p, mapping.forward(np.full(shape, end)), 0.0)


def test_nan_makes_its_own_frame_nan_and_no_other(mapping: TimbreMap):
    m, n = mapping.control_size, mapping.parameter_size
    c = np.full((3, m), 0.4)
    c[1, 0] = np.nan
    p = mapping.forward(c)
    assert np.isnan(p).all(axis=-1).tolist() == [False, True, False]
    assert np.isfinite(p[[0, 2]]).all()
    assert np.isnan(mapping.forward(c[1])).all()
    p = np.stack([mapping.forward(c[0])] * 3)
    p[1, n - 1] = np.nan
    c = mapping.inverse(p)
    assert np.isnan(c).all(axis=-1).tolist() == [False, True, False]
    assert np.isnan(mapping.inverse(p[1])).all()


@pytest.mark.parametrize("value", [0.0, 127.0, -1e300, 1e300, np.inf, -np.inf, 5e-324, 126.9999999])
def test_the_inverse_is_finite_whatever_the_sliders_say(value: float):
    for sizes in ((3, 3), (3, 9), (3, 64), (2, 4, 9)):
        activations = ("tanh", "sigmoid")[-len(sizes) + 1 :]
        mapping = random_map(np.random.default_rng(1), sizes, activations=activations)
        p = mapping.forward(np.full(sizes[0], 0.5))
        for some in (slice(0, 1), slice(None), slice(1, None)):
            wanted = p.copy()
            wanted[some] = value
            c = mapping.inverse(wanted)
            assert ((c > 0.0) & (c < 1.0)).all()
            equal(mapping.inverse(np.stack([wanted, p]))[0], c, SAME_C)


def test_an_end_is_read_as_half_a_midi_step_inside():
    # One control, one parameter, spread so widely that the region is no limit.
    scaling = VecScale([0.0], [100.0], [-100.0], [200.0])
    mapping = TimbreMap(scaling, [DenseLayer([[1.0]], [0.0])])
    for end, inside in ((0.0, 0.5), (127.0, 126.5), (-3.0, 0.5), (200.0, 126.5), (1e-6, 0.5)):
        equal(mapping.inverse([end]), mapping.inverse([inside]), SAME_C)


def test_one_slider_at_its_end_does_not_throw_the_point_into_a_corner():
    rng = np.random.default_rng(5)
    for sizes in ((3, 3), (3, 4), (3, 9), (8, 8), (8, 64)):
        mapping = random_map(rng, sizes)
        m = sizes[0]
        for c in rng.uniform(0.1, 0.9, (20, m)):
            p = mapping.forward(c)
            p[rng.integers(sizes[1])] = rng.choice([0.0, 127.0])
            u = special.ndtri(mapping.inverse(p))
            assert np.linalg.norm(u) <= math.sqrt(m) + 1.0 + 1e-6


def test_the_round_trip_is_exact_up_to_a_drive_of_15():
    mapping = TimbreMap(
        VecScale([0.0], [5.0], [-15.0], [30.0], "uniform"),
        [DenseLayer([[1.0, -1.0]], [0.0, 0.0])],
    )
    c = np.linspace(0.0, 1.0, 1001)[:, np.newaxis]
    equal(mapping.inverse(mapping.forward(c)), c, ROUND_TRIP)
    for one in c[::50]:
        equal(mapping.inverse(mapping.forward(one)), one, ROUND_TRIP)


def test_sigmoids_driven_anywhere_neither_warn_nor_overflow(scale: Scale):
    for n in (2, 64):
        weights = np.full((1, n), 1e5)
        weights[0, 0] = -3e4
        mapping = TimbreMap(
            VecScale([0.0], [1.0], [-3.0], [6.0], scale), [DenseLayer(weights, np.zeros(n))]
        )
        for c in ([0.1], [[0.1], [0.9]]):
            p = mapping.forward(c)
            assert ((p >= 0.0) & (p <= 127.0)).all()
            assert np.isfinite(mapping.inverse(p)).all()


def test_a_dimension_without_width_answers_with_its_middle(scale: Scale):
    scaling = VecScale([0.0, 0.0], [1.0, 0.0], [-3.0, 0.0], [6.0, 0.0], scale)
    mapping = TimbreMap(scaling, [DenseLayer(np.eye(2), np.zeros(2))])
    equal(mapping.inverse(mapping.forward([0.2, 0.7])), [0.2, 0.5], ROUND_TRIP)
    equal(mapping.inverse(mapping.forward([[0.2, 0.7]])), [[0.2, 0.5]], ROUND_TRIP)
    equal(mapping.inverse([0.0, 80.0])[1], 0.5, SAME_C)
    equal(scaling.inverse([0.0, 3.0])[1], 0.5, SAME_C)


# Building


@pytest.fixture
def vec_scale() -> VecScale:
    return VecScale(np.zeros(3), np.ones(3), -3.0 * np.ones(3), 6.0 * np.ones(3))


def test_layers_that_do_not_fit_are_named_with_both_sizes(vec_scale: VecScale):
    four = DenseLayer(np.eye(4), np.zeros(4))
    with pytest.raises(ShapeError, match="dense_layer_0: takes 4 values, but vec_scale gives 3"):
        TimbreMap(vec_scale, [four])
    with pytest.raises(ShapeError, match="pca_layer: takes 4 values, but vec_scale gives 3"):
        TimbreMap(vec_scale, [four], PCALayer(np.eye(4), np.zeros(4)))
    five = DenseLayer(np.eye(3, 5), np.zeros(5))
    with pytest.raises(
        ShapeError, match="dense_layer_1: takes 4 values, but dense_layer_0 gives 5"
    ):
        TimbreMap(vec_scale, [five, four])
    with pytest.raises(ShapeError, match="dense_layer: missing; a map needs one or more"):
        TimbreMap(vec_scale, [])


def test_layers_in_another_order_than_that_of_the_format_are_refused(small: TimbreMap):
    scale, pca, dense = small.layers
    for wrong in ((pca, scale, dense), (scale, dense, pca), (scale, scale, dense)):
        with pytest.raises(ShapeError, match=r"in the wrong place; the order is vec_scale|missing"):
            TimbreMap.of(*wrong)
    assert TimbreMap.of(scale, pca, dense).pca is pca


def test_fewer_parameters_than_controls_are_refused_with_the_reason():
    with pytest.raises(ShapeError, match=r"2 outputs for 3 inputs.*no way back"):
        DenseLayer(np.eye(3, 2), np.zeros(2))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: VecScale([0.0], [1.0, 1.0], [0.0], [1.0]), "std has 2 values, mean has 1"),
        (lambda: VecScale([], [], [], []), "non-empty vector"),
        (lambda: PCALayer(np.eye(3), np.zeros(2)), r"expected shape \(2, 2\), got \(3, 3\)"),
        (lambda: PCALayer(np.eye(2), np.zeros(2), np.eye(3)), r"weights_inv: expected shape"),
        (lambda: DenseLayer(np.eye(2), np.zeros(3)), r"biases: expected shape \(2,\), got \(3,\)"),
        (lambda: DenseLayer(np.zeros(3), np.zeros(3)), "expected a non-empty matrix"),
        (lambda: DenseLayer(np.eye(2, 3), np.zeros(3), "tanh", np.eye(2, 3)), r"\(3, 2\)"),
    ],
)
def test_arrays_of_a_wrong_shape_are_refused(build: Callable[[], object], message: str):
    with pytest.raises(ShapeError, match=message):
        build()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: VecScale([np.nan], [1.0], [0.0], [1.0]), "NaN, infinite or too large"),
        (lambda: VecScale([0.0], [-1.0], [0.0], [1.0]), "std has a negative value"),
        (lambda: VecScale([0.0], [1.0], [0.0], [-1.0]), "range has a negative value"),
        (lambda: VecScale(["x"], [1.0], [0.0], [1.0]), "not an array of numbers"),
        (lambda: PCALayer(np.zeros((2, 2)), np.zeros(2)), "weights has no inverse"),
        (lambda: PCALayer(np.eye(2), np.zeros(2), -np.eye(2)), "not the inverse"),
        (
            lambda: DenseLayer(np.eye(2), np.zeros(2), "relu"),
            "unknown activation 'relu'; pass one of",
        ),
        (lambda: DenseLayer([[1e39]], [0.0]), "too large for float32"),
        (lambda: DenseLayer(np.eye(2), np.zeros(2), "tanh", np.ones((2, 2))), "not the inverse"),
    ],
)
def test_numbers_that_cannot_be_used_are_refused(build: Callable[[], object], message: str):
    with pytest.raises(SettingsError, match=message):
        build()


def test_layers_that_overflow_together_are_refused():
    huge = DenseLayer([[3e38]], [0.0], "linear")
    scaling = VecScale([0.0], [3e38], [0.0], [1.0])
    with pytest.raises(SettingsError, match="exceed the range of float64"):
        TimbreMap(scaling, [huge] * 8)


def test_a_collapsed_latent_dimension_is_no_reason_to_refuse_a_map(vec_scale: VecScale):
    weights = np.random.default_rng(6).normal(size=(3, 9))
    weights[1] = 0.0
    mapping = TimbreMap(vec_scale, [DenseLayer(weights, np.zeros(9))])
    c = np.array([0.3, 0.8, 0.6])
    equal(mapping.inverse(mapping.forward(c)), [0.3, 0.5, 0.6], ROUND_TRIP)


def test_a_map_keeps_its_own_copy_of_the_arrays(vec_scale: VecScale):
    weights = np.eye(3, 9)
    layer = DenseLayer(weights, np.zeros(9))
    weights[:] = 7.0
    np.testing.assert_array_equal(layer.weights, np.eye(3, 9))
    with pytest.raises(ValueError, match="read-only"):
        layer.weights[0, 0] = 1.0


def test_a_map_can_be_pickled_and_copied(small: TimbreMap):
    for twin in (pickle.loads(pickle.dumps(small)), copy.deepcopy(small)):
        c = controls(small, 5)
        np.testing.assert_array_equal(twin.forward(c), small.forward(c))
        np.testing.assert_array_equal(twin.forward(c[0]), small.forward(c[0]))
        assert repr(twin) == f"<TimbreMap 3 -> 9, {small.scale} scale>"


# Staying power


@pytest.mark.parametrize("scale", ["normal", "uniform"])
def test_memory_does_not_grow_with_frames(scale: Scale):
    """In a process of its own, where nothing else allocates meanwhile."""
    code = (
        "import tracemalloc\n"
        "import numpy as np\n"
        "from tests.support.maps import random_map\n"
        f"mapping = random_map(np.random.default_rng(1), scale={scale!r})\n"
        "c = np.array([0.2, 0.4, 0.9])\n"
        "p = mapping.forward(c)\n"
        "def play(n_frames):\n"
        "    for _ in range(n_frames):\n"
        "        mapping.forward(c)\n"
        "        mapping.inverse(p)\n"
        "play(1000)\n"
        "tracemalloc.start()\n"
        "before = tracemalloc.get_traced_memory()[0]\n"
        "play(20_000)\n"
        "print(tracemalloc.get_traced_memory()[0] - before)\n"
    )
    run = [sys.executable, "-c", code]
    done = subprocess.run(run, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 4096  # one byte a frame would be 20 000


def test_many_threads_may_use_one_map(mapping: TimbreMap):
    c = controls(mapping, 4)
    expected = [mapping.forward(one) for one in c]
    wrong: list[int] = []

    def run(index: int) -> None:
        for _ in range(300):
            if not np.array_equal(mapping.forward(c[index]), expected[index]):
                wrong.append(index)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong

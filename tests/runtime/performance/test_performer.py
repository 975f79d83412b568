from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from tests.support.maps import TOLERANCE, random_map
from timbremap_runtime import Performer, SettingsError, ShapeError, TimbreMap
from timbremap_runtime.core import stages

SAME_P = TOLERANCE["same_p"]
SAME_C = TOLERANCE["round_trip_c"]


class Clock:
    def __init__(self):
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def mapping() -> TimbreMap:
    return random_map(np.random.default_rng(0), (3, 9))


@pytest.fixture
def performer(mapping: TimbreMap, clock: Clock) -> Performer:
    return Performer(mapping, clock=clock)


def equal(actual: object, expected: object, atol: float = SAME_P) -> None:
    np.testing.assert_allclose(actual, expected, rtol=0, atol=atol)  # type: ignore[arg-type]


# Moving


def test_move_gives_what_the_map_gives(performer: Performer, mapping: TimbreMap):
    c = np.array([0.2, 0.4, 0.9])
    equal(performer.move(c), mapping.forward(c))
    equal(performer.p, mapping.forward(c))
    equal(performer.c, c)


def test_nothing_that_is_not_finite_gets_into_the_state(performer: Performer):
    performer.move([0.2, 0.4, 0.9])
    before = performer.read()
    performer.move([np.nan, np.inf, -np.inf])
    performer.set(2, np.nan)
    performer.recall(np.full(9, np.inf))
    equal(performer.c, before.c, SAME_C)
    equal(performer.p, before.p)
    performer.move([np.nan, 0.5, 0.5])
    equal(performer.c, [before.c[0], 0.5, 0.5], SAME_C)
    p = performer.p.copy()
    p[[1, 3]] = np.nan, 99.0
    expected = performer.p.copy()
    expected[3] = 99.0
    equal(performer.recall(p), expected)


def test_coordinates_outside_count_as_the_nearer_end(performer: Performer):
    performer.move([-3.0, 2.0, 0.5])
    equal(performer.c, [0.0, 1.0, 0.5])
    assert np.isfinite(performer.p).all()


def test_a_wrong_size_is_refused_and_changes_nothing(performer: Performer):
    performer.move([0.2, 0.4, 0.9])
    before = performer.read()
    for attempt in (
        lambda: performer.move([0.5, 0.5]),
        lambda: performer.move(np.zeros((2, 3))),
        lambda: performer.recall(np.zeros(8)),
        lambda: performer.activate([True]),
    ):
        with pytest.raises(ShapeError, match="expected shape"):
            attempt()
    for index in (-1, 9):
        with pytest.raises(SettingsError, match="use 0 to 8"):
            performer.set(index, 3.0)
    for a, b in zip(performer.read(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_is_read_cannot_be_written(performer: Performer):
    performer.set(0, 3.0)
    for array in (*performer.read(), performer.p, performer.c, performer.move([0.1, 0.2, 0.3])):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_the_caller_may_use_its_array_again(performer: Performer):
    c = np.array([0.2, 0.4, 0.9])
    performer.move(c)
    c[:] = 0.0
    equal(performer.c, [0.2, 0.4, 0.9])


# Setting by hand


@pytest.mark.parametrize("value", [0.0, 0.1, 1.0, 80.0, 126.9, 127.0])
def test_a_parameter_is_exactly_where_the_hand_put_it(performer: Performer, value: float):
    others = np.delete(performer.p, 4)
    p = performer.set(4, value)
    assert p[4] == value
    np.testing.assert_array_equal(np.delete(p, 4), others)


def test_a_parameter_moves_the_point_to_the_nearest_that_fits(
    performer: Performer, mapping: TimbreMap
):
    wanted = performer.p.copy()
    wanted[4] += 10.0
    performer.set(4, wanted[4])
    equal(performer.c, mapping.inverse(wanted), SAME_C)
    assert np.abs(performer.c - 0.5).max() > 1e-3


def test_the_pad_moves_around_what_is_held(performer: Performer, mapping: TimbreMap):
    performer.set(4, 90.0)
    held = performer.read()
    c = held.c + np.array([0.01, -0.01, 0.02])
    expected = np.clip(mapping.forward(c) + held.offset, 0.0, 127.0)
    equal(performer.move(c), expected)
    equal(performer.read().offset, held.offset)
    assert performer.move(held.c)[4] == 90.0


def test_release_lets_the_offset_go_at_once(performer: Performer, mapping: TimbreMap):
    performer.set(4, 90.0)
    equal(performer.release(), mapping.forward(performer.c))
    equal(performer.read().offset, np.zeros(9))


def test_release_at_once_does_not_cut_smoothing_short(performer: Performer, clock: Clock):
    performer.set(4, 90.0)
    performer.smoothing_ms = 50.0
    performer.move([0.2, 0.4, 0.9])
    clock.now_s += 0.01
    expected = performer.p - performer.read().offset
    equal(performer.release(), expected)


def test_release_can_glide(performer: Performer, mapping: TimbreMap, clock: Clock):
    p = performer.set(4, 90.0)
    mapped = mapping.forward(performer.c)
    equal(performer.release(glide_ms=200.0), p)
    clock.now_s += 0.2
    equal(performer.p, mapped + (p - mapped) / np.e)
    clock.now_s += 100.0
    equal(performer.p, mapped)


def test_what_is_placed_is_as_it_was_once(performer: Performer, mapping: TimbreMap):
    performer.move([0.2, 0.4, 0.9])
    performer.set(3, 100.0)
    performer.move([0.3, 0.3, 0.3])
    performer.activate([1, 1, 0, 1, 1, 1, 1, 1, 1], glide_ms=0.0)
    kept = performer.read()
    other = Performer(mapping)
    other.activate(kept.active, glide_ms=0.0)
    other.place(kept.c, kept.p)
    for one in (performer, other):  # and both go on in the same way
        equal(one.move([0.6, 0.1, 0.8]), performer.p)
        equal(one.c, performer.c)
    equal(other.read().offset, performer.read().offset)
    before = other.read()
    other.place([np.nan, -1.0, np.inf], np.full(9, np.nan))
    equal(other.c, [before.c[0], 0.0, before.c[2]])
    equal(other.p, before.p)
    with pytest.raises(ShapeError, match="place"):
        other.place([0.5, 0.5], before.p)
    with pytest.raises(ShapeError, match="place"):
        other.place(before.c, [1.0])


def test_a_recalled_sound_brings_back_the_point_it_came_from(
    performer: Performer, mapping: TimbreMap
):
    c = np.array([0.03, 0.96, 0.4])
    performer.set(3, 127.0)
    performer.move([0.9, 0.1, 0.1])
    p = mapping.forward(c)
    np.testing.assert_array_equal(performer.recall(p), p)
    equal(performer.c, c, SAME_C)
    equal(performer.read().offset, np.zeros(9))


def test_where_a_parameter_leads_does_not_depend_on_the_way(performer: Performer):
    start = performer.c
    value = performer.p[4]
    for stop in np.linspace(value, 127.0, 50):
        performer.set(4, stop)
    swept = performer.c
    performer.set(4, 127.0)
    equal(performer.c, swept)
    performer.set(4, value)
    equal(performer.c, start, SAME_C)


@pytest.mark.parametrize("sizes", [(3, 3), (3, 4), (3, 9), (8, 8), (3, 5, 9)])
@pytest.mark.parametrize("scale", ["normal", "uniform", "even"])
def test_a_parameter_at_its_end_does_not_throw_the_point_into_a_corner(sizes, scale):
    rng = np.random.default_rng(1)
    activations = ("tanh", "sigmoid")[-len(sizes) + 1 :]
    for _ in range(20):
        mapping = random_map(rng, sizes, scale=scale, activations=activations)
        m = mapping.control_size
        start = np.full(m, 0.5)
        for index in range(mapping.parameter_size):
            for end in (0.0, 127.0):
                performer = Performer(mapping)
                before = performer.move(start)
                performer.set(index, end)
                towards = mapping.forward(performer.c)[index]
                if len(mapping.dense) == 1:  # layer by layer is not straight enough for this
                    assert abs(towards - end) <= abs(before[index] - end) + SAME_P
                for c in (performer.c, mapping.inverse(performer.p)):
                    z = (mapping.vec_scale.forward(c) - mapping.vec_scale.mean) / (
                        mapping.vec_scale.std
                    )
                    assert np.linalg.norm(z) <= np.sqrt(m) + 1.0 + 1e-6


def test_an_absurd_value_of_a_map_without_limits_leaves_the_performance_playable():
    mapping = random_map(np.random.default_rng(0), (3, 9), activations=("linear",))
    performer = Performer(mapping)
    for value in (1e308, -1e308, 0.5):
        performer.set(3, value)
        performer.recall(np.full(9, value))
        assert np.isfinite(performer.c).all()
        assert np.isfinite(performer.p).all()


def test_the_arguments_of_set_can_be_named(performer: Performer):
    assert performer.set(index=4, value=90.0)[4] == 90.0


# Switching parameters off


def test_what_is_switched_off_stays(performer: Performer, mapping: TimbreMap):
    p = performer.move([0.2, 0.4, 0.9])
    off = np.arange(9) < 4
    equal(performer.activate(~off), p)
    c = [0.7, 0.7, 0.1]
    moved = performer.move(c)
    equal(moved[off], p[off])
    equal(moved[~off], mapping.forward(c)[~off])
    equal(performer.set(7, 90.0)[off], p[off])


def test_what_is_switched_off_has_no_say_in_where_the_point_goes(
    performer: Performer, mapping: TimbreMap
):
    c = np.array([0.2, 0.4, 0.9])
    performer.move([0.5, 0.6, 0.4])
    active = np.arange(9) >= 4
    performer.activate(active)
    # Only the active five were made by this map from c: they alone say where c was.
    performer.recall(np.where(active, mapping.forward(c), 3.0))
    equal(performer.c, c, SAME_C)


def test_a_parameter_that_is_off_can_be_set_and_leaves_the_point(performer: Performer):
    performer.activate(np.arange(9) != 2)
    c = performer.c
    assert performer.set(2, 11.0)[2] == 11.0
    equal(performer.c, c)
    assert performer.move([0.1, 0.1, 0.1])[2] == 11.0


def test_fewer_active_than_coordinates_give_the_nearest_of_the_points_that_fit(
    performer: Performer, mapping: TimbreMap
):
    performer.move([0.4, 0.6, 0.5])
    performer.activate(np.arange(9) == 5)
    start = stages.forward(mapping.front, performer.c.copy())
    performer.set(5, performer.p[5] + 5.0)
    # Reached without an offset, along the gradient: nothing is left over, nothing is wasted.
    equal(performer.read().offset, np.zeros(9), 1e-8)
    step = stages.forward(mapping.front, performer.c.copy()) - start
    gradient = stages.split_at_last_affine(mapping.stages)[1].matrix[:, 5]
    cosine = step @ gradient / np.linalg.norm(step) / np.linalg.norm(gradient)
    assert abs(abs(cosine) - 1.0) < SAME_C


def test_with_none_active_the_point_stays(performer: Performer):
    performer.activate(np.zeros(9))
    c = performer.c
    performer.recall(np.full(9, 20.0))
    equal(performer.c, c)
    equal(performer.p, np.full(9, 20.0))


def test_switched_on_again_it_glides_to_the_map(
    performer: Performer, mapping: TimbreMap, clock: Clock
):
    p = performer.move([0.2, 0.4, 0.9])
    performer.activate(np.zeros(9))
    performer.set(0, 70.0)
    p = performer.move([0.7, 0.7, 0.1])
    equal(performer.activate(np.ones(9)), p)
    clock.now_s += 60.0
    equal(performer.p, mapping.forward([0.7, 0.7, 0.1]))


def test_what_goes_off_in_a_glide_stops_there(
    performer: Performer, mapping: TimbreMap, clock: Clock
):
    performer.smoothing_ms = 50.0
    performer.move([0.2, 0.4, 0.9])
    clock.now_s += 0.05
    p = performer.activate(np.zeros(9))
    clock.now_s += 60.0
    equal(performer.p, p)


# Smoothing


def test_smoothing_goes_63_percent_in_its_time_constant(mapping: TimbreMap, clock: Clock):
    performer = Performer(mapping, smoothing_ms=20.0, clock=clock)
    start = performer.p
    goal = mapping.forward([0.2, 0.4, 0.9])
    equal(performer.move([0.2, 0.4, 0.9]), start)
    clock.now_s += 0.02
    equal(performer.p, goal + (start - goal) / np.e)


@pytest.mark.parametrize("frames_between", [1, 7, 100])
def test_smoothing_does_not_depend_on_the_frame_rate(
    mapping: TimbreMap, clock: Clock, frames_between: int
):
    rng = np.random.default_rng(2)
    slow, fast = (Performer(mapping, 30.0, clock) for _ in range(2))
    for c in rng.uniform(0.0, 1.0, (20, 3)):
        slow.move(c)
        for _ in range(frames_between):
            fast.move(c)
            clock.now_s += 0.05 / frames_between
        equal(slow.p, fast.p, 1e-7)  # what is below SETTLED is dropped, and adds up


def test_a_hand_is_not_smoothed(mapping: TimbreMap, clock: Clock):
    performer = Performer(mapping, 1000.0, clock)
    performer.move([0.2, 0.4, 0.9])
    clock.now_s += 0.1
    p = performer.p
    after = performer.set(4, 90.0)
    assert after[4] == 90.0
    equal(np.delete(after, 4), np.delete(p, 4))


@pytest.mark.parametrize("time_ms", [-1.0, np.nan, np.inf])
def test_an_impossible_time_is_refused(mapping: TimbreMap, time_ms: float):
    performer = Performer(mapping)
    for attempt in (
        lambda: Performer(mapping, time_ms),
        lambda: performer.release(time_ms),
        lambda: performer.swap(mapping, time_ms),
        lambda: performer.activate(np.ones(9), time_ms),
    ):
        with pytest.raises(SettingsError, match="expected 0 or more"):
            attempt()


def test_a_clock_that_goes_back_does_no_harm(mapping: TimbreMap, clock: Clock):
    performer = Performer(mapping, 20.0, clock)
    start = performer.p
    performer.move([0.2, 0.4, 0.9])
    clock.now_s -= 50.0
    equal(performer.p, start)


# Another map


def test_swap_glides_from_where_the_parameters_are(performer: Performer, clock: Clock):
    other = random_map(np.random.default_rng(5), (3, 9), pca=False)
    performer.move([0.2, 0.4, 0.9])
    p = performer.set(4, 90.0)
    c = performer.c
    equal(performer.swap(other, glide_ms=100.0), p)
    equal(performer.c, c)
    clock.now_s += 0.1
    equal(performer.p, other.forward(c) + (p - other.forward(c)) / np.e)
    clock.now_s += 60.0
    equal(performer.p, other.forward(c))
    assert performer.mapping is other


def test_a_move_during_a_glide_is_followed(performer: Performer, clock: Clock):
    other = random_map(np.random.default_rng(5), (3, 9))
    p = performer.p
    performer.swap(other, glide_ms=100.0)
    c = np.array([0.45, 0.55, 0.5])
    equal(performer.move(c), p + other.forward(c) - other.forward([0.5, 0.5, 0.5]))
    clock.now_s += 60.0
    equal(performer.move(c), other.forward(c))


def test_swap_refuses_other_sizes_and_plays_on(performer: Performer, mapping: TimbreMap):
    with pytest.raises(ShapeError, match=r"3 coordinates and 8 parameters.*3 and 9"):
        performer.swap(random_map(np.random.default_rng(5), (3, 8)))
    assert performer.mapping is mapping


# Threads


def test_readers_never_see_half_a_state_while_the_writer_hammers():
    rng = np.random.default_rng(3)
    maps = [random_map(rng, (3, 9)) for _ in range(2)]
    performer = Performer(maps[0])
    stop = threading.Event()
    seen = [0, 0, 0]
    failures: list[str] = []

    def read(reader: int) -> None:
        while not stop.is_set():
            c, p, offset, active = performer.read()
            seen[reader] += 1
            if not (np.isfinite(p).all() and np.isfinite(c).all()):
                failures.append("not finite")
            if p.min() < 0.0 or p.max() > 127.0 or c.min() < 0.0 or c.max() > 1.0:
                failures.append("out of range")
            # p belongs to the same moment as c, offset and active, under one of the two maps.
            errors = [np.abs(m.forward(c) + offset - p)[active].max(initial=0.0) for m in maps]
            if min(errors) > 1e-9:
                failures.append(f"torn by {min(errors)}")
            time.sleep(0)

    readers = [threading.Thread(target=read, args=(index,)) for index in range(3)]
    for reader in readers:
        reader.start()
    n_writes = 0
    try:
        while not failures and (n_writes < 3000 or min(seen) < 300):
            performer.move(rng.uniform(-0.1, 1.1, 3))
            performer.set(int(rng.integers(9)), rng.choice([0.0, 127.0, rng.uniform(0, 127)]))
            if n_writes % 5 == 0:
                performer.recall(rng.uniform(0, 127, 9))
                performer.activate(rng.random(9) < 0.7, glide_ms=0.0)
            if n_writes % 7 == 0:
                performer.release()
                performer.swap(maps[n_writes % 2], glide_ms=0.0)
            n_writes += 1
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert not failures

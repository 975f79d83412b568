"""What is rendered for a report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import timbremap_runtime as tm
from tests.support.maps import random_map
from tests.support.paths import LFO4
from tests.support.reports import TINY
from timbremap_jax.data.patch import Note
from timbremap_jax.report.plan import (
    Group,
    drawn_anew,
    grid_points,
    line_points,
    make_plan,
    step_points,
)
from timbremap_jax.report.subject import Subject, open_subject, other_notes


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(1)


@pytest.fixture
def subject(generator: np.random.Generator, tmp_path: Path) -> Subject:
    tm.save(random_map(generator, (3, 4)), tmp_path / "timbremap")
    return open_subject(tmp_path, TINY, LFO4, "am")


def same(a: Group, b: Group) -> bool:
    return a.note == b.note and np.array_equal(a.values, b.values)


def test_each_axis_is_moved_alone_by_a_twentieth(generator: np.random.Generator):
    points = step_points(300, 3, generator)
    assert points.shape == (300, 4, 3)
    start = points[:, :1]
    assert (start >= 0.05).all() and (start <= 0.9).all()
    assert points[:, 1:] - start == pytest.approx(np.broadcast_to(0.05 * np.eye(3), (300, 3, 3)))


def test_lines_are_straight_and_evenly_divided(generator: np.random.Generator):
    points = line_points(5, 2, generator)
    assert points.shape == (5, 9, 2)
    second = points[:, 2:] - 2 * points[:, 1:-1] + points[:, :-2]
    assert np.abs(second).max() < 1e-12
    assert np.abs(points[:, -1] - points[:, 0]).min() > 0


@pytest.mark.parametrize(("m", "shape"), [(1, (1, 7, 1)), (2, (1, 7, 7)), (4, (3, 7, 7))])
def test_the_grid_fits_the_pad(m: int, shape: tuple[int, ...]):
    points = grid_points(7, m)
    assert points.shape == (*shape, m)
    assert (np.diff(points[..., 0], axis=1) > 0).all()
    if m > 2:
        assert points[:, 0, 0, 2].tolist() == [0.1, 0.5, 0.9]
        assert (points[..., 3:] == 0.5).all()


def test_points_of_coverage_fill_the_pad_and_play_what_the_map_says(subject: Subject):
    group = make_plan(subject, replace(TINY, n_points=2000))["points"]
    assert group.points is not None
    assert group.points.min() > 0.002 and group.points.max() < 0.998
    assert np.abs(group.points.mean(axis=0) - 0.5).max() < 0.05
    assert np.array_equal(group.values, subject.mapping.forward(group.points))


def test_a_preset_is_taken_to_the_pad_and_back(subject: Subject):
    groups = make_plan(subject, TINY)
    on_pad = subject.mapping.inverse(groups["test"].values)
    assert np.array_equal(groups["preset"].values, subject.mapping.forward(on_pad))
    assert (groups["middle"].values == 63.5).all()
    assert "heard" not in groups  # nobody listens: the map has no encoder


def test_one_parameter_alone_is_drawn_anew(subject: Subject, generator: np.random.Generator):
    values = drawn_anew(subject, TINY, generator).reshape(4, 3, 4)
    for i in range(4):
        differs = values[i] != subject.test[:3]
        assert not np.delete(differs, i, axis=1).any()
        assert differs[:, i].any()


def test_more_of_one_group_leaves_the_others(subject: Subject):
    few, many = (make_plan(subject, replace(TINY, n_steps=n)) for n in (5, 50))
    assert len(many["steps"]) == 10 * len(few["steps"])
    assert all(same(few[name], many[name]) for name in few if name != "steps")
    other_seed = make_plan(subject, replace(TINY, seed=1))
    assert not same(few["points"], other_seed["points"])


def test_other_notes_stay_on_the_keyboard():
    notes = other_notes(Note(pitch=60, velocity=100), None)
    assert {name: (note.pitch, note.velocity) for name, note in notes.items()} == {
        "octave up": (72, 100),
        "octave down": (48, 100),
        "velocity 50": (60, 50),
    }
    assert list(other_notes(Note(pitch=5), None)) == ["octave up", "velocity 50"]


def test_of_a_map_that_learned_several_notes_each_is_played():
    note = Note(pitch=33, velocity=50)
    notes = other_notes(note, {"pitches": [33, 45], "velocities": [50, 100]})
    assert notes == {
        "note 45": note.with_changes(pitch=45),
        "velocity 100": note.with_changes(velocity=100),
    }

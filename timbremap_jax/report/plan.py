"""What to render for a report: presets and points of the pad, in named groups.

All of it follows from the subject and the settings; each group draws from a seed of its own, so
that more of one leaves the others as they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from timbremap_jax.data.patch import PARAMETER_MAX, Note
from timbremap_jax.data.render.sampling import on_steps
from timbremap_jax.report.settings import ReportSettings
from timbremap_jax.report.subject import Subject

EDGE = 0.002
"""Points for coverage keep so far from the ends of every axis, where the quantile is infinite."""

STEP = 0.05
"""How far an axis is moved in one step."""

STEP_RANGE = (0.05, 0.9)
"""Where steps begin."""

N_LINE_STEPS = 9
"""Sounds along a straight line, ends included."""

GRID_RANGE = (0.02, 0.98)
"""Ends of the map of speeds."""

SLICES = (0.1, 0.5, 0.9)
"""Pressures at which that map is drawn."""

MOST_DRAWN_ANEW = 1200
"""Sounds for the audibility of all parameters together: an instrument may have a hundred."""

PAIRED = ("test", "heard", "preset", "middle")
"""Groups of which samples are kept, beside their spectrograms."""


@dataclass(frozen=True, eq=False)
class Group:
    """Sounds of one purpose.

    Attributes
    ----------
    values : ndarray, shape (k, n)
        Parameters of each, 0..127.
    note : Note
        What they play.
    points : ndarray, shape (k, m), or None
        Where on the pad they lie, if they do.
    """

    values: NDArray[np.float64]
    note: Note
    points: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        """Count the sounds."""
        return len(self.values)


def make_plan(subject: Subject, settings: ReportSettings) -> dict[str, Group]:
    """Return all groups by name, in the order in which they are rendered."""
    mapping, note = subject.mapping, subject.note

    def generator(number: int) -> np.random.Generator:
        return np.random.default_rng([settings.seed, number])

    def played(points: NDArray[np.float64], note: Note = note) -> Group:
        points = points.reshape(-1, mapping.control_size)
        return Group(mapping.forward(points), note, points)

    m = mapping.control_size
    test = subject.test.astype(np.float64)
    groups = {
        "test": Group(test, note),
        "middle": Group(np.full((1, test.shape[1]), PARAMETER_MAX / 2), note),
        "preset": Group(mapping.forward(mapping.inverse(test)), note),
        "library": Group(subject.library.astype(np.float64), note),
        "points": played(generator(1).uniform(EDGE, 1.0 - EDGE, (settings.n_points, m))),
        "steps": played(step_points(settings.n_steps, m, generator(2))),
        "lines": played(line_points(settings.n_lines, m, generator(3))),
        "drawn_anew": Group(drawn_anew(subject, settings, generator(4)), note),
        "grid": played(grid_points(settings.n_grid, m)),
    }
    if subject.heard is not None:
        groups["heard"] = Group(subject.heard.astype(np.float64), note)
    few = settings.n_elsewhere
    for number, (name, other) in enumerate(subject.elsewhere.items(), start=5):
        points = step_points(max(few // 2, 1), m, generator(number))
        groups[f"steps {name}"] = played(points, other)
        if "heard" in groups:
            groups[f"test {name}"] = Group(test[:few], other)
            groups[f"heard {name}"] = Group(groups["heard"].values[:few], other)
    return groups


def step_points(n_steps: int, m: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Points and the m points that lie a step along each axis, shape (n_steps, 1 + m, m)."""
    start = generator.uniform(*STEP_RANGE, (n_steps, 1, m))
    return start + STEP * np.concatenate([np.zeros((1, m)), np.eye(m)])


def line_points(n_lines: int, m: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Points along straight lines between random ones, shape (n_lines, N_LINE_STEPS, m)."""
    ends = generator.uniform(EDGE, 1.0 - EDGE, (2, n_lines, 1, m))
    share = np.linspace(0.0, 1.0, N_LINE_STEPS)[:, None]
    return (1.0 - share) * ends[0] + share * ends[1]


def drawn_anew(
    subject: Subject, settings: ReportSettings, generator: np.random.Generator
) -> NDArray[np.float64]:
    """Return the first test presets with one parameter drawn anew, shape (n * k, n)."""
    n = subject.test.shape[1]
    k = min(settings.n_drawn_anew, max(MOST_DRAWN_ANEW // n, 10), len(subject.test))
    values = np.repeat(subject.test[None, :k].astype(np.float64), n, axis=0)
    fresh = on_steps(generator.integers(0, PARAMETER_MAX + 1, (k, n)), subject.patch.parameters)
    each = np.arange(n)
    values[each, :, each] = fresh.T
    return values.reshape(n * k, n)


def grid_points(n_grid: int, m: int) -> NDArray[np.float64]:
    """Points of the map of speeds: slices, x, y, shape (n_slices, n_grid, n_y, m).

    A pad of two axes has one slice, one of one axis one row too; further axes rest in the middle.
    """
    along = np.linspace(*GRID_RANGE, n_grid)
    z = np.array(SLICES if m > 2 else [0.5])
    y = along if m > 1 else np.array([0.5])
    points = np.full((len(z), n_grid, len(y), m), 0.5)
    points[..., 0] = along[:, None]
    if m > 1:
        points[..., 1] = y
    if m > 2:
        points[..., 2] = z[:, None, None]
    return points

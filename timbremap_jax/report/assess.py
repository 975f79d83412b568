"""From rendered sounds to the figures of a report."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timbremap_jax.data.patch import SAMPLE_RATE
from timbremap_jax.report import measures
from timbremap_jax.report.paper_measures import MEASURES
from timbremap_jax.report.plan import (
    GRID_RANGE,
    N_LINE_STEPS,
    SLICES,
    STEP,
    Group,
)
from timbremap_jax.report.rendering import Renders
from timbremap_jax.report.settings import ReportSettings
from timbremap_jax.report.subject import Subject
from timbremap_runtime.errors import SettingsError

CHANGED_DB = 0.05
"""An instrument that renders alike every time, and its test sounds further than this from what was
rendered for training, has changed."""

CURVE_SHARES = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Shares of the points for the curve of coverage."""

AXES = ("x", "y", "pressure")


def axis_names(m: int) -> list[str]:
    """Return what the axes of a pad are called."""
    return [AXES[i] if i < len(AXES) else f"axis {i + 1}" for i in range(m)]


def assess(
    subject: Subject, settings: ReportSettings, groups: dict[str, Group], renders: Renders
) -> dict[str, Any]:
    """Judge a map by its sounds.

    Parameters
    ----------
    subject : Subject
        The map.
    settings : ReportSettings
        How many sounds.
    groups : dict of str to Group
        The plan.
    renders : Renders
        Its sounds.

    Returns
    -------
    dict
        Every figure, ready for JSON; distances in dB.

    Raises
    ------
    SettingsError
        The instrument or the map is silent.
    """
    _require_sound(subject, renders)
    floor = settings.floor or measures.floor_below(renders.power("test"))

    def log_mel(group: str, first: int | None = None) -> NDArray[np.float32]:
        return measures.log_mel(renders.power(group, first), floor)

    test = log_mel("test")
    generator = np.random.default_rng([settings.seed, 20])
    partner = _partners(len(test), generator)
    own = {
        "preset": measures.distances(test, log_mel("preset")),
        "random_pair": measures.distances(test, test[partner]),
        "middle": measures.distances(test, log_mel("middle")),
    }
    if "heard" in groups:
        own["reconstruction"] = measures.distances(test, log_mel("heard"))
    points = log_mel("points")
    counts = _counts(settings.n_points)
    own["coverage"], nearest_point, of_points = _coverage(test, points, counts)
    own["library"], nearest_preset, of_presets = _coverage(test, log_mel("library"), counts)
    figures: dict[str, Any] = {name: measures.summary(values) for name, values in own.items()}
    figures["floor"] = {"mel_power": floor, "below_db": None if settings.floor else 80.0}
    figures["coverage_curve"] = {"n": counts, "points": of_points, "library": of_presets}
    m = subject.mapping.control_size
    figures["steps"] = _steps(log_mel("steps"), m)
    lines = log_mel("lines").reshape(settings.n_lines, N_LINE_STEPS, *test.shape[1:])
    figures["smoothness"] = measures.smoothness(lines)
    figures["nonlinearity"] = measures.nonlinearity(lines)
    figures["proportion"] = _proportion(groups["points"], points, settings)
    figures["parameters"] = _parameters(subject, groups, test, log_mel("drawn_anew"))
    figures["elsewhere"] = _elsewhere(subject, groups, figures, own, log_mel)
    figures["pad"] = _pad(log_mel("grid"), groups["grid"], m)
    figures["silent_points"] = renders.silent_share("points")
    figures["papers"] = _papers(renders, groups, partner, settings)
    if subject.recorded is not None:
        again = test[: len(subject.recorded), :, : subject.recorded.shape[2]]
        before = measures.log_mel(subject.recorded[:, :, : again.shape[2]], floor)
        figures["recorded"] = float(np.mean(measures.distances(again, before)))
    figures["each"] = {name: np.round(values, 4).tolist() for name, values in own.items()}
    figures["nearest_point"] = nearest_point.tolist()
    figures["nearest_preset"] = nearest_preset.tolist()
    return figures


def _require_sound(subject: Subject, renders: Renders) -> None:
    way_out = "look at the instrument's [fixed] controls and its note"
    if renders.silent_share("test") == 1.0:
        raise SettingsError(
            f"{subject.patch.file}: every one of {len(renders.rows['test'])} presets is silent;"
            f" {way_out}"
        )
    if renders.silent_share("points") == 1.0:
        raise SettingsError(
            f"{subject.folder}: the map is silent: none of {len(renders.rows['points'])} points of"
            " the pad gives a sound on this instrument; is it the one that it was trained on?"
        )


def _partners(n: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Give every sound another one as its partner."""
    order = generator.permutation(n)
    partner = np.empty(n, np.int64)
    partner[order] = np.roll(order, 1)
    return partner


def _counts(n_points: int) -> list[int]:
    return sorted({max(round(share * n_points), 1) for share in CURVE_SHARES})


def _coverage(
    test: NDArray[np.float32], candidates: NDArray[np.float32], counts: list[int]
) -> tuple[NDArray[np.float64], NDArray[np.int64], list[float]]:
    """Nearest of all candidates, and mean distances to the nearest of the first so many."""
    best, index = np.full(len(test), np.inf), np.zeros(len(test), np.int64)
    means: list[float] = []
    start = 0
    for stop in counts:
        found, at = measures.nearest(test, candidates[start:stop])
        index = np.where(found < best, start + at, index)
        best = np.minimum(found, best)
        means.append(float(np.mean(best)))
        start = stop
    return best, index, means


def _step_sizes(sounds: NDArray[np.float32], m: int) -> NDArray[np.float64]:
    """Distances of a step along each axis, shape (n_steps, m)."""
    grouped = sounds.reshape(-1, 1 + m, *sounds.shape[1:])
    return measures.distances(grouped[:, 1:], grouped[:, :1])


def _steps(sounds: NDArray[np.float32], m: int) -> dict[str, Any]:
    sizes = _step_sizes(sounds, m)
    if not sizes.mean() > 0.0:
        return {"mean_db": 0.0, "evenness": None, "dead": 1.0, "axes": []}
    axes = [
        {
            "name": name,
            "mean_db": float(each.mean()),
            "evenness": measures.evenness(each) if each.mean() > 0.0 else None,
            "dead": float(np.mean(each < measures.DEAD * sizes.mean())),
        }
        for name, each in zip(axis_names(m), sizes.T, strict=True)
    ]
    return {
        "length": STEP,
        "mean_db": float(sizes.mean()),
        "evenness": measures.evenness(sizes),
        "dead": measures.dead_share(sizes),
        "axes": axes,
    }


def _proportion(group: Group, sounds: NDArray[np.float32], settings: ReportSettings) -> float:
    assert group.points is not None
    generator = np.random.default_rng([settings.seed, 21])
    first = generator.integers(0, len(sounds), settings.n_pairs)
    # Any other one, each as likely.
    second = (first + generator.integers(1, len(sounds), settings.n_pairs)) % len(sounds)
    moved = np.linalg.norm(group.points[first] - group.points[second], axis=1)
    heard = [measures.distances(sounds[a], sounds[b]) for a, b in zip(first, second, strict=True)]
    return measures.proportion(moved, np.array(heard))


def _parameters(
    subject: Subject,
    groups: dict[str, Group],
    test: NDArray[np.float32],
    drawn_anew: NDArray[np.float32],
) -> list[dict[str, Any]]:
    """Error and audibility of each parameter; blind by what is heard, else by what is found."""
    true = groups["test"].values
    answered = groups["heard" if "heard" in groups else "preset"].values
    ratios = measures.error_ratio(answered, true)
    k = len(drawn_anew) // true.shape[1]
    return [
        {
            "name": name,
            "error": float(np.mean(np.abs(answered[:, i] - true[:, i]))),
            "error_of_mean": float(np.mean(np.abs(true[:, i] - true[:, i].mean()))),
            "error_ratio": float(ratios[i]),
            "blind": bool(ratios[i] >= measures.BLIND),
            "audibility": measures.audibility(test[:k], drawn_anew[i * k : (i + 1) * k]),
        }
        for i, name in enumerate(subject.parameter_names)
    ]


def _elsewhere(
    subject: Subject,
    groups: dict[str, Group],
    figures: dict[str, Any],
    own: dict[str, NDArray[np.float64]],
    log_mel: Callable[[str], NDArray[np.float32]],
) -> dict[str, Any]:
    """Reconstruction and evenness with other notes, and over those of the data set's own."""
    found: dict[str, Any] = {}
    for name in subject.elsewhere:
        sizes = _step_sizes(log_mel(f"steps {name}"), subject.mapping.control_size)
        entry: dict[str, Any] = {"evenness": None, "evenness_ratio": None}
        if sizes.mean() > 0.0:
            entry["evenness"] = measures.evenness(sizes)
            if figures["steps"]["evenness"]:
                entry["evenness_ratio"] = entry["evenness"] / figures["steps"]["evenness"]
        if f"heard {name}" in groups:
            apart = measures.distances(log_mel(f"test {name}"), log_mel(f"heard {name}"))
            entry["reconstruction"] = float(apart.mean())
            at_home = float(own["reconstruction"][: len(apart)].mean())
            entry["reconstruction_ratio"] = entry["reconstruction"] / at_home if at_home else None
        found[name] = entry
    return found


def _pad(sounds: NDArray[np.float32], group: Group, m: int) -> dict[str, Any]:
    """Speeds over the pad, in dB a unit, one table a slice of pressure."""
    assert group.points is not None
    n_x = len(np.unique(group.points[:, 0]))
    n_y = n_x if m > 1 else 1
    sounds = sounds.reshape(-1, n_x, n_y, *sounds.shape[1:])
    spacing = (GRID_RANGE[1] - GRID_RANGE[0]) / (n_x - 1)
    tables = [measures.speeds(one, (spacing, spacing)) for one in sounds]
    return {
        "range": list(GRID_RANGE),
        "pressures": list(SLICES) if m > 2 else [],
        "speeds": [np.round(table, 3).tolist() for table in tables],
    }


def _papers(
    renders: Renders,
    groups: dict[str, Group],
    partner: NDArray[np.int64],
    settings: ReportSettings,
) -> dict[str, dict[str, float]]:
    """Means of the papers' measures over the first test sounds."""
    n = min(settings.n_compared, len(groups["test"]))
    test = renders.sounds("test")
    others = {"random_pair": test[partner[:n]], "preset": renders.sounds("preset")[:n]}
    if "heard" in groups:
        others["reconstruction"] = renders.sounds("heard")[:n]
    return {
        name: {
            measure_name: float(
                np.mean([measure(a, b, SAMPLE_RATE) for a, b in zip(test[:n], other, strict=True)])
            )
            for measure_name, measure in MEASURES.items()
        }
        for name, other in others.items()
    }

"""tm-even: a finished map is given an even scale by its own instrument."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from timbremap_cli import even

import timbremap_runtime as tm
from tests.support.paths import LFO4
from timbremap_jax.data.features.settings import FeatureSettings
from timbremap_jax.data.patch import load_patch
from timbremap_jax.report.measures import distances, evenness, floor_below, log_mel
from timbremap_jax.report.plan import Group
from timbremap_jax.report.rendering import render_plan

pytestmark = pytest.mark.slow


def test_a_bare_map_is_given_one_and_steps_along_it_are_more_alike(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    # One axis, which opens the depth: hardly anything is heard at first.
    mapping = tm.TimbreMap(
        tm.VecScale([0.0], [1.0], [-3.0], [6.0]),
        [tm.DenseLayer([[0.0, 0.0, 0.0, 1.6]], [-1.0, 0.0, 0.0, -1.0])],
    )
    tm.save(mapping, tmp_path / "timbremap")
    words = [str(tmp_path / "timbremap"), "--patch", str(LFO4), "--variant", "am"]
    assert even.main(words) == 0
    file = tmp_path / "timbremap" / "vec_scale" / "even"
    assert capsys.readouterr().out == f"{file}: measured on lfo4 am\n"

    patch = load_patch(LFO4, "am")
    points = np.linspace(0.1, 0.9, 17)[:, None]
    found: list[float] = []
    for scale in ("normal", "even"):
        played = tm.load(tmp_path / "timbremap", scale).forward(points)
        groups = {"test": Group(played, patch.note)}
        folder = tmp_path / scale
        folder.mkdir()
        power = render_plan(patch, groups, FeatureSettings(), folder, n_workers=1).power("test")
        sounds = log_mel(power, floor_below(power))
        found.append(evenness(distances(sounds[1:], sounds[:-1])))
    assert found[1] < 0.7 * found[0]


def test_a_map_without_an_instrument_is_left_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    mapping = tm.TimbreMap(
        tm.VecScale([0.0], [1.0], [-3.0], [6.0]), [tm.DenseLayer([[1.0]], [0.0])]
    )
    tm.save(mapping, tmp_path / "timbremap")
    assert even.main([str(tmp_path / "timbremap")]) == 1
    assert "name its instrument with  --patch PATCH_DIR" in capsys.readouterr().err
    assert not (tmp_path / "timbremap" / "vec_scale" / "even").exists()

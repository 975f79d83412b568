"""The even scale: a third way from the pad to the latent space, as exact as the other two."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import timbremap_runtime as tm
from tests.support.maps import TOLERANCE, random_knots, random_map
from timbremap_runtime.core.textformat import save_even
from timbremap_runtime.core.types import Scale
from timbremap_runtime.core.warp import REACH, Warp

STATISTICS = ("mean", "std", "minimum", "range")


def even_map(sizes: tuple[int, ...] = (3, 9)) -> tm.TimbreMap:
    mapping = random_map(np.random.default_rng(0), sizes)
    scale = mapping.vec_scale.with_even(random_knots(sizes[0])).with_scale("even")
    return tm.TimbreMap(scale, mapping.dense, mapping.pca)


@pytest.mark.parametrize("sizes", [(1, 2), (3, 9), (3, 64), (5, 8)])
def test_it_comes_back_from_anywhere(sizes: tuple[int, ...]):
    mapping = even_map(sizes)
    c = np.random.default_rng(1).uniform(0.0, 1.0, (20_000, sizes[0]))
    c[:2] = [[0.0] * sizes[0], [1.0] * sizes[0]]
    p = mapping.forward(c)
    np.testing.assert_allclose(mapping.inverse(p), c, rtol=0, atol=TOLERANCE["round_trip_c"])
    for one, there in zip(c[:500], p, strict=False):
        np.testing.assert_allclose(mapping.forward(one), there, rtol=0, atol=TOLERANCE["same_p"])
        back = mapping.inverse(there)
        np.testing.assert_allclose(back, one, rtol=0, atol=TOLERANCE["round_trip_c"])


def test_it_is_its_formula():
    knots = np.array([[0.0, 0.25, 1.0]])  # u = -3, 0, 3
    scale = tm.VecScale([2.0], [0.5], [0.0], [4.0], "even", knots)
    assert REACH == 3.0
    np.testing.assert_allclose(
        scale.forward([[0.0], [0.125], [0.25], [0.625], [1.0]]),
        [[0.5], [1.25], [2.0], [2.75], [3.5]],
    )


def test_what_lies_beyond_an_end_is_that_end_and_nan_stays():
    mapping = even_map()
    inside = mapping.forward([0.0, 1.0, 0.5])
    np.testing.assert_array_equal(mapping.forward([-1.0, 2.0, 0.5]), inside)
    np.testing.assert_array_equal(mapping.forward([-np.inf, np.inf, 0.5]), inside)
    assert np.isnan(mapping.forward([np.nan, 0.5, 0.5])).all()
    assert np.isnan(mapping.inverse([np.nan] * 9)).all()
    far = mapping.trace([0.5, 0.5, 0.5]).p
    assert ((mapping.inverse(far * 0.0) >= 0.0) & (mapping.inverse(far * 0.0) <= 1.0)).all()


def test_equal_steps_of_c_take_equal_shares_of_the_knots():
    knots = random_knots(2)
    warp = Warp(knots)
    u = warp.forward(knots.T.copy())
    np.testing.assert_allclose(u, np.tile(warp.grid[:, None], 2), rtol=0, atol=1e-12)


def test_the_folder_keeps_it_beside_what_other_readers_know(tmp_path: Path):
    mapping = even_map()
    tm.save(mapping, tmp_path / "pad" / "timbremap")
    c = np.random.default_rng(1).uniform(0.0, 1.0, (100, 3))
    loaded = tm.load(tmp_path / "pad", scale="even")
    np.testing.assert_allclose(loaded.forward(c), mapping.forward(c), rtol=0, atol=1e-9)
    assert loaded.scale == "even" and tm.load(tmp_path / "pad").scale == "normal"
    # As the original system knows the folder: without the file, and the two scales are the same.
    scales: tuple[Scale, ...] = ("normal", "uniform")
    before = [tm.load(tmp_path / "pad", scale).forward(c) for scale in scales]
    for file in (tmp_path / "pad" / "timbremap" / "vec_scale").glob("even*"):
        file.unlink()
    for scale, p in zip(scales, before, strict=True):
        np.testing.assert_array_equal(tm.load(tmp_path / "pad", scale).forward(c), p)
    with pytest.raises(tm.SettingsError, match=r"timbremap: .* no even scale; .* tm-even"):
        tm.load(tmp_path / "pad", scale="even")


def test_without_a_choice_it_is_what_is_played_where_a_map_has_it(tmp_path: Path):
    mapping = even_map()
    tm.save(mapping, tmp_path / "even" / "timbremap")
    assert tm.load(tmp_path / "even", scale=None).scale == "even"
    statistics = tm.VecScale(*(getattr(mapping.vec_scale, name) for name in STATISTICS))
    tm.save(tm.TimbreMap(statistics, mapping.dense, mapping.pca), tmp_path / "old" / "timbremap")
    assert tm.load(tmp_path / "old", scale=None).scale == "normal"


@pytest.mark.parametrize("given", ["pad", "pad/timbremap"])
def test_a_map_that_is_there_is_given_one(given: str, tmp_path: Path):
    mapping = random_map(np.random.default_rng(0))
    tm.save(mapping, tmp_path / "pad" / "timbremap")

    def files() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    before = files()
    for seed in (3, 4):  # once more, it is replaced
        save_even(random_knots(3, seed=seed), tmp_path / given)
        read = tm.load(tmp_path / "pad", scale="even").vec_scale.even
        assert read is not None
        np.testing.assert_allclose(read, random_knots(3, seed=seed), rtol=0, atol=1e-30)
    after = files()
    assert {path.name for path in after.keys() - before.keys()} == {"even", "even.npy"}
    assert all(after[path] == content for path, content in before.items())
    with pytest.raises(tm.ShapeError, match="expected 3 rows"):
        save_even(random_knots(2), tmp_path / given)
    assert files() == after


@pytest.mark.parametrize(
    ("knots", "message"),
    [
        ([[0.0, 0.5, 0.5, 1.0]] * 3, "do not increase from 0 to 1"),
        ([[0.1, 0.5, 1.0]] * 3, "do not increase from 0 to 1"),
        ([[0.0, 0.5, 1.0]] * 2, "expected 3 rows of two knots or more"),
        ([[0.0]] * 3, "expected 3 rows of two knots or more"),
        ([[0.0, np.nan, 1.0]] * 3, "NaN"),
    ],
)
def test_knots_that_make_no_scale_are_refused(knots: list[list[float]], message: str):
    mapping = random_map(np.random.default_rng(0))
    with pytest.raises((tm.SettingsError, tm.ShapeError), match=message):
        mapping.vec_scale.with_even(knots)


def test_a_damaged_file_is_named(tmp_path: Path):
    tm.save(even_map(), tmp_path / "timbremap")
    file = tmp_path / "timbremap" / "vec_scale" / "even"
    (tmp_path / "timbremap" / "vec_scale" / "even.npy").unlink()
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:-1]))
    with pytest.raises(tm.FormatError, match="vec_scale"):
        tm.load(tmp_path / "timbremap")
    shutil.rmtree(tmp_path / "timbremap")

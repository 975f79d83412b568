from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from tests.support.maps import TOLERANCE
from timbremap_runtime.core import gaussian

RTOL = TOLERANCE["gaussian_rtol"]


def test_quantile_agrees_with_scipy_over_the_whole_range():
    rng = np.random.default_rng(0)
    tiny = 10.0 ** rng.uniform(-300, -1, 20_000)
    c = np.concatenate([tiny, rng.uniform(0, 1, 20_000), 1 - np.maximum(tiny, 1e-16)])
    np.testing.assert_allclose(gaussian.quantile(c), special.ndtri(c), rtol=RTOL)


def test_cdf_agrees_with_scipy_over_the_whole_range():
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.uniform(-37, 8.2, 40_000), rng.uniform(-1, 1, 10_000)])
    np.testing.assert_allclose(gaussian.cdf(x), _scipy_cdf(x), rtol=RTOL)


@pytest.mark.parametrize("n_outer", [1, gaussian.FEW + 1])
def test_a_few_numbers_near_the_ends_are_as_exact_as_many(n_outer: int):
    rng = np.random.default_rng(2)
    c = rng.uniform(0.01, 0.99, 2 * gaussian.CHUNK + 7)
    c[3 : 3 + n_outer] = 10.0 ** rng.uniform(-12, -4, n_outer)
    c[-n_outer:] = 1.0 - c[3 : 3 + n_outer]
    np.testing.assert_allclose(gaussian.quantile(c), special.ndtri(c), rtol=RTOL)
    x = special.ndtri(c)
    x[7] = -30.0
    np.testing.assert_allclose(gaussian.cdf(x), _scipy_cdf(x), rtol=RTOL)


def _scipy_cdf(x: np.ndarray) -> np.ndarray:
    """Φ by way of erfcx: scipy's own ndtr is 2e-13 off at x = -37, where exp(-x²/2) is all."""
    square = np.longdouble(x) ** 2 / 2
    if np.finfo(np.longdouble).nmant < 60:  # no extended precision on this machine
        return special.ndtr(x)
    lower = 0.5 * special.erfcx(np.abs(x) / np.sqrt(2.0)) * np.exp(-square)
    return np.where(x < 0, lower, 1 - lower).astype(np.float64)


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 3), (0, 3)])
def test_shape_is_kept(shape: tuple[int, ...]):
    c = np.full(shape, 0.25)
    assert gaussian.quantile(c).shape == shape
    assert gaussian.cdf(c).shape == shape


def test_what_lies_outside_is_infinite_or_nan_without_a_warning():
    inf, nan = np.inf, np.nan
    outside = gaussian.quantile([0.0, 1.0, -0.1, 1.1, nan, inf, -inf])
    np.testing.assert_array_equal(outside, [-inf, inf, nan, nan, nan, nan, nan])
    np.testing.assert_array_equal(gaussian.cdf([-inf, inf, nan, -1e300]), [0.0, 1.0, nan, 0.0])

"""The standard normal distribution: Φ and Φ⁻¹, for arrays and for single numbers.

Conventions
-----------
Φ(x) is the probability that a standard normal variable is at most x; Φ⁻¹ is its inverse.
Both are exact to a relative error of 1e-14 wherever Φ is inside (1e-300, 1 - 1e-16).

Nothing here warns or raises for any float: Φ⁻¹(0) = -inf, Φ⁻¹(1) = inf, Φ⁻¹ outside [0, 1] is
NaN, Φ(-inf) = 0, Φ(inf) = 1, and NaN stays NaN.

Sources
-------
.. [1] M. J. Wichura (1988), Algorithm AS 241: The percentage points of the normal
   distribution, Applied Statistics 37, 477-484 (PPND16).
.. [2] W. J. Cody (1993), Algorithm 715: SPECFUN, ACM TOMS 19, 22-32 (ANORM).

Arrays take one formula for nearly all of their numbers, where the sources have two or three that
suit a number at a time: NumPy pays for every pass over an array, and for picking numbers out of it.

- Φ⁻¹(c) = (c - 1/2) f(w) with w = -log(4 c (1 - c)), for w up to `WIDE_LIMIT`: all c but 0.2 %.
- Φ(-x) = exp(-x²/2) g(x), for 0 <= x <= `SHOULDER_LIMIT`.

f and g are quotients of polynomials, minimax in the relative error (Remez; 2.3e-17 and 7.3e-17);
all their coefficients are positive, so nothing cancels. What lies beyond is left to the sources.
"""

from __future__ import annotations

from itertools import repeat
from math import log, sqrt
from typing import TYPE_CHECKING

import numpy as np

try:
    # AS 241 in C, a sixth of the time of its public face, which checks its arguments in Python.
    from _statistics import _normal_dist_inv_cdf as quantile_of_one  # pyright: ignore
except ImportError:  # not CPython
    from statistics import NormalDist

    def quantile_of_one(c: float, mean: float, std: float) -> float:
        """Φ⁻¹ of one number."""
        return NormalDist(mean, std).inv_cdf(c)


if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray


CHUNK = 8192
"""Numbers that are worked on at a time: 64 KiB an array, of which a function has eleven."""

FEW = 100
"""Up to so many numbers beyond the limit are sooner done one by one."""


# AS 241, highest power first. Centre: |c - 1/2| <= 0.425. Then by r = sqrt(-log(tail)):
# near (r <= 5) and far.
CENTRE_TOP = (
    2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457,
    13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.3871328727963666080,
)  # fmt: skip
CENTRE_BOTTOM = (
    5226.4952788528545610, 28729.085735721942674, 39307.895800092710610, 21213.794301586595867,
    5394.1960214247511077, 687.18700749205790830, 42.313330701600911252, 1.0,
)  # fmt: skip
NEAR_TOP = (
    7.74545014278341407640e-4, 0.0227238449892691845833, 0.241780725177450611770,
    1.27045825245236838258, 3.64784832476320460504, 5.76949722146069140550,
    4.63033784615654529590, 1.42343711074968357734,
)  # fmt: skip
NEAR_BOTTOM = (
    1.05075007164441684324e-9, 5.47593808499534494600e-4, 0.0151986665636164571966,
    0.148103976427480074590, 0.689767334985100004550, 1.67638483018380384940,
    2.05319162663775882187, 1.0,
)  # fmt: skip
FAR_TOP = (
    2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3,
    0.0265321895265761230930, 0.296560571828504891230, 1.78482653991729133580,
    5.46378491116411436990, 6.65790464350110377720,
)  # fmt: skip
FAR_BOTTOM = (
    2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5,
    7.86869131145613259100e-4, 0.0148753612908506148525, 0.136929880922735805310,
    0.599832206555887937690, 1.0,
)  # fmt: skip

# ANORM, highest power first. Body: |x| <= 0.67448975; shoulder: up to sqrt(32); tail: beyond.
BODY_LIMIT = 0.67448975
SHOULDER_LIMIT = sqrt(32.0)
BODY_TOP = (
    0.065682337918207449113, 2.2352520354606839287, 161.02823106855587881,
    1067.6894854603709582, 18154.981253343561249,
)  # fmt: skip
BODY_BOTTOM = (
    1.0, 47.20258190468824187, 976.09855173777669322, 10260.932208618978205, 45507.789335026729956,
)  # fmt: skip
SHOULDER_TOP = (
    1.0765576773720192317e-8, 0.39894151208813466764, 8.8831497943883759412,
    93.506656132177855979, 597.27027639480026226, 2494.5375852903726711,
    6848.1904505362823326, 11602.651437647350124, 9842.7148383839780218,
)  # fmt: skip
SHOULDER_BOTTOM = (
    1.0, 22.266688044328115691, 235.38790178262499861, 1519.377599407554805, 6485.558298266760755,
    18615.571640885098091, 34900.952721145977266, 38912.003286093271411, 19685.429676859990727,
)  # fmt: skip
TAIL_TOP = (
    0.02307344176494017303, 0.21589853405795699, 0.1274011611602473639, 0.022235277870649807,
    0.001421619193227893466, 2.9112874951168792e-5,
)  # fmt: skip
TAIL_BOTTOM = (
    1.0, 1.28426009614491121, 0.468238212480865118, 0.0659881378689285515,
    0.00378239633202758244, 7.29751555083966205e-5,
)  # fmt: skip
ONE_OVER_SQRT_2PI = 0.398942280401432677939946

# f and g, lowest power first.
WIDE_LIMIT = 5.5
WIDE_TOP = (
    2.5066282746310007, 1.0086038210403032, 0.2720934581382285, 0.05308131569201097,
    0.007664824600078416, 0.0008380366951587018, 6.767688420967918e-05, 3.6874902010414553e-06,
    1.0518007242241323e-07,
)  # fmt: skip
WIDE_BOTTOM = (
    1.0, 0.14057532058827055, 0.058715014852591466, 0.006607723459689327, 0.0010776288959342577,
    8.851575413753099e-05, 6.002951206065922e-06, 2.741045997342798e-07, 2.2176487923345563e-09,
)  # fmt: skip
BELL_TOP = (
    0.49999999999999994, 0.5868275272221208, 0.3445557670801187, 0.12470686880220955,
    0.029613413622001917, 0.004586060012462542, 0.00042924091460457947, 1.886227292626471e-05,
)  # fmt: skip
BELL_BOTTOM = (
    1.0, 1.9715396152470923, 1.7621725541775863, 0.9356157246913106, 0.32400756511035606,
    0.07530483492656903, 0.011542877474741562, 0.001075945749944261, 4.728073387024081e-05,
)  # fmt: skip


_Polynomials = tuple[tuple["NDArray[np.float64]", ...], tuple["NDArray[np.float64]", ...]]


def _arrays(top: Sequence[float], bottom: Sequence[float]) -> _Polynomials:
    """Make arrays without dimensions: beside an array quicker than floats."""
    return tuple(map(np.array, top)), tuple(map(np.array, bottom))


_NEAR = _arrays(NEAR_TOP, NEAR_BOTTOM)
_FAR = _arrays(FAR_TOP, FAR_BOTTOM)
_TAIL = _arrays(TAIL_TOP, TAIL_BOTTOM)
_WIDE = np.array([WIDE_TOP, WIDE_BOTTOM])
_BELL = np.array([(*BELL_TOP, 0.0), BELL_BOTTOM])
_MINUS_LOG_4 = np.array(-log(4.0))


def quantile(c: ArrayLike) -> NDArray[np.float64]:
    """Φ⁻¹(c), the standard normal quantile (AS 241).

    Parameters
    ----------
    c : array_like, any shape
        Probabilities in [0, 1].

    Returns
    -------
    ndarray of float64, shape of `c`
        Standard normal values; -inf at 0, inf at 1, NaN outside [0, 1].

    Examples
    --------
    >>> quantile([0.5, 0.975])
    array([0.        , 1.95996398])
    """
    return _in_chunks(_quantile, c)


def _quantile(c: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.empty((_WIDE.shape[1], c.size))
    w = np.subtract(1.0, c, out=powers[1])
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        w *= c
        np.log(w, out=w)
        np.subtract(_MINUS_LOG_4, w, out=w)
        x = _quotient(_WIDE, powers)
        x *= np.subtract(c, 0.5, out=powers[0])
        inside = w <= WIDE_LIMIT
        if not inside.all():
            outer = np.flatnonzero(~inside)
            x[outer] = _outer_quantile(c.take(outer))
    return x


def _outer_quantile(c: NDArray[np.float64]) -> NDArray[np.float64]:
    """Φ⁻¹ near the ends."""
    if c.size <= FEW:
        try:
            u = map(quantile_of_one, c.tolist(), repeat(0.0), repeat(1.0))
            return np.fromiter(u, np.float64, c.size)
        except ValueError:  # an end, or beyond it
            pass
    tail = np.minimum(c, 1.0 - c)
    r = np.sqrt(-np.log(tail))
    x = _ratio(_NEAR, r - 1.6)
    far = np.flatnonzero(r > 5.0)
    if far.size:
        x[far] = _ratio(_FAR, r[far] - 5.0)
        x[tail == 0.0] = np.inf
    return np.copysign(x, c - 0.5)


def cdf(x: ArrayLike) -> NDArray[np.float64]:
    """Φ(x), the standard normal distribution function (ANORM).

    Parameters
    ----------
    x : array_like, any shape
        Standard normal values.

    Returns
    -------
    ndarray of float64, shape of `x`
        Probabilities in [0, 1].

    Examples
    --------
    >>> cdf([0.0, -1.0])
    array([0.5       , 0.15865525])
    """
    return _in_chunks(_cdf, x)


def _cdf(x: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.empty((_BELL.shape[1], x.size))
    size = np.abs(x, out=powers[1])
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        tail = _quotient(_BELL, powers)
        square = powers[2]
        square *= -0.5
        tail *= np.exp(square, out=square)
    inside = size <= SHOULDER_LIMIT
    if not inside.all():
        outer = np.flatnonzero(~inside)
        tail[outer] = _tail(size.take(outer))
    # 1 - tail above the middle, tail below it, without a branch.
    result = np.multiply(x > 0.0, 1.0, out=square)
    result -= tail
    return np.abs(result)


def _tail(size: NDArray[np.float64]) -> NDArray[np.float64]:
    """Φ(-size) beyond the shoulder."""
    # Beyond 39 even the smallest float is too large for the tail; 40 is as good as inf.
    y = np.minimum(size, 40.0)
    # exp(-y²/2) loses y² ulp unless y² is split into an exact part and a small rest.
    coarse = np.trunc(y * 16.0) / 16.0
    rest = (y - coarse) * (y + coarse)
    s = 1.0 / (y * y)
    ratio = s * _horner(_TAIL[0], s) / _horner(_TAIL[1], s)
    with np.errstate(under="ignore"):
        bell = np.exp(-0.5 * coarse * coarse) * np.exp(-0.5 * rest)
        return bell * ((ONE_OVER_SQRT_2PI - ratio) / y)


def _in_chunks(
    function: Callable[[NDArray[np.float64]], NDArray[np.float64]], values: ArrayLike
) -> NDArray[np.float64]:
    """Apply a function of vectors, so many numbers at a time that all it needs stays in cache."""
    array = np.asarray(values, dtype=np.float64)
    flat = array.ravel()
    if flat.size <= CHUNK:
        return function(flat).reshape(array.shape)
    result = np.empty(flat.size)
    for first in range(0, flat.size, CHUNK):
        result[first : first + CHUNK] = function(flat[first : first + CHUNK])
    return result.reshape(array.shape)


def _quotient(
    coefficients: NDArray[np.float64], powers: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Divide two polynomials of `powers[1]`; the other powers are filled in.

    All powers and one matrix product are half the passes of Horner's scheme.
    """
    highest = len(powers) - 1
    powers[0] = 1.0
    known = 1
    while known < highest:
        n = min(known, highest - known)
        np.multiply(powers[1 : n + 1], powers[known], out=powers[known + 1 : known + n + 1])
        known += n
    top, bottom = coefficients.dot(powers)
    top /= bottom
    return top


def _ratio(polynomials: _Polynomials, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide two polynomials of the same argument."""
    top, bottom = polynomials
    result = _horner(top, x)
    result /= _horner(bottom, x)
    return result


def _horner(
    coefficients: Sequence[NDArray[np.float64]], x: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Evaluate a polynomial, highest power first, in one array that is reused."""
    first, second, *rest = coefficients
    total = first * x
    total += second
    for coefficient in rest:
        total *= x
        total += coefficient
    return total

"""Random parameter values: the rows of ``labels.csv``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from timbremap_jax.data.audio.sounds import SUBTYPES
from timbremap_jax.data.patch import PARAMETER_MAX, Parameter
from timbremap_runtime.errors import SettingsError

SAMPLINGS = ("uniform", "sobol")


@dataclass(frozen=True)
class GenerateSettings:
    """What to render.

    Attributes
    ----------
    n_examples : int
        Number of sounds.
    seed : int
        Seed of the parameter values.
    sampling : str
        ``uniform``: independent draws. ``sobol``: a scrambled Sobol sequence, which covers the
        space more evenly (Owen, 1998).
    sample_format : str
        ``pcm24`` or ``float`` samples in the WAV files.
    """

    n_examples: int = 10_000
    seed: int = 0
    sampling: str = "uniform"
    sample_format: str = "pcm24"

    def __post_init__(self):
        if not 1 <= self.n_examples <= 2**24:
            raise SettingsError(f"examples is {self.n_examples}; give 1 to {2**24}")
        if self.seed < 0:
            raise SettingsError(f"seed is {self.seed}; give 0 or more")
        if self.sampling not in SAMPLINGS:
            raise SettingsError(f"no sampling '{self.sampling}'; there are {', '.join(SAMPLINGS)}")
        if self.sample_format not in SUBTYPES:
            raise SettingsError(
                f"no format '{self.sample_format}'; there are {', '.join(SUBTYPES)}"
            )


def sample_parameters(settings: GenerateSettings, n_parameters: int) -> NDArray[np.int64]:
    """Draw parameter values from the integers 0..127.

    Row i is the same whatever ``n_examples`` is.

    Returns
    -------
    ndarray of int64, shape (n_examples, n_parameters)
    """
    n_examples = settings.n_examples
    generator = np.random.default_rng(settings.seed)
    if settings.sampling == "uniform":
        return generator.integers(0, PARAMETER_MAX + 1, (n_examples, n_parameters))
    from scipy.stats import qmc

    # Sobol points are balanced in powers of two.
    points = qmc.Sobol(n_parameters, rng=generator).random_base2((n_examples - 1).bit_length())
    return (points[:n_examples] * (PARAMETER_MAX + 1)).astype(np.int64)


def on_steps(values: NDArray[np.int64], parameters: Sequence[Parameter]) -> NDArray[np.int64]:
    """Move the values of switches to their positions, each as often as the others.

    Parameters
    ----------
    values : ndarray of int64, shape (n_examples, n_parameters)
        Values 0..127.
    parameters : sequence of Parameter
        What they are values of.

    Returns
    -------
    ndarray of int64, shape (n_examples, n_parameters)
    """
    values = values.copy()
    for column, parameter in zip(values.T, parameters, strict=True):
        if parameter.steps:
            position = column * parameter.steps // (PARAMETER_MAX + 1)
            column[:] = np.round(position * PARAMETER_MAX / (parameter.steps - 1))
    return values

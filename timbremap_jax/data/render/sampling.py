"""Random parameter values: the rows of ``labels.csv``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from timbremap_jax.data.audio.sounds import SUBTYPES
from timbremap_jax.data.patch import PARAMETER_MAX, Note, Parameter
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
    pitches, velocities : tuple of int
        Of which each sound plays one, drawn at random; empty for those of the note.
    """

    n_examples: int = 10_000
    seed: int = 0
    sampling: str = "uniform"
    sample_format: str = "pcm24"
    pitches: tuple[int, ...] = ()
    velocities: tuple[int, ...] = ()

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
        for name in ("pitches", "velocities"):
            values = getattr(self, name)
            twice = [value for value in values if values.count(value) > 1]
            if twice:
                raise SettingsError(f"{name} has {twice[0]} more than once; give each once")

    def choices(self, note: Note) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """Return the pitches and velocities that are drawn from; None if all play ``note``."""
        if not (self.pitches or self.velocities):
            return None
        return self.pitches or (note.pitch,), self.velocities or (note.velocity,)

    def home(self, note: Note) -> Note:
        """Return the note that stands for all: with the first pitch and the first velocity."""
        choices = self.choices(note)
        if choices is None:
            return note
        for pitch in choices[0]:
            for velocity in choices[1]:
                note.with_changes(pitch=pitch, velocity=velocity)  # which says what is wrong
        return note.with_changes(pitch=choices[0][0], velocity=choices[1][0])


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


def sample_notes(settings: GenerateSettings, note: Note) -> NDArray[np.int64] | None:
    """Draw the note of each row.

    Row i is the same whatever ``n_examples`` is, and its parameters are those it has without.

    Returns
    -------
    ndarray of int64, shape (n_examples, 2), or None
        Pitch and velocity; None if all rows play ``note``.
    """
    choices = settings.choices(note)
    if choices is None:
        return None
    generator = np.random.default_rng([settings.seed, 1])
    drawn = generator.random((settings.n_examples, 2))
    columns = [
        np.array(values)[(share * len(values)).astype(np.int64)]
        for values, share in zip(choices, drawn.T, strict=True)
    ]
    return np.stack(columns, axis=1)


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

"""Which test sounds a page lets one hear: the best, a typical one and the worst."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timbremap_jax.report.rendering import Renders
from timbremap_jax.report.subject import Subject


@dataclass(frozen=True, eq=False)
class Example:
    """A test sound beside what the map answers.

    Attributes
    ----------
    title : str
        Which one it is.
    distance_db : float
        Between the two.
    sounds : tuple of two ndarray, shape (n_samples,)
        The sound and the answer.
    power : tuple of two ndarray, shape (n_mels, n_frames)
        Mel power of both.
    presets : tuple of two ndarray, shape (n,)
        Parameters of both.
    """

    title: str
    distance_db: float
    sounds: tuple[NDArray[np.float32], NDArray[np.float32]]
    power: tuple[NDArray[np.float32], NDArray[np.float32]]
    presets: tuple[NDArray[np.floating], NDArray[np.floating]]


def pick_examples(subject: Subject, figures: dict[str, Any], renders: Renders) -> list[Example]:
    """Choose by reconstruction, or, without an encoder, by how presets are found on the pad."""
    answers = "heard" if subject.heard is not None else "preset"
    each = np.array(figures["each"]["reconstruction" if answers == "heard" else "preset"])
    order = np.argsort(each, kind="stable")
    values = (
        subject.heard
        if subject.heard is not None
        else subject.mapping.forward(subject.mapping.inverse(subject.test.astype(np.float64)))
    )
    chosen = {"Best": order[0], "Typical": order[len(order) // 2], "Worst": order[-1]}
    power = renders.power("test"), renders.power(answers)
    sounds = renders.sounds("test"), renders.sounds(answers)
    return [
        Example(
            title,
            float(each[at]),
            (sounds[0][at], sounds[1][at]),
            (power[0][at], power[1][at]),
            (subject.test[at], values[at]),
        )
        for title, at in chosen.items()
    ]

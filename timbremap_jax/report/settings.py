"""How much a report listens to."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from timbremap_runtime.core.types import Scale
from timbremap_runtime.errors import SettingsError

FEWEST_TEST_SOUNDS = 20
"""With fewer, a mean of distances says little."""


@dataclass(frozen=True)
class ReportSettings:
    """How many sounds a report renders, and from which seed.

    Attributes
    ----------
    seed : int
        Of every random choice.
    scale : {"normal", "uniform", "even"} or None
        Of the control space; None for the even one where a map has it, else the normal one.
    floor : float or None
        Mel power of silence; None for 80 dB below the loudest mel value of the test sounds.
    n_test : int
        Test sounds at most.
    n_points : int
        Points of the pad, and presets of the library, among which the nearest is sought.
    n_steps : int
        Points from which each axis is moved by a step.
    n_lines : int
        Straight lines between random points.
    n_pairs : int
        Pairs of points for the proportion.
    n_drawn_anew : int
        Presets of which each parameter alone is drawn anew, at most.
    n_grid : int
        Points along each side of the map of speeds.
    n_elsewhere : int
        Test sounds, and points, that are played with other notes.
    n_compared : int
        Test sounds that are compared by the papers' measures too.
    """

    seed: int = 0
    scale: Scale | None = None
    floor: float | None = None
    n_test: int = 1000
    n_points: int = 1500
    n_steps: int = 200
    n_lines: int = 50
    n_pairs: int = 4000
    n_drawn_anew: int = 100
    n_grid: int = 21
    n_elsewhere: int = 200
    n_compared: int = 50

    def __post_init__(self):
        if self.seed < 0:
            raise SettingsError(f"seed is {self.seed}; give 0 or more")
        if self.floor is not None and not self.floor > 0.0:
            raise SettingsError(f"floor is {self.floor}; give a mel power above 0, such as 1e-4")

    def quick(self) -> ReportSettings:
        """Return the same with about a tenth of the sounds."""
        return replace(
            self,
            n_test=100,
            n_points=300,
            n_steps=40,
            n_lines=10,
            n_pairs=1000,
            n_drawn_anew=20,
            n_grid=9,
            n_elsewhere=30,
            n_compared=20,
        )

    def as_json(self) -> dict[str, Any]:
        """Return all of them, ready for JSON."""
        return asdict(self)

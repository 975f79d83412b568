"""What a service is told before it starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from timbremap_runtime.core.types import Scale
from timbremap_runtime.service.targets import Target


@dataclass(frozen=True)
class ServiceSettings:
    """Where a service listens and sends, and what it plays.

    Attributes
    ----------
    host, port : str, int
        Where to listen; a port of 0 takes a free one.
    targets : sequence of Target
        Where parameters are sent from the start.
    model : str or None
        The first model; None for the first of the library.
    scale : {"normal", "uniform", "even"} or None
        Of the control space; None for the even one where a model has it, else the normal one.
    smoothing_ms : float
        Time constant of smoothing.
    """

    host: str = "127.0.0.1"
    port: int = 9000
    targets: Sequence[Target] = ()
    model: str | None = None
    scale: Scale | None = None
    smoothing_ms: float = 0.0

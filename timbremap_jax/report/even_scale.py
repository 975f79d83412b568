"""Give a finished map an even scale, by rendering it on its instrument."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from timbremap_jax.data.lock import at_work_in
from timbremap_jax.model_folder.even import measure_even
from timbremap_jax.report.measures import floor_below, log_mel
from timbremap_jax.report.plan import Group
from timbremap_jax.report.rendering import Progress, render_plan
from timbremap_jax.report.settings import ReportSettings
from timbremap_jax.report.subject import Subject, open_subject
from timbremap_runtime.core.model_folder import find_map
from timbremap_runtime.core.textformat import save_even


def give_even_scale(
    model: Path,
    patch_dir: Path | None = None,
    variant: str | None = None,
    *,
    seed: int = 0,
    live: bool = False,
    announce: Callable[[str], None] = lambda _: None,
    n_workers: int | None = None,
    command: Sequence[str] = (),
    progress: Progress = lambda items, _: items,
) -> Subject:
    """Measure the even scale of a map by its sounds, and write it into the map's folder.

    Every other file of the map stays as it is. An even scale that was there is replaced.

    Parameters
    ----------
    model : Path
        A model folder, or a ``timbremap`` folder.
    patch_dir, variant, live, announce, n_workers, command, progress
        As `timbremap_jax.report.card.make_report` takes them.
    seed : int
        Of the places where the axes are walked.

    Returns
    -------
    Subject
        What was measured.

    Raises
    ------
    TimbreMapError
        The map, its instrument or its sounds cannot be used; the message says which and why.
    """
    # No preset is judged here.
    settings = ReportSettings(seed=seed, n_test=1, n_points=1)
    subject = open_subject(model, settings, patch_dir, variant)
    floor: float | None = None

    def hear(parameters: NDArray[np.float64]) -> NDArray[np.float32]:
        nonlocal floor
        groups = {"test": Group(parameters, subject.note)}
        with tempfile.TemporaryDirectory() as folder:
            renders = render_plan(
                subject.patch,
                groups,
                subject.features,
                Path(folder),
                live=live,
                announce=announce,
                n_workers=n_workers,
                progress=progress,
            )
            power = renders.power("test")
        floor = floor or floor_below(power)
        return log_mel(power, floor)

    with at_work_in(subject.folder, command):
        save_even(measure_even(subject.mapping, hear, seed), find_map(model) or model)
    return subject

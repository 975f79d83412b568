"""Make a report: render, judge, write ``report.json`` and ``report.html`` into the model folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from timbremap_jax.data.files import save_bytes, save_json
from timbremap_jax.data.lock import at_work_in
from timbremap_jax.report.assess import CHANGED_DB, assess, axis_names
from timbremap_jax.report.examples import pick_examples
from timbremap_jax.report.glides import render_glides
from timbremap_jax.report.hearing import let_it_hear
from timbremap_jax.report.page import report_page
from timbremap_jax.report.plan import make_plan
from timbremap_jax.report.rendering import Progress, Renders, forget, render_plan
from timbremap_jax.report.settings import ReportSettings
from timbremap_jax.report.subject import Subject, digest_of, open_subject
from timbremap_runtime.errors import FormatError, PathError, TimbreMapError

JSON, PAGE = "report.json", "report.html"

FORMAT = 1
"""Of ``report.json``; raised when a figure changes its meaning."""


def make_report(
    model: Path,
    settings: ReportSettings,
    patch_dir: Path | None = None,
    variant: str | None = None,
    *,
    output: Path | None = None,
    live: bool = False,
    announce: Callable[[str], None] = lambda _: None,
    n_workers: int | None = None,
    command: Sequence[str] = (),
    progress: Progress = lambda items, _: items,
) -> dict[str, Any]:
    """Judge a map by its sounds, and write its report.

    A run that is stopped goes on where it was when it is called again.

    Parameters
    ----------
    model : Path
        A model folder, or a ``timbremap`` folder.
    settings : ReportSettings
        How many sounds, and from which seed.
    patch_dir : Path, optional
        The instrument, where the model does not name it or it has moved.
    variant : str, optional
        Which of its variants.
    output : Path, optional
        The folder for the report; the model's when not given.
    live : bool
        Whether an instrument that plays in real time may be recorded.
    announce : callable
        Told, in a sentence, how long such a recording will take before it begins.
    n_workers : int, optional
        Number of processes; one a processor when not given.
    command : sequence of str
        What was typed, to tell another run in the same folder.
    progress : callable
        Wraps the rendered sounds as they come.

    Returns
    -------
    dict
        The content of ``report.json``.

    Raises
    ------
    TimbreMapError
        The map, its instrument or its sounds cannot be judged; the message says which and why.
    """
    subject = open_subject(model, settings, patch_dir, variant)
    folder = output or subject.folder
    with at_work_in(folder, command):
        subject = let_it_hear(subject, n_workers, progress)
        groups = make_plan(subject, settings)
        renders = render_plan(
            subject.patch,
            groups,
            subject.features,
            folder,
            live=live,
            announce=announce,
            n_workers=n_workers,
            progress=progress,
        )
        figures = assess(subject, settings, groups, renders)
        report = {
            **identity(subject, settings),
            "notices": [*subject.notices, *_more_notices(figures, renders)],
            "n_test": len(subject.test),
            "n_rendered": sum(map(len, groups.values())),
            "axes": axis_names(subject.mapping.control_size),
            "figures": figures,
        }
        glides = render_glides(subject.patch, subject.mapping, subject.note)
        examples = pick_examples(subject, figures, renders)
        page = report_page(report, examples, glides, subject.features)
        save_bytes(folder / PAGE, page.encode())
        save_json(folder / JSON, report)
        forget(folder)
    return report


def find_report(
    model: Path,
    settings: ReportSettings,
    patch_dir: Path | None = None,
    variant: str | None = None,
) -> dict[str, Any] | None:
    """Read the report of a model if it is what `make_report` would come to again, else None.

    The parameters and errors are those of `make_report`.
    """
    subject = open_subject(model, settings, patch_dir, variant)
    try:
        report = read_report(subject.folder)
    except TimbreMapError:
        return None
    now = json.loads(json.dumps(identity(subject, settings)))
    return report if all(report.get(key) == value for key, value in now.items()) else None


def identity(subject: Subject, settings: ReportSettings) -> dict[str, Any]:
    """Return all that decides the figures of a report."""
    digest = hashlib.sha256(subject.test.tobytes() + subject.library.tobytes())
    digest.update(subject.mapping.scale.encode())
    for layer in subject.mapping.layers:
        digest.update(repr(sorted(layer.words().items())).encode())
        for array in layer.arrays().values():
            digest.update(array.tobytes())
    return {
        "format": FORMAT,
        "name": subject.name,
        "map_and_presets": digest.hexdigest()[:16],
        "presets": "drawn" if subject.drawn else "data set",
        "instrument": {
            "name": subject.patch.name,
            "variant": subject.patch.variant,
            "engine": subject.patch.engine,
            "sha256": digest_of(subject.patch),
            "note": asdict(subject.note),
            "parameters": list(subject.parameter_names),
        },
        "features": asdict(subject.features),
        "settings": {**settings.as_json(), "scale": subject.mapping.scale},
    }


def read_report(folder: Path) -> dict[str, Any]:
    """Read ``report.json`` of a folder.

    Raises
    ------
    PathError
        There is none.
    FormatError
        It is not what `make_report` writes.
    """
    file = folder / JSON
    try:
        report = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise PathError(f"{file}: no such file; run  tm-report {folder}") from None
    except ValueError:
        raise FormatError(f"{file}: not valid JSON; run  tm-report {folder}") from None
    if not isinstance(report, dict) or report.get("format") != FORMAT:
        raise FormatError(f"{file}: not of this version of TimbreMap; run  tm-report {folder}")
    return report


def _more_notices(figures: dict[str, Any], renders: Renders) -> list[str]:
    notices: list[str] = []
    recorded = figures.get("recorded", 0.0)
    if recorded > CHANGED_DB:
        notices.append(
            f"the same presets now sound {recorded:.2f} dB different from the sounds that the model"
            " was trained on: the instrument has changed, or it never sounds twice the same"
        )
    if renders.fault:
        notices.append(f"some sounds could not be rendered and count as silence: {renders.fault}")
    if figures["silent_points"]:
        notices.append(f"{figures['silent_points']:.1%} of the pad's points are silent")
    return notices

"""Let a trained encoder hear the test sounds, where its answers are not on record."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from timbremap_jax.report.plan import Group
from timbremap_jax.report.rendering import Progress, render_plan
from timbremap_jax.report.subject import Subject

AT_ONCE = 256
"""Sounds that an encoder reads at a time."""


def let_it_hear(
    subject: Subject,
    n_workers: int | None = None,
    progress: Progress = lambda items, _: items,
) -> Subject:
    """Return the subject with the parameters that its model gives for each test sound.

    The answers of training lie in the model folder and are of the data set's sounds. Where presets
    had to be drawn, their sounds are rendered for the encoder, if there is one. It stays as it is
    without an encoder, and where rendering would take as long as playing.

    Parameters
    ----------
    subject : Subject
        The map.
    n_workers : int, optional
        Number of processes that render; one a processor when not given.
    progress : callable
        Wraps the rendered sounds as they come.
    """
    from timbremap_jax.model_folder.layout import CHECKPOINT, is_finished  # JAX, which takes long

    if (
        subject.heard is not None
        or subject.patch.engine == "osc"
        or not (subject.folder / CHECKPOINT).is_dir()
        or not is_finished(subject.folder)
    ):
        return subject
    from timbremap_jax.model_folder.read import open_model

    model = open_model(subject.folder)
    groups = {"test": Group(subject.test.astype(np.float64), subject.note)}
    with tempfile.TemporaryDirectory() as folder:
        renders = render_plan(
            subject.patch,
            groups,
            subject.features,
            Path(folder),
            n_workers=n_workers,
            progress=progress,
        )
        power = renders.power("test")
        # A model may read less, or more, than the note is long now.
        width = min(power.shape[2], model.input_shape[1])
        fitted = np.zeros((len(power), *model.input_shape), np.float32)
        fitted[:, :, :width] = power[:, :, :width]
    parts = [fitted[start : start + AT_ONCE] for start in range(0, len(fitted), AT_ONCE)]
    heard = np.concatenate([model.encode(part, subject.note).parameters for part in parts])
    return replace(subject, heard=heard.astype(np.float64))

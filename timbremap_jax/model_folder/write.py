"""Complete a model folder when training has finished."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import numpy as np

import timbremap_runtime as tm
from timbremap_jax.data.dataset import Dataset
from timbremap_jax.data.files import save_array, save_json
from timbremap_jax.data.restoration import measure
from timbremap_jax.model.inference import batches_of, encode
from timbremap_jax.model_folder import layout
from timbremap_jax.model_folder.even import with_even_scale
from timbremap_jax.model_folder.export import export_mapping, principal_axes
from timbremap_jax.training.evaluation import parameter_errors, round_trip_error, summarize
from timbremap_jax.training.loop import Trained
from timbremap_jax.training.settings import TrainSettings
from timbremap_runtime.core.model_folder import MAP, METRICS
from timbremap_runtime.core.types import Scale

N_MEASURED = 1000
"""Training sounds that are enough to say what they have in common."""


def save_model(
    model_dir: Path, dataset: Dataset, settings: TrainSettings, trained: Trained
) -> dict[str, Any]:
    """Evaluate a trained model and complete its folder.

    Returns
    -------
    dict
        The content of ``metrics.json``.
    """
    # Here, so that training does not wait for Matplotlib before its first step.
    from timbremap_jax.pictures.errors import plot_errors

    rows = np.arange(len(dataset))
    everything = encode(
        trained.model, trained.standardization, batches_of(dataset, rows), dataset.notes
    )
    axes = principal_axes(everything.latent) if settings.pca else None
    mapping = export_mapping(trained.model.regressor, everything.latent, axes)
    if trained.hear:
        home = dataset.home if dataset.notes is not None else None
        note = (home.pitch, home.velocity) if home else None
        mapping = with_even_scale(mapping, trained.hear, settings.seed, note)
    errors = {
        name: summarize(
            parameter_errors(everything.parameters[r], dataset.labels[r], dataset.parameter_names)
        )
        for name, r in (("training", dataset.training_rows), ("test", dataset.test_rows))
    }
    tm.save(mapping, model_dir / MAP)
    metrics = {
        "epochs": [asdict(report) for report in trained.history],
        **errors,
        "round_trip": {
            scale: round_trip_error(tm.load(model_dir / MAP, scale))
            for scale in get_args(Scale)
            if scale != "even" or trained.hear
        },
        "seconds": sum(report.seconds for report in trained.history),
        **({"proxy": asdict(trained.proxy)} if trained.proxy else {}),
    }
    save_array(model_dir / layout.LATENT, everything.latent)
    if axes:
        save_array(model_dir / layout.LATENT_PCA, axes.project(everything.latent))
    save_array(model_dir / layout.LATENT_ROWS, rows)
    save_array(model_dir / layout.LABELS, dataset.labels)
    some = dataset.training_rows[:: -(-len(dataset.training_rows) // N_MEASURED)]
    measure(lambda: batches_of(dataset, some)).save(model_dir / layout.SOUNDS)
    test = dataset.test_rows
    plot_errors(
        model_dir / layout.ERRORS,
        everything.parameters[test],
        dataset.labels[test],
        dataset.parameter_names,
    )
    save_json(model_dir / METRICS, metrics)
    return metrics

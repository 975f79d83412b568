"""A model folder: what training leaves behind, written and read in one place.

::

    model/
      timbremap/        the mapping, in the jg.timbremap text format
      config.json       what was trained, on what
      metrics.json      errors, epoch by epoch and at the end
      latent.npy        Z, posterior mean of every row of the data set, N x m
      latent_pca.npy    Z*, the same re-oriented (with PCA only)
      labels.npy        P, the true parameters of those rows, N x n
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import timbremap_runtime as tm
from timbremap_jax.data.dataset import Dataset
from timbremap_jax.data.files import save_array, save_json
from timbremap_jax.evaluation import parameter_errors, round_trip_error, summarize
from timbremap_jax.export import export_mapping, principal_axes
from timbremap_jax.training import Trained, TrainSettings, encode
from timbremap_runtime.errors import FolderError, FormatError


def require_free(model_dir: Path) -> None:
    """Refuse a model folder that holds something already."""
    if model_dir.exists() and (not model_dir.is_dir() or any(model_dir.iterdir())):
        raise FolderError(f"{model_dir} is there already: give another folder, or remove it")


def save_model(
    model_dir: Path, data_dir: Path, dataset: Dataset, settings: TrainSettings, trained: Trained
) -> dict[str, Any]:
    """Evaluate a trained model and write its folder, whole or not at all.

    Returns
    -------
    dict
        The content of ``metrics.json``.
    """
    rows = np.arange(len(dataset))
    everything = encode(trained.model, trained.standardization, dataset, rows)
    axes = principal_axes(everything.latent) if settings.pca else None
    mapping = export_mapping(trained.model.regressor, everything.latent, axes)
    test = dataset.test_rows
    errors = parameter_errors(
        everything.parameters[test], dataset.labels[test], dataset.parameter_names
    )
    metrics = {
        "epochs": [asdict(report) for report in trained.history],
        "test": summarize(errors),
        "round_trip": round_trip_error(mapping),
    }
    config = {
        "data": str(data_dir),
        "training": asdict(settings),
        "features": asdict(dataset.settings) if dataset.settings else None,
        "parameters": list(dataset.parameter_names),
    }
    temporary = model_dir.with_name(f".{model_dir.name}.{os.getpid()}")
    try:
        temporary.mkdir(parents=True)
        tm.save(mapping, temporary / "timbremap")
        save_array(temporary / "latent.npy", everything.latent)
        if axes:
            save_array(temporary / "latent_pca.npy", axes.project(everything.latent))
        save_array(temporary / "labels.npy", dataset.labels)
        save_json(temporary / "config.json", config)
        save_json(temporary / "metrics.json", metrics)
        if model_dir.exists():
            model_dir.rmdir()  # require_free left it only if empty
        temporary.rename(model_dir)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return metrics


def read_json(model_dir: Path, name: str) -> dict[str, Any]:
    """Read ``config.json`` or ``metrics.json`` of a model folder."""
    file = model_dir / name
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise FolderError(f"{file}: no such file; give a folder that tm-train wrote") from None
    except ValueError:
        raise FormatError(f"{file}: not valid JSON; train the model again") from None


def load_array(model_dir: Path, name: str) -> NDArray[np.float32]:
    """Read ``latent.npy`` and the like of a model folder."""
    file = model_dir / name
    try:
        return np.load(file)
    except FileNotFoundError:
        raise FolderError(f"{file}: no such file; train the model again") from None
    except (ValueError, EOFError):
        raise FormatError(f"{file}: not an array; train the model again") from None

"""A model folder: what training leaves behind, written and read in one place.

::

    model/
      config.json       what is trained, how and on what; written first
      checkpoint/       weights, optimizer state, standardization, progress (Orbax)
      timbremap/        the mapping, in the jg.timbremap text format
      latent.npy        Z, posterior mean of every row of the data set, N x m
      latent_pca.npy    Z*, the same re-oriented (with PCA only)
      latent_rows.npy   the rows of the data set that these are, N
      labels.npy        P, the true parameters of those rows, N x n
      err_dist.png      where the model errs
      metrics.json      errors, epoch by epoch and at the end; written last
"""

from __future__ import annotations

import hashlib
import json
import shlex
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from flax import nnx
from numpy.typing import NDArray

import timbremap_runtime as tm
from timbremap_jax.data.dataset import Dataset, Standardization
from timbremap_jax.data.features.mel import FeatureSettings
from timbremap_jax.data.files import save_array, save_json
from timbremap_jax.data.manifest import read_manifest
from timbremap_jax.model.build import TimbreModel
from timbremap_jax.model.inference import Encoded, batches_of, encode
from timbremap_jax.model_folder.export import export_mapping, principal_axes
from timbremap_jax.pictures.errors import plot_errors
from timbremap_jax.training.checkpoints import Checkpoints
from timbremap_jax.training.evaluation import parameter_errors, round_trip_error, summarize
from timbremap_jax.training.loop import Trained
from timbremap_jax.training.recipes import find_recipe
from timbremap_jax.training.settings import TrainSettings
from timbremap_runtime.errors import FormatError, PathError

INSTRUMENT = ("patch_dir", "variant", "note")
"""What a model remembers of how its first data set was rendered, so that a point can be heard."""


def checkpoints_of(model_dir: Path) -> Checkpoints:
    """Return the checkpoints of a model folder."""
    return Checkpoints(model_dir / "checkpoint")


def open_run(
    model_dir: Path, data_dir: Path, dataset: Dataset, settings: TrainSettings, *, resume: bool
) -> bool:
    """Make a model folder for a run, or find that it holds the same run already.

    Parameters
    ----------
    model_dir : Path
        The folder.
    data_dir : Path
        Where the data set lies.
    dataset : Dataset
        The data set.
    settings : TrainSettings
        What is trained and how.
    resume : bool
        Whether a run in the folder is to go on.

    Returns
    -------
    bool
        True if the run is finished already.

    Raises
    ------
    PathError
        The folder is in use: by another run, or without ``resume`` by any.
    """
    config = _config(data_dir, dataset, settings)
    if not model_dir.exists() or (model_dir.is_dir() and not any(model_dir.iterdir())):
        model_dir.mkdir(parents=True, exist_ok=True)
        save_json(model_dir / "config.json", config)
        return False
    if not (model_dir / "config.json").is_file():
        raise PathError(f"{model_dir} is there and is no model: give another folder")
    finished = (model_dir / "metrics.json").is_file()
    if not resume:
        way_out = "" if finished else "go on with --resume, "
        raise PathError(
            f"{model_dir} holds {'a trained model' if finished else 'a run that was stopped'}:"
            f" {way_out}give another folder, or remove it"
        )
    differences = _differences(read_json(model_dir, "config.json"), config)
    if differences:
        raise PathError(
            f"{model_dir} holds another run ({'; '.join(differences)}): --resume goes on only with"
            " the same options and data; give another folder"
        )
    return finished


def save_model(
    model_dir: Path, dataset: Dataset, settings: TrainSettings, trained: Trained
) -> dict[str, Any]:
    """Evaluate a trained model and complete its folder.

    Returns
    -------
    dict
        The content of ``metrics.json``.
    """
    rows = np.arange(len(dataset))
    everything = encode(trained.model, trained.standardization, batches_of(dataset, rows))
    axes = principal_axes(everything.latent) if settings.pca else None
    mapping = export_mapping(trained.model.regressor, everything.latent, axes)
    errors = {
        name: summarize(
            parameter_errors(everything.parameters[r], dataset.labels[r], dataset.parameter_names)
        )
        for name, r in (("training", dataset.training_rows), ("test", dataset.test_rows))
    }
    tm.save(mapping, model_dir / "timbremap")
    metrics = {
        "epochs": [asdict(report) for report in trained.history],
        **errors,
        "round_trip": {
            scale: round_trip_error(tm.load(model_dir / "timbremap", scale))
            for scale in ("normal", "uniform")
        },
        "seconds": sum(report.seconds for report in trained.history),
    }
    save_array(model_dir / "latent.npy", everything.latent)
    if axes:
        save_array(model_dir / "latent_pca.npy", axes.project(everything.latent))
    save_array(model_dir / "latent_rows.npy", rows)
    save_array(model_dir / "labels.npy", dataset.labels)
    test = dataset.test_rows
    plot_errors(
        model_dir / "err_dist.png",
        everything.parameters[test],
        dataset.labels[test],
        dataset.parameter_names,
    )
    save_json(model_dir / "metrics.json", metrics)
    return metrics


@dataclass(frozen=True)
class OpenModel:
    """A trained model that was read from its folder.

    Attributes
    ----------
    model : TimbreModel
        Encoder and regressor.
    standardization : Standardization
        How spectrograms are brought to what the encoder reads.
    features : FeatureSettings or None
        How spectrograms are computed; None when the data set did not say.
    input_shape : tuple of int
        Mel bands and frames that it reads.
    parameter_names : tuple of str
        Names of the n parameters.
    mapping : TimbreMap
        What was exported of it.
    """

    model: TimbreModel
    standardization: Standardization
    features: FeatureSettings | None
    input_shape: tuple[int, int]
    parameter_names: tuple[str, ...]
    mapping: tm.TimbreMap

    def encode(self, power: NDArray[np.float32]) -> Encoded:
        """Encode one batch of mel power, shape (at most 256, n_mels, n_frames)."""
        return encode(self.model, self.standardization, [power])

    def controls(self, encoded: Encoded) -> NDArray[np.float64]:
        """Where encoded sounds lie in the control space, (N, m) in [0, 1]."""
        pca = self.mapping.pca
        z_star = pca.inverse(encoded.latent) if pca else encoded.latent.astype(np.float64)
        return self.mapping.vec_scale.inverse(z_star)

    def strangeness(self, power: NDArray[np.float32]) -> NDArray[np.float64]:
        """How far spectra are from the data set's mean spectrum, in its deviations, (N,).

        The root mean square over bands and frames: about 1 for sounds like those of the data set.
        0 for a model that reads mel power, of which a deviation says little.
        """
        if self.standardization.kind == "power":
            return np.zeros(len(power))
        return np.sqrt(np.mean(self.standardization(power) ** 2, axis=(1, 2), dtype=np.float64))


def open_model(model_dir: Path) -> OpenModel:
    """Read a trained model.

    Raises
    ------
    PathError
        There is no model, or its training has not finished.
    FormatError
        A file of it cannot be read.
    """
    config = read_json(model_dir, "config.json")
    _require_finished(model_dir)
    try:
        settings = TrainSettings(**config["training"])
        names = tuple(config["parameters"])
        n_mels, n_frames = config["data"]["input_shape"]
        features = FeatureSettings(**config["features"]) if config["features"] else None
    except (KeyError, TypeError, ValueError) as error:
        raise _of_another_version(model_dir, error) from None
    model = settings.make_model((n_mels, n_frames), len(names))
    graph, state = nnx.split(model)
    saved = checkpoints_of(model_dir).latest(nnx.to_pure_dict(state))
    if saved is None:
        raise PathError(
            f"{model_dir}: has no checkpoint, so it can be played but not listen (the models beside"
            " the instruments come without): train one to encode sounds"
        )
    return OpenModel(
        nnx.merge(graph, saved.weights),
        saved.standardization,
        features,
        (n_mels, n_frames),
        names,
        tm.load(model_dir / "timbremap"),
    )


def read_json(model_dir: Path, name: str, *required: str) -> dict[str, Any]:
    """Read ``config.json`` or ``metrics.json`` of a model folder, with what must be in it."""
    file = model_dir / name
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise PathError(f"{file}: no such file; give a folder that tm-train wrote") from None
    except ValueError:
        raise FormatError(f"{file}: not valid JSON; train the model again") from None
    if not isinstance(content, dict) or not set(required) <= set(content):
        raise FormatError(f"{file}: not what tm-train writes; train the model again")
    return content


def load_array(model_dir: Path, name: str) -> NDArray[np.float32]:
    """Read ``latent.npy`` and the like of a model folder."""
    file = model_dir / name
    try:
        return np.load(file)
    except FileNotFoundError:
        _require_finished(model_dir)
        raise PathError(f"{file}: no such file; train the model again") from None
    except (ValueError, EOFError):
        raise FormatError(f"{file}: not an array; train the model again") from None


def _of_another_version(model_dir: Path, error: Exception) -> FormatError:
    return FormatError(
        f"{model_dir / 'config.json'}: not of this version of TimbreMap ({error});"
        " train the model again"
    )


FLAGS = {"generative": "--gen", "pca": "--pca"}


def _require_finished(model_dir: Path) -> None:
    if (model_dir / "metrics.json").is_file():
        return
    config = read_json(model_dir, "config.json", "training", "data")
    try:
        training, data_dir = config["training"].items(), str(config["data"]["folder"])
    except (KeyError, TypeError, AttributeError) as error:
        raise _of_another_version(model_dir, error) from None
    words = ["tm-train"]
    for name, value in training:
        if name in FLAGS:
            words += [FLAGS[name]] if value else []
        else:
            option = "batch" if name == "batch_size" else name.replace("_", "-")
            words += [f"--{option}", str(value)]
    again = shlex.join([*words, "--resume", data_dir, str(model_dir)])
    raise PathError(f"{model_dir}: its training has not finished; go on with  {again}")


def _config(data_dir: Path, dataset: Dataset, settings: TrainSettings) -> dict[str, Any]:
    digest = hashlib.sha256(dataset.labels.tobytes() + dataset.test_rows.tobytes())
    rendered = read_manifest(dataset.sources[0].folder)
    return {
        "training": asdict(settings),
        "recipe": asdict(find_recipe(settings.recipe, settings.encoder)),
        "data": {
            "folder": str(data_dir),
            "n_sounds": len(dataset),
            "input_shape": list(dataset.input_shape),
            "labels_and_partition": digest.hexdigest()[:16],
        },
        "features": asdict(dataset.settings) if dataset.settings else None,
        "parameters": list(dataset.parameter_names),
        "instrument": {key: rendered[key] for key in INSTRUMENT} if rendered else None,
    }


def _differences(saved: dict[str, Any], config: dict[str, Any]) -> list[str]:
    """Say in what two configurations differ. Where data and instrument lie does not count."""
    found: list[str] = []
    for part, now in config.items():
        if part == "instrument":
            continue
        then = saved.get(part)
        if not (isinstance(now, dict) and isinstance(then, dict)):
            if now != then:
                found.append(f"{part} {then}, now {now}")
            continue
        found += [
            f"{name} {then.get(name)}, now {value}"
            for name, value in now.items()
            if name != "folder" and then.get(name) != value
        ]
    return found

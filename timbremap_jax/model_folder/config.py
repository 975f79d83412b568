"""``config.json`` of a model folder: what is trained, how, on what, and by which command."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timbremap_jax.data.dataset import Dataset
from timbremap_jax.data.features.settings import FeatureSettings
from timbremap_jax.data.manifest import read_manifest
from timbremap_jax.data.notes import N_NOTE_BANDS
from timbremap_jax.data.patch import Note
from timbremap_jax.training.prepare import batch_size_of
from timbremap_jax.training.recipes import Recipe, find_recipe
from timbremap_jax.training.settings import TrainSettings
from timbremap_runtime.core.model_folder import CONFIG, read_config
from timbremap_runtime.errors import FormatError

INSTRUMENT = ("patch_dir", "variant", "note")
"""What a model remembers of how its first data set was rendered, so that a point can be heard."""

MOVABLE = ("instrument", "command", "model_dir", "recipe", "begun")
"""Parts that may differ between a run and its continuation."""


@dataclass(frozen=True)
class RunConfig:
    """What is read of ``config.json``.

    Attributes
    ----------
    settings : TrainSettings
        What was trained and how.
    input_shape : tuple of int
        Mel bands and frames.
    features : FeatureSettings or None
        How spectrograms are computed; None if unknown.
    parameter_names : tuple of str
        Names of the n parameters.
    command : tuple of str
        The words of the command that began the run, as they were typed; empty if unknown.
    model_dir : str
        What that command called the model folder.
    notes : dict of list of int, or None
        ``pitches`` and ``velocities`` that the encoder was trained on and is told; None where all
        sounds play one note.
    home : Note or None
        The note that stands for all; None if unknown.
    """

    settings: TrainSettings
    input_shape: tuple[int, int]
    features: FeatureSettings | None
    parameter_names: tuple[str, ...]
    command: tuple[str, ...]
    model_dir: str
    notes: dict[str, list[int]] | None
    home: Note | None

    @property
    def encoder_shape(self) -> tuple[int, int]:
        """Bands and frames that the encoder reads: see `Dataset.encoder_shape`."""
        n_mels, n_frames = self.input_shape
        return (n_mels + N_NOTE_BANDS if self.notes else n_mels), n_frames

    def command_to_resume(self, model_dir: Path) -> str | None:
        """Return the command that goes on with the run in a folder; None if unknown.

        A folder that was moved is named as it is called now.
        """
        if not self.command:
            return None
        words = [word for word in self.command if word != "--resume"]
        was = Path(self.model_dir)
        words = [str(model_dir) if Path(word) == was else word for word in words]
        return shlex.join([*words, "--resume"])


def load_config(model_dir: Path) -> RunConfig:
    """Read ``config.json`` of a model folder.

    Raises
    ------
    PathError
        The file is missing.
    FormatError
        It cannot be read, or an incompatible version wrote it.
    """
    content = read_config(model_dir)
    try:
        n_mels, n_frames = content["data"]["input_shape"]
        instrument = content.get("instrument")
        return RunConfig(
            TrainSettings(**content["training"]),
            (n_mels, n_frames),
            FeatureSettings(**content["features"]) if content["features"] else None,
            tuple(content["parameters"]),
            tuple(map(str, content.get("command") or ())),
            str(content.get("model_dir")),
            content.get("notes"),
            Note(**instrument["note"]) if instrument else None,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(
            f"{model_dir / CONFIG}: written by an incompatible version of TimbreMap ({error});"
            " train the model again"
        ) from None


ADDED: dict[str, Any] = {"proxy": False}
"""What configurations of earlier versions lack, and how it was then."""


def _each_once(notes: NDArray[np.float32]) -> dict[str, list[int]]:
    """Return the pitches and velocities of notes (N, 2)."""
    each = (np.unique(column).astype(int).tolist() for column in notes.T)
    return dict(zip(("pitches", "velocities"), each, strict=True))


def recipe_of(model_dir: Path) -> Recipe:
    """Read the recipe of the run in a model folder: that of the version that began it.

    Raises
    ------
    PathError
        There is no ``config.json``.
    FormatError
        It cannot be read, or an incompatible version wrote it.
    """
    content = read_config(model_dir)
    try:
        # What was taken away since may be there, as long as it did nothing.
        known = Recipe.__dataclass_fields__
        saved = {name: value for name, value in content["recipe"].items() if name in known or value}
        return Recipe(**{**ADDED, **saved})
    except (KeyError, TypeError) as error:
        raise FormatError(
            f"{model_dir / CONFIG}: written by an incompatible version of TimbreMap ({error});"
            " train the model again"
        ) from None


def make_config(
    model_dir: Path,
    data_dir: Path,
    dataset: Dataset,
    settings: TrainSettings,
    command: Sequence[str],
) -> dict[str, Any]:
    """Return the content of ``config.json``.

    Parameters
    ----------
    model_dir, data_dir : Path
        The model folder, and where the data set lies.
    dataset : Dataset
        The data set.
    settings : TrainSettings
        What is trained and how.
    command : sequence of str
        The words of the command that was typed; may be empty.
    """
    digest = hashlib.sha256(dataset.played.tobytes() + dataset.test_rows.tobytes())
    rendered = read_manifest(dataset.sources[0].folder)
    told = {} if dataset.notes is None else {"notes": _each_once(dataset.notes)}
    return {
        "command": list(command),
        "begun": date.today().isoformat(),
        "model_dir": str(model_dir),
        "training": {**asdict(settings), "batch_size": batch_size_of(settings)},
        "recipe": asdict(find_recipe(settings.recipe, settings.encoder)),
        "data": {
            "folder": str(data_dir),
            "n_sounds": len(dataset),
            "input_shape": list(dataset.input_shape),
            "labels_and_partition": digest.hexdigest()[:16],
        },
        **told,
        "features": asdict(dataset.settings) if dataset.settings else None,
        "parameters": list(dataset.parameter_names),
        "instrument": (
            {key: rendered[key] for key in INSTRUMENT} | {"files": rendered.get("files")}
            if rendered
            else None
        ),
    }


def differences(saved: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Say in what two configurations differ.

    Where data and instrument lie does not count, nor do the numbers of a recipe: a run goes on with
    those that it began with.
    """
    found: list[str] = []
    for part, value in now.items():
        if part in MOVABLE:
            continue
        then = saved.get(part)
        if not (isinstance(value, dict) and isinstance(then, dict)):
            if value != then:
                found.append(f"{part} {then}, now {value}")
            continue
        found += [
            f"{name} {then.get(name)}, now {each}"
            for name, each in value.items()
            if name != "folder" and then.get(name) != each
        ]
    return found


def grown_config(saved: dict[str, Any], now: dict[str, Any]) -> dict[str, Any] | None:
    """Return the configuration of a run that is to have more epochs than it was begun with.

    ``epochs_before`` lists how many it was to have each time before: what comes of a longer run
    depends on them.

    Parameters
    ----------
    saved, now : dict
        What ``config.json`` holds, and what the run would write.

    Returns
    -------
    dict or None
        None if the run does not become longer.
    """
    before, epochs = saved.get("training", {}).get("epochs"), now["training"]["epochs"]
    if not isinstance(before, int) or epochs <= before:
        return None
    return {
        **saved,
        "command": now["command"],
        "model_dir": now["model_dir"],
        "training": {**saved["training"], "epochs": epochs},
        "epochs_before": [*saved.get("epochs_before", []), before],
    }

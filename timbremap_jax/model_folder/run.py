"""How a run begins in a model folder, or goes on in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from timbremap_jax.data.dataset import Dataset
from timbremap_jax.data.files import save_json
from timbremap_jax.data.lock import LOCK, OWNER
from timbremap_jax.model_folder.config import differences, grown_config, make_config
from timbremap_jax.model_folder.layout import CHECKPOINT, is_finished
from timbremap_jax.training.checkpoints import Checkpoints
from timbremap_jax.training.settings import TrainSettings
from timbremap_runtime.core.model_folder import CONFIG, METRICS, read_config
from timbremap_runtime.errors import PathError


def checkpoints_of(model_dir: Path) -> Checkpoints:
    """Return the checkpoints of a model folder."""
    return Checkpoints(model_dir / CHECKPOINT)


def open_run(
    model_dir: Path,
    data_dir: Path,
    dataset: Dataset,
    settings: TrainSettings,
    *,
    resume: bool,
    command: Sequence[str] = (),
) -> bool:
    """Make a model folder for a run, or find that it holds the same run already.

    A run that was stopped before its first checkpoint has nothing to lose, and gives way. One that
    goes on may be given more epochs than it was begun with, finished or not.

    Parameters
    ----------
    model_dir : Path
        The folder.
    data_dir : Path
        Where the data set lies.
    dataset : Dataset
        The data set.
    settings : TrainSettings
        What is trained and how; checked against the data set before.
    resume : bool
        Whether a run in the folder is to go on.
    command : sequence of str
        The words of the command that was typed, to be shown to whoever wants to go on.

    Returns
    -------
    bool
        True if the run is finished already, and is not to become longer.

    Raises
    ------
    PathError
        The folder holds another run, or without ``resume`` any; or it cannot be written.
    """
    config = make_config(model_dir, data_dir, dataset, settings, command)
    file = model_dir / CONFIG
    if _is_free(model_dir):
        model_dir.mkdir(parents=True, exist_ok=True)
        save_json(file, config)
        return False
    finished = is_finished(model_dir)
    if not resume:
        raise PathError(
            f"{model_dir}: already holds"
            + (
                " a trained model; choose another folder, or remove it"
                if finished
                else " a run that was stopped; go on with --resume, choose another folder, or"
                " remove it"
            )
        )
    saved = read_config(model_dir)
    grown = grown_config(saved, config)
    found = differences(grown or saved, config)
    if found:
        raise PathError(
            f"{model_dir}: holds another run ({'; '.join(found)}); resume with the original"
            " options and data, or choose another folder"
        )
    if grown is None:
        return finished
    if not (model_dir / CHECKPOINT).is_dir():
        raise PathError(
            f"{model_dir}: has no checkpoint to go on from; train anew in another folder"
        )
    # First of all: whatever cuts this short, the run is then not finished, and can go on.
    (model_dir / METRICS).unlink(missing_ok=True)
    save_json(file, grown)
    return False


def _is_free(model_dir: Path) -> bool:
    """Whether a run may begin in a folder.

    Raises
    ------
    PathError
        It is a file, or holds something else than a model.
    """
    if not model_dir.exists():
        return True
    names = {file.name for file in model_dir.iterdir()} if model_dir.is_dir() else {"a file"}
    names -= {LOCK, OWNER}
    if names and CONFIG not in names:
        raise PathError(
            f"{model_dir}: already exists but is not a model folder; choose another folder"
        )
    return not names - {CONFIG}

"""What a model folder holds, by name.

::

    model/
      config.json       what is trained, how and on what; written first
      checkpoint/       weights, optimizer state, standardization, run state (Orbax)
      timbremap/        the mapping, in the jg.timbremap text format
      latent.npy        Z, posterior mean of every row of the data set, N x m
      latent_pca.npy    Z*, the same re-oriented (with PCA only)
      latent_rows.npy   the rows of the data set that these are, N
      labels.npy        P, the true parameters of those rows, N x n
      sounds.npz        what the training sounds have in common, to restore recordings by
      err_dist.png      where the model errs
      metrics.json      errors, epoch by epoch and at the end; written last
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from timbremap_jax.model_folder.config import load_config
from timbremap_runtime.core.model_folder import METRICS
from timbremap_runtime.errors import FormatError, PathError

CHECKPOINT = "checkpoint"
LATENT = "latent.npy"
LATENT_PCA = "latent_pca.npy"
LATENT_ROWS = "latent_rows.npy"
LABELS = "labels.npy"
SOUNDS = "sounds.npz"
ERRORS = "err_dist.png"


def is_finished(model_dir: Path) -> bool:
    """Whether training has finished and the folder is complete."""
    return (model_dir / METRICS).is_file()


def require_finished(model_dir: Path) -> None:
    """Check that training has finished.

    Raises
    ------
    PathError
        It has not, or there is no model; the message holds the command that goes on.
    """
    if is_finished(model_dir):
        return
    again = load_config(model_dir).command_to_resume(model_dir)
    raise PathError(
        f"{model_dir}: training has not finished; go on with  {again}"
        if again
        else f"{model_dir}: training has not finished; run the tm-train command that began it once"
        " more, with --resume"
    )


def load_array(model_dir: Path, name: str) -> NDArray[np.float32]:
    """Read an array of a finished model, such as `LATENT`.

    Raises
    ------
    PathError
        It is missing, perhaps because training has not finished.
    FormatError
        It is damaged.
    """
    file = model_dir / name
    try:
        return np.load(file)
    except FileNotFoundError:
        require_finished(model_dir)
        raise PathError(f"{file}: no such file; train the model again") from None
    except (ValueError, EOFError):
        raise FormatError(f"{file}: not an array; train the model again") from None

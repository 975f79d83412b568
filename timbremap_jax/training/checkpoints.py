"""Checkpoints: a training run on disk, from which it goes on bit for bit.

A checkpoint holds weights and optimizer state, the standardization of the features, and how far
the run has come. Orbax writes each under a temporary name and renames it.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import orbax.checkpoint as ocp
from numpy.typing import NDArray

from timbremap_jax.data.dataset import Standardization
from timbremap_runtime.errors import FormatError, PathError

N_KEPT = 2
"""The newest, and one more in case the newest was written while the power failed."""


ROOM = 2**20
"""Bytes that a checkpoint needs beside its arrays."""


class Checkpoint(NamedTuple):
    """What a checkpoint holds.

    Attributes
    ----------
    weights, optimizer_state : pytree of Array
        Of the model and of the optimizer.
    standardization : Standardization
        How spectrograms are brought to what the encoder reads.
    run_state : dict
        How far the run has come, as JSON.
    proxy : dict of ndarray
        What `timbremap_jax.model.proxy.Proxy.arrays` gave; empty without a proxy.
    """

    weights: Any
    optimizer_state: Any
    standardization: Standardization
    run_state: dict[str, Any]
    proxy: dict[str, NDArray[Any]]


class Checkpoints:
    """The checkpoints of one run.

    Parameters
    ----------
    folder : Path
        Where they lie; made when the first is saved.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    def save(self, step: int, checkpoint: Checkpoint) -> None:
        """Save a checkpoint and remove old ones.

        Raises
        ------
        PathError
            It cannot be written. The checkpoints before it are kept.
        """
        standardization = checkpoint.standardization
        items = {
            "model": ocp.args.StandardSave(checkpoint.weights),
            "optimizer": ocp.args.StandardSave(checkpoint.optimizer_state),
            "standardization": ocp.args.StandardSave(
                {"mean": standardization.mean, "std": standardization.std}
            ),
            "progress": ocp.args.JsonSave({"input": standardization.kind, **checkpoint.run_state}),
        }
        if checkpoint.proxy:
            items["proxy"] = ocp.args.StandardSave(checkpoint.proxy)
        try:
            self._check_room(checkpoint)
            with self._manager() as manager:
                if step not in manager.all_steps():
                    manager.save(step, args=ocp.args.Composite(**items))
        except (OSError, ValueError) as error:
            raise PathError(
                f"{self.folder}: cannot be written ({_reason(error)}); make room and resume the run"
            ) from None

    def latest(self, weights: Any, optimizer_state: Any = None) -> Checkpoint | None:
        """Read the newest checkpoint that can be read; None if there is none.

        Parameters
        ----------
        weights, optimizer_state : pytree of Array
            The same structure as what was saved. Without the second the optimizer's state is not
            read.

        Raises
        ------
        FormatError
            There are some, and none can be read.
        """
        if not self.folder.is_dir():
            return None
        items: dict[str, Any] = {
            "model": ocp.args.StandardRestore(weights),
            "standardization": ocp.args.StandardRestore(),
            "progress": ocp.args.JsonRestore(),
        }
        if optimizer_state is not None:
            items["optimizer"] = ocp.args.StandardRestore(optimizer_state)
        with self._manager() as manager:
            steps = sorted(manager.all_steps(), reverse=True)
            for step in steps:
                # Those of version 0.1 have no proxy.
                has_proxy = (self.folder / str(step) / "proxy").is_dir()
                proxy = {"proxy": ocp.args.StandardRestore()} if has_proxy else {}
                try:
                    found = manager.restore(step, args=ocp.args.Composite(**items, **proxy))
                except (ValueError, KeyError, OSError):
                    continue
                run_state = dict(found["progress"])
                standardization = Standardization(
                    run_state.pop("input"),
                    np.asarray(found["standardization"]["mean"]),
                    np.asarray(found["standardization"]["std"]),
                )
                state = found["optimizer"] if optimizer_state is not None else None
                kept = jax.tree.map(np.asarray, found["proxy"]) if has_proxy else {}
                return Checkpoint(found["model"], state, standardization, run_state, kept)
        if steps:
            raise FormatError(
                f"{self.folder}: none of its checkpoints can be read; train the model again"
            )
        return None

    def _check_room(self, checkpoint: Checkpoint) -> None:
        """Ask for room first: Orbax meets a full disk with pages of tracebacks."""
        arrays = jax.tree.leaves((checkpoint.weights, checkpoint.optimizer_state, checkpoint.proxy))
        free = shutil.disk_usage(self.folder.absolute().parent).free
        if free < sum(array.nbytes for array in arrays) + ROOM:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    @contextmanager
    def _manager(self) -> Iterator[ocp.CheckpointManager]:
        options = ocp.CheckpointManagerOptions(
            max_to_keep=N_KEPT, enable_async_checkpointing=False, create=True
        )
        # Orbax reports every file it touches. When it fails, its threads report that too, each for
        # itself and to the end of the process: so only success gives them their voice back.
        logger = logging.getLogger("absl")
        level = logger.level
        logger.setLevel(logging.CRITICAL)
        with ocp.CheckpointManager(self.folder.absolute(), options=options) as manager:
            yield manager
        logger.setLevel(level)


def _reason(error: OSError | ValueError) -> str:
    """Return what the system said, which Orbax hides in an error of its own."""
    code = re.search(r"os_error_code='(\d+)'", str(error))
    if code:
        return os.strerror(int(code[1]))
    return getattr(error, "strerror", None) or str(error).partition("\n")[0][:200]

"""Random parameter settings, and the sound of each.

A data folder holds ``labels.csv`` (one row of integers a sound, no header) and
``wavs/ex_0.wav``, ``wavs/ex_1.wav`` and so on: row i of the labels made sound i.
``generate.json`` says how they were made.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from timbremap_jax.data.engines import open_engine
from timbremap_jax.data.files import replacing, save_json
from timbremap_jax.data.patch import PARAMETER_MAX, Note, Patch
from timbremap_runtime.errors import FolderError, SettingsError, TimbreMapError

Progress = Callable[[Iterable[int]], Iterable[int]]
"""Wraps an iterable of rows, as ``tqdm`` does."""


@dataclass(frozen=True)
class GenerateSettings:
    """What to render.

    Attributes
    ----------
    n_examples : int
        Number of sounds.
    seed : int
        Seed of the parameter settings.
    """

    n_examples: int = 10_000
    seed: int = 0

    def __post_init__(self):
        if self.n_examples < 1:
            raise SettingsError(f"examples is {self.n_examples}: give at least 1")
        if self.seed < 0:
            raise SettingsError(f"seed is {self.seed}: give 0 or more")


def sample_parameters(n_examples: int, n_parameters: int, seed: int) -> NDArray[np.int64]:
    """Draw parameter settings, uniform over the integers 0..127.

    Row i is the same whatever ``n_examples`` is.

    Returns
    -------
    ndarray of int64, shape (n_examples, n_parameters)
    """
    generator = np.random.default_rng(seed)
    return generator.integers(0, PARAMETER_MAX + 1, (n_examples, n_parameters))


def describe(patch: Patch, note: Note, settings: GenerateSettings) -> dict[str, Any]:
    """Everything that decides what the sounds are, ready for JSON."""
    digest = hashlib.sha256()
    for file in (patch.folder / "patch.toml", patch.source):
        digest.update(file.read_bytes())
    return {
        "patch": patch.name,
        "patch_sha256": digest.hexdigest(),
        "variant": patch.variant,
        "parameters": list(patch.parameter_names),
        "note": asdict(note),
        **asdict(settings),
        "versions": {name: version(name) for name in ("timbremap", "numpy", "dawdreamer")},
    }


def generate(
    patch: Patch,
    data_dir: str | Path,
    settings: GenerateSettings,
    note: Note | None = None,
    *,
    resume: bool = False,
    progress: Progress = iter,
) -> None:
    """Render ``settings.n_examples`` sounds of ``patch`` into ``data_dir``.

    Parameters
    ----------
    patch : Patch
        The instrument.
    data_dir : path
        Made when it is not there.
    settings : GenerateSettings
        How many, and from which seed.
    note : Note, optional
        Instead of the patch's own.
    resume : bool
        Go on in a folder that was begun with the same settings.
    progress : callable
        Wraps the iterable of rows.

    Raises
    ------
    FolderError
        The folder holds a data set already and ``resume`` is false.
    SettingsError
        The folder was made from another patch or with other settings.
    TimbreMapError
        A sound came out broken.
    """
    note = note or patch.note
    data_dir = Path(data_dir)
    engine = open_engine(patch)
    _prepare(data_dir, describe(patch, note, settings), resume=resume)
    values = sample_parameters(settings.n_examples, len(patch.parameters), settings.seed)
    with replacing(data_dir / "labels.csv") as temporary:
        np.savetxt(temporary, values, fmt="%d", delimiter=",")
    missing = [row for row in range(len(values)) if not wav_path(data_dir, row).exists()]
    for row in progress(missing):
        samples = engine.render(values[row].tolist(), note)
        fault = find_fault(samples)
        if fault:
            raise TimbreMapError(f"{wav_path(data_dir, row)}: the sound of row {row} {fault}")
        write_wav(wav_path(data_dir, row), samples, engine.sample_rate)


def load_parameter_names(data_dir: Path) -> tuple[str, ...] | None:
    """Names of the parameters of a data folder, or None where ``generate.json`` is missing."""
    file = data_dir / "generate.json"
    if not file.exists():
        return None
    return tuple(json.loads(file.read_text(encoding="utf-8"))["parameters"])


def wav_path(data_dir: Path, row: int) -> Path:
    """Where the sound of ``row`` lies."""
    return data_dir / "wavs" / f"ex_{row}.wav"


def write_wav(path: Path, samples: NDArray[np.float32], sample_rate: int) -> None:
    """Write mono 24-bit PCM, whole or not at all."""
    with replacing(path) as temporary:
        soundfile.write(temporary, samples, sample_rate, subtype="PCM_24")


def find_fault(samples: NDArray[np.float32]) -> str | None:
    """Say what is wrong with a sound, or None when it is good."""
    if not np.isfinite(samples).all():
        return "is not finite"
    peak = np.abs(samples).max(initial=0.0)
    if peak < 1e-4:
        return "is silent"
    if peak >= 1.0:
        return f"is clipped (peak {peak:.2f})"
    return None


def _prepare(data_dir: Path, description: dict[str, Any], *, resume: bool) -> None:
    file = data_dir / "generate.json"
    if file.exists():
        earlier = json.loads(file.read_text(encoding="utf-8"))
        if not resume:
            raise FolderError(
                f"{data_dir} holds a data set already: go on with --resume, or give another folder"
            )
        differing = [key for key in description if earlier.get(key) != description[key]]
        if differing:
            key = differing[0]
            raise SettingsError(
                f"{data_dir} was made with another {key} ({earlier.get(key)}, now"
                f" {description[key]}): give another folder"
            )
    try:
        (data_dir / "wavs").mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise FolderError(f"{data_dir} is a file: give a folder") from None
    save_json(file, description)

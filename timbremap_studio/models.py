"""The models of a studio: their maps, the instruments they play, the sounds they were made from.

What belongs to a model is found from its folder::

    patches/subtractive/lfo4/           patch.toml: the instrument
    patches/subtractive/lfo4/models/fm  a shipped model: the instrument two folders above it
    demo/model                          any other: the instrument and data that config.json names
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import timbremap_runtime as tm
from timbremap_jax.data.patch import Note, load_patch
from timbremap_runtime.core.layers.vec_scale import check_scale
from timbremap_runtime.core.model_folder import find_model, read_config
from timbremap_runtime.errors import PathError, TimbreMapError
from timbremap_runtime.export import describe
from timbremap_runtime.export.json_host import content
from timbremap_runtime.service.library import Library
from timbremap_runtime.service.names import composed

if TYPE_CHECKING:
    from timbremap_jax.data.patch import Patch
    from timbremap_runtime.core.types import Scale
    from timbremap_runtime.service.library import NamedMap

REPORT = "report.html"
"""What ``tm-report`` writes into a model folder."""


def shipped() -> list[Path]:
    """Return the folders of the models that come with TimbreMap, in a checkout or installed.

    Raises
    ------
    PathError
        They were left out of this installation.
    """
    beside = Path(__file__).resolve().parent.parent
    for root in (beside / "patches", beside / "timbremap_patches"):
        found = sorted(root.glob("*/*/models"))
        if found:
            return found
    raise PathError("no shipped models in this installation; name a model folder: tm-studio MODEL")


@dataclass(frozen=True)
class Model:
    """A model as the page is told of it.

    Attributes
    ----------
    named : NamedMap
        Its name, its map and the names of its parameters.
    folder : Path
        The model folder.
    """

    named: NamedMap
    folder: Path

    @cached_property
    def config(self) -> dict[str, Any]:
        """What ``config.json`` says; nothing if there is none that can be read."""
        try:
            return read_config(self.folder)
        except (TimbreMapError, OSError):
            return {}

    @cached_property
    def instrument(self) -> tuple[Patch, Note] | None:
        """The instrument that the model plays and the note it was trained on, if it is here."""
        said = self.config.get("instrument")
        said = said if isinstance(said, dict) else {}
        for folder in (self.folder.parent.parent, Path(str(said.get("patch_dir", "")))):
            if not (folder / "patch.toml").is_file():
                continue
            try:
                patch = load_patch(folder, said.get("variant"))
                note = Note(**said["note"]) if "note" in said else patch.note
            except (TimbreMapError, OSError, TypeError):
                continue
            if len(patch.parameters) == len(self.named.parameter_names):
                return patch, note
        return None

    @property
    def data_dir(self) -> Path | None:
        """The folder of the sounds that the model was trained on, if it is here."""
        data = self.config.get("data")
        folder = Path(str(data.get("folder", ""))) if isinstance(data, dict) else Path()
        return folder if folder.parts and folder.is_dir() else None

    @property
    def report(self) -> Path | None:
        """The page that ``tm-report`` wrote, if there is one."""
        file = self.folder / REPORT
        return file if file.is_file() else None

    def summary(self) -> dict[str, Any]:
        """Return what the list of models says of it."""
        found = self.instrument
        return {
            "name": self.named.name,
            "coordinates": self.named.mapping.control_size,
            "parameters": list(self.named.parameter_names),
            "instrument": found[0].name if found else None,
            "report": self.report is not None,
        }

    def content(self) -> dict[str, Any]:
        """Return all that the page needs in order to play it, as what JSON can hold."""
        name, mapping, names = self.named
        return {
            **self.summary(),
            "map": content(describe(mapping, name, names, tm.__version__)),
            "playing": self._playing(),
        }

    def _playing(self) -> dict[str, Any] | None:
        """How the instrument is played; None if there is no instrument here."""
        if self.instrument is None:
            return None
        patch, note = self.instrument
        return {
            "name": patch.name,
            "engine": patch.engine,
            "variant": patch.variant,
            "fixed": dict(patch.fixed),
            "parameters": [
                {
                    "name": p.name,
                    "control": p.control,
                    "low": p.low,
                    "high": p.high,
                    "steps": p.steps,
                    "whole": p.whole,
                    "unit": p.unit,
                }
                for p in patch.parameters
            ],
            "note": {
                "pitch": note.pitch,
                "velocity": note.velocity,
                "sustain_ms": note.sustain_ms,
                "release_ms": note.release_ms,
            },
        }


class Models:
    """All models of a studio, by name.

    Parameters
    ----------
    folders : sequence of Path
        As `Library` takes them.
    scale : {"normal", "uniform", "even"} or None
        Of the control space; None for the even one where a model has it, else the normal one.

    Raises
    ------
    PathError
        There is no model in one of the folders.
    """

    def __init__(self, folders: list[Path], scale: Scale | None = None):
        self.library = Library(*folders)
        self._scale: Scale | None = scale
        self._read: dict[tuple[str, Scale | None], Model] = {}

    def names(self) -> list[str]:
        """Names of the models there are, in order."""
        return [composed(name) for name in self.library.names()]

    def get(self, name: str, scale: str | None = None) -> Model:
        """Return a model; it is read once.

        Parameters
        ----------
        name : str
            One of `names`.
        scale : str, optional
            Another scale than that of all.

        Raises
        ------
        SettingsError
            There is none of that name, or no such scale.
        FormatError
            It cannot be read.
        """
        if scale is not None:
            check_scale(scale)
        chosen = cast("Scale | None", scale) or self._scale
        key = (composed(name), chosen)
        if key not in self._read:
            folders = {composed(each): path for each, path in self.library.folders().items()}
            named = self.library.load(name, chosen)
            self._read[key] = Model(named, find_model(folders[named.name]))
        return self._read[key]

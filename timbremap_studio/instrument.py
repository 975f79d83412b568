"""The instruments of models, as the page plays them: Faust voices, compiled to WebAssembly."""

from __future__ import annotations

from dataclasses import replace
from importlib import resources
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from timbremap_jax.data.engines.faust_wasm import voice_of
from timbremap_runtime.errors import SettingsError
from timbremap_runtime.export.wasm import instrument

if TYPE_CHECKING:
    from timbremap_studio.models import Model

SOUND = Path(str(resources.files("timbremap_runtime.export") / "page" / "sound"))
"""The modules that play them: exported pages have them too."""


class Instruments:
    """Instruments of models, each compiled once."""

    def __init__(self):
        self._compiling = Lock()  # Faust compiles one program at a time
        self._made: dict[str, dict[str, Any]] = {}

    def get(self, model: Model) -> dict[str, Any]:
        """Return a model's instrument as `timbremap_runtime.export.wasm.instrument` describes it.

        Raises
        ------
        SettingsError
            It has none that a page can play.
        FormatError
            It does not compile.
        MissingExtra
            It has to be compiled, and DawDreamer is not installed.
        """
        found = model.instrument
        if found is None:
            raise SettingsError(
                f"{model.named.name}: its instrument was not found; start tm-studio in the folder "
                "where the model was trained"
            )
        patch, note = found
        if patch.engine != "faust":
            raise SettingsError(
                f"{patch.name}: its engine is {patch.engine}; play it over OSC or MIDI"
            )
        with self._compiling:
            if model.named.name not in self._made:
                self._made[model.named.name] = instrument(voice_of(replace(patch, note=note)))
            return self._made[model.named.name]

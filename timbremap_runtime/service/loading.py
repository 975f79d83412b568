"""Models are read in the background; of several that are asked for, the last counts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from timbremap_runtime.errors import TimbreMapError

if TYPE_CHECKING:
    from collections.abc import Callable

    from timbremap_runtime.core.types import Scale
    from timbremap_runtime.service.library import Library, NamedMap
    from timbremap_runtime.service.udp import Address


class ModelLoader:
    """Reads models of a library without holding up the event loop.

    Parameters
    ----------
    library : Library
        The models.
    current : NamedMap
        The one that is played from the start.
    scale : {"normal", "uniform", "even"} or None
        Of every model until another is asked for; None for what each has: see `Library.load`.
    on_loaded : callable
        Is given each model that was read.
    on_error : callable
        Is given a line when one cannot be read, and who asked for it.
    """

    def __init__(
        self,
        library: Library,
        current: NamedMap,
        scale: Scale | None,
        on_loaded: Callable[[NamedMap], None],
        on_error: Callable[[str, Address | None], None],
    ):
        self._library = library
        self._on_loaded, self._on_error = on_loaded, on_error
        self.current = current
        self._scale: Scale | None = scale
        self._wanted: tuple[str | float, Scale | None, Address | None] | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether a model is being read."""
        return self._task is not None and not self._task.done()

    def want(
        self,
        name: str | float | None = None,
        scale: Scale | None = None,
        sender: Address | None = None,
    ) -> None:
        """Ask for another model, another scale or both; what is not given stays."""
        before = self._wanted or (self.current.name, self._scale, None)
        self._wanted = (before[0] if name is None else name, scale or before[1], sender)
        if not self.busy:
            self._task = asyncio.get_running_loop().create_task(self._read())

    def close(self) -> None:
        """Forget what is wanted."""
        self._wanted = None
        if self._task:
            self._task.cancel()

    async def _read(self) -> None:
        """Read the model wanted last; while it is read another may be wanted."""
        while self._wanted:
            name, scale, sender = wanted = self._wanted
            model: NamedMap | None = None
            try:
                model = await asyncio.to_thread(self._library.load, name, scale)
            except (TimbreMapError, OSError) as error:
                self._on_error(f"/tm/load: {error}", sender)
            if self._wanted == wanted:
                self._wanted = None
                if model:
                    self.current, self._scale = model, scale
                    self._on_loaded(model)

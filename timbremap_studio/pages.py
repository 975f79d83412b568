"""The pages that are open: each plays by itself, and all follow whoever played last.

A page computes with its own copy of the map and sends where it went, as numbered OSC messages in
JSON, ``[n, address, value, ...]``::

    [17, "/tm/place", 0.2, 0.5, 0.9, 64.0, 12.5, 3.0, 99.0]

They go into the service that `tm-serve` runs, beside what comes in over OSC and MIDI, and from
there to synthesizers. What came of them every page is told, a hundred times a second at most::

    {"you": 2, "by": 1, "seen": 17, "model": "fm", "scale": "normal",
     "c": [...], "p": [...], "active": [...]}

``by`` is the page that played last (0: somebody else), ``seen`` the last message of the page that
is told. A page follows only when all it sent was seen; so whoever was last, all agree in the end.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from starlette.websockets import WebSocketDisconnect

from timbremap_runtime.service.osc import OscService

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.websockets import WebSocket

    from timbremap_runtime.service.library import Library
    from timbremap_runtime.service.settings import ServiceSettings

MOST_PAGES = 32
LARGEST_MESSAGE = 65_536
"""Bytes; 500 parameters fit in."""

PACE_S = 0.008
"""Between two messages to one page."""

MESSAGES = frozenset({"/tm/c", "/tm/p", "/tm/place", "/tm/active", "/tm/release", "/tm/load"})
"""What a page may say to the service. It is no OSC target: what it hears is said above."""

TOO_MANY = 1013
"""Of RFC 6455 and its registry: try again later."""


class _Page:
    """One page: what it sent last, and whether there is news for it."""

    def __init__(self, number: int):
        self.number = number
        self.seen = 0
        self.error: str | None = None
        self.news = asyncio.Event()
        self.news.set()


class Pages:
    """The service and the pages that play it.

    Parameters
    ----------
    library : Library
        The models.
    settings : ServiceSettings
        Of the service.
    on_play : callable, optional
        Is given the parameters, (n,), after every change.
    """

    def __init__(
        self,
        library: Library,
        settings: ServiceSettings,
        on_play: Callable[[np.ndarray], None] | None = None,
    ):
        self.service = OscService(
            library,
            settings,
            on_message=self._heard,
            on_play=self._played,
            on_error=self._failed,
        )
        self._on_play = on_play
        self._pages: list[_Page] = []
        self._counted = 0
        self._speaker = 0
        self._last = 0

    def __len__(self) -> int:
        """Count the pages that are open."""
        return len(self._pages)

    async def talk(self, websocket: WebSocket) -> None:
        """Serve one page until it goes away."""
        await websocket.accept()
        if len(self._pages) >= MOST_PAGES:
            await websocket.close(TOO_MANY, f"{MOST_PAGES} pages are open; close one")
            return
        self._counted += 1
        page = _Page(self._counted)
        self._pages.append(page)
        teller = asyncio.create_task(self._tell(page, websocket))
        try:
            while True:
                self._take(page, await websocket.receive_text())
        except (WebSocketDisconnect, KeyError):  # gone; or it sent bytes, as no page of ours does
            pass
        finally:
            self._pages.remove(page)
            teller.cancel()
            with suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError):
                await teller

    def _take(self, page: _Page, text: str) -> None:
        """Do what a page says."""
        page.news.set()
        try:
            number, address, *values = json.loads(text)
            if type(number) is not int or not page.seen < number < 2**53:
                raise ValueError
            page.seen = number
            if address not in MESSAGES:
                raise ValueError
        except (ValueError, TypeError, RecursionError):
            page.error = "a message of this page was not understood; reload the page"
            return
        self._speaker = page.number
        try:
            self.service.handle(address, values)
        finally:
            self._speaker = 0

    async def _tell(self, page: _Page, websocket: WebSocket) -> None:
        """Tell a page the latest, again and again."""
        while True:
            await page.news.wait()
            self.service.play_now()  # what was seen is played: else a page would be called back
            page.news.clear()
            message = {"you": page.number, "by": self._last, "seen": page.seen, **self.state()}
            if page.error:
                message["error"], page.error = page.error, None
            await websocket.send_text(json.dumps(message))
            await asyncio.sleep(PACE_S)

    def state(self) -> dict[str, Any]:
        """Return where everything goes: what still glides is told as if it were there."""
        model, performer = self.service.model, self.service.performer
        reading = performer.read()
        target = performer.mapping.forward(reading.c) + reading.offset
        return {
            "model": model.name,
            "scale": performer.mapping.scale,
            "c": reading.c.tolist(),
            "p": np.where(reading.active, target, reading.p).tolist(),
            "active": reading.active.tolist(),
        }

    # What the service says.

    def _heard(self, address: str, values: Sequence[Any]) -> None:
        self._last = self._speaker

    def _played(self, p: np.ndarray) -> None:
        for page in self._pages:
            page.news.set()
        if self._on_play:
            self._on_play(p)

    def _failed(self, text: str) -> None:
        """Tell the page whose message it was; of a model that cannot be read, all."""
        for page in self._pages:
            if self._speaker in (0, page.number):
                page.error = text
                page.news.set()

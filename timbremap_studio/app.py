"""What the studio's server answers: the page, the models, their sounds, and pages that play."""

from __future__ import annotations

import asyncio
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from timbremap_runtime.errors import TimbreMapError
from timbremap_runtime.export.js_host import engine
from timbremap_studio.dots import Dots, dots_of
from timbremap_studio.instrument import SOUND, Instruments
from timbremap_studio.safety import Guard

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp

    from timbremap_studio.models import Model, Models
    from timbremap_studio.pages import Pages

PAGE = Path(str(resources.files("timbremap_studio") / "page"))

OF_A_REPORT = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline';"
    " style-src 'unsafe-inline'; img-src data:; media-src data:"
)
"""A report is one file with all that it needs. It is shown as a stranger, that cannot reach us."""


class Studio:
    """Answers for the models of a studio.

    Parameters
    ----------
    models : Models
        What can be played.
    """

    def __init__(self, models: Models):
        self.models = models
        self._dots: dict[tuple[str, str], asyncio.Task[Dots]] = {}
        self._instruments = Instruments()

    async def list(self, request: Request) -> Response:
        """Answer with all models."""
        listed: list[dict[str, Any]] = []
        for name in self.models.names():
            try:
                listed.append(self.models.get(name).summary())
            except TimbreMapError as error:  # one that is broken does not hide the others
                listed.append({"name": name, "error": str(error)})
        return JSONResponse(listed)

    async def model(self, request: Request) -> Response:
        """Answer with a model's map and instrument."""
        return JSONResponse(self._model(request).content())

    async def instrument(self, request: Request) -> Response:
        """Answer with what sounds in the page; 404 and the reason if nothing does."""
        try:
            found = await asyncio.to_thread(self._instruments.get, self._model(request))
        except TimbreMapError as error:
            raise HTTPException(404, str(error)) from None
        return JSONResponse(found)

    async def dots(self, request: Request) -> Response:
        """Answer with the dots of a model, packed, and what they are in the headers."""
        dots = await self._dots_of(self._model(request))
        headers = {
            "X-Dots": str(len(dots)),
            "X-Recordings": str(int(dots.sounds is not None)),
            "X-Speed": "sound" if dots.heard else "parameters",
        }
        return Response(dots.packed(), media_type="application/octet-stream", headers=headers)

    async def sound(self, request: Request) -> Response:
        """Answer with the recording of a dot."""
        dots = await self._dots_of(self._model(request))
        try:
            return FileResponse(dots.sound(request.path_params["dot"]), media_type="audio/wav")
        except TimbreMapError as error:
            raise HTTPException(404, str(error)) from None

    async def report(self, request: Request) -> Response:
        """Answer with the page that ``tm-report`` wrote of a model."""
        report = self._model(request).report
        if report is None:
            raise HTTPException(404, "no report; make it with tm-report")
        return FileResponse(report, headers={"Content-Security-Policy": OF_A_REPORT})

    def _model(self, request: Request) -> Model:
        try:
            return self.models.get(request.path_params["name"], request.query_params.get("scale"))
        except TimbreMapError as error:
            raise HTTPException(404, str(error)) from None

    async def _dots_of(self, model: Model) -> Dots:
        """Find the dots of a model once, in a thread; requests that come meanwhile wait."""
        key = (model.named.name, model.named.mapping.scale)
        if key not in self._dots:
            self._dots[key] = asyncio.create_task(asyncio.to_thread(dots_of, model))
        return await asyncio.shield(self._dots[key])


async def _index(request: Request) -> Response:
    return FileResponse(PAGE / "index.html")


async def _engine(request: Request) -> Response:
    """Answer with the map and the performance in JavaScript, as ``tm-export --to js`` writes it."""
    text = engine() + "\nexport { TimbreMap, Performer };\n"
    return Response(text, media_type="text/javascript")


def make_app(models: Models, pages: Pages, port: int, token: str | None = None) -> ASGIApp:
    """Put the server's answers together.

    Parameters
    ----------
    models : Models
        What can be played.
    pages : Pages
        Who plays.
    port : int
        Where it listens.
    token : str or None
        What a browser must bring; see `Guard`.
    """
    studio = Studio(models)
    model = "/models/{name}"
    routes = [
        Route("/", _index),
        Route("/engine.js", _engine),
        Route("/models.json", studio.list),
        Route(f"{model}/model.json", studio.model),
        Route(f"{model}/instrument.json", studio.instrument),
        Route(f"{model}/dots", studio.dots),
        Route(model + "/sounds/{dot:int}.wav", studio.sound),
        Route(f"{model}/report", studio.report),
        WebSocketRoute("/play", pages.talk),
        Mount("/page/sound", StaticFiles(directory=SOUND)),
        Mount("/page", StaticFiles(directory=PAGE)),
    ]
    return Guard(Starlette(routes=routes), port, token)

"""The page in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.studio import Running, running_studio

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def studio() -> Iterator[Running]:
    with running_studio("--load", "fm") as running:
        yield running


@pytest.fixture
def page(studio: Running, browser: Any) -> Iterator[Any]:
    """A page that is ready to be played; it must have had nothing to complain of."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    said: list[str] = []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.goto(studio.url)
    opened.wait_for_selector("body[data-ready]")
    yield opened
    assert said == []
    context.close()


def state(page: Any) -> dict[str, Any]:
    return page.evaluate("() => studio.playing.state()")


def test_the_pad_moves_the_point_and_the_point_the_parameters(page: Any):
    box = page.locator("#pad").bounding_box()
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 0.25 * box["height"])
    page.mouse.down()
    page.mouse.up()
    now = state(page)
    assert now["c"] == pytest.approx([0.25, 0.75, 0.5], abs=0.01)
    mapped = page.evaluate("() => studio.playing.model.map.forward(studio.playing.c)")
    assert now["p"] == mapped

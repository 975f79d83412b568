"""Pages and the service, over real sockets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

import timbremap_runtime as tm
from tests.support.osc_client import Client
from tests.support.paths import LFO4
from tests.support.studio import Running, running_studio
from timbremap_studio.pages import LARGEST_MESSAGE, MOST_PAGES

pytestmark = pytest.mark.slow

N_HOSTILE = 10_000


@pytest.fixture(scope="module")
def studio() -> Iterator[Running]:
    with running_studio("--load", "fm") as running:
        yield running


class Page:
    """A page, as far as the server can tell."""

    def __init__(self, studio: Running):
        self._opened = ExitStack()
        self.socket: ClientConnection = self._opened.enter_context(
            connect(studio.url.replace("http", "ws") + "play")
        )
        self.news: dict[str, Any] = {}
        self.errors: list[str] = []
        self.sent = 0
        self.hear()

    def say(self, *message: Any) -> None:
        self.sent += 1
        self.socket.send(json.dumps([self.sent, *message]))

    def hear(self) -> dict[str, Any]:
        self.news = json.loads(self.socket.recv(timeout=10))
        if "error" in self.news:
            self.errors.append(self.news["error"])
        return self.news

    def settle(self) -> dict[str, Any]:
        """Hear until all that was said has been seen."""
        while self.news["seen"] < self.sent:
            self.hear()
        return self.news

    def __enter__(self) -> Page:
        return self

    def __exit__(self, *exception: object) -> None:
        self._opened.close()


def test_what_one_page_plays_the_other_is_told(studio: Running):
    mapping = tm.load(LFO4 / "models" / "fm")
    c, p = [0.2, 0.4, 0.9], [10.0, 20.0, 30.0, 40.0]
    with Page(studio) as one, Page(studio) as other:
        one.say("/tm/place", *c, *p)
        while other.news["by"] != one.news["you"]:
            other.hear()
        assert other.news["c"] == c
        np.testing.assert_allclose(other.news["p"], p, rtol=0, atol=1e-12)
        other.say("/tm/release", 0)
        other.settle()
        one.say("/tm/c", 0.5, 0.5, 0.5)
        news = one.settle()
        while news["p"] != pytest.approx(mapping.forward([0.5] * 3).tolist(), abs=1e-9):
            news = one.hear()
        one.say("/tm/active", 1, 0, 1, 1)
        one.settle()
        while other.news["active"] != [True, False, True, True]:
            other.hear()
        one.say("/tm/active", 1, 1, 1, 1)
        one.say("/tm/load", "am")
        while other.news["model"] != "am":
            other.hear()
        one.settle()
        one.say("/tm/load", "fm")
        while other.news["model"] != "fm":
            other.hear()


def test_what_cannot_be_done_is_said_to_the_page_that_asked(studio: Running):
    with Page(studio) as one, Page(studio) as other:
        one.say("/tm/place", 1, 2)
        one.settle()
        assert "got 2 values; send 7" in one.errors[0]
        one.say("/tm/subscribe", 9000)
        one.settle()
        assert "not understood" in one.errors[1]
        other.say("/tm/c", 0.1, 0.1, 0.1)
        other.settle()
        assert other.errors == []
        one.say("/tm/load", "../../secret")
        while len(one.errors) < 3:
            one.hear()
        assert "no model '../../secret'" in one.errors[2]


def test_thousands_of_messages_end_where_the_last_says(studio: Running):
    generator = np.random.default_rng(0)
    points = generator.uniform(size=(3000, 3)).tolist()
    with Page(studio) as one, Page(studio) as other:
        for point in points:
            one.say("/tm/c", *point)
        assert one.settle()["seen"] == len(points)
        while other.news["c"] != points[-1]:
            other.hear()


def hostile(generator: np.random.Generator) -> str | bytes:
    """A message that no page of ours sends."""
    good = '[1, "/tm/place", 0.1, 0.2, 0.3, 1, 2, 3, 4]'
    strange: list[Any] = ["", "x" * 300, None, True, [], {}, 1e308, -(10**40), 0.5, "/tm/p", "é\0"]
    match generator.integers(6):
        case 0:
            return generator.bytes(int(generator.integers(100))).decode("latin-1")
        case 1:
            return good[: int(generator.integers(len(good)))]
        case 2:
            return "[" * int(generator.integers(20_000))
        case 3:
            letters = list(good)
            for _ in range(3):
                letters[generator.integers(len(letters))] = chr(generator.integers(1, 1000))
            return "".join(letters)
        case 4:
            return good.replace("0.1", str(generator.choice(["NaN", "1e999", "-Infinity", "null"])))
        case _:
            addresses = ("/tm/c", "/tm/p", "/tm/place", "/tm/active", "/tm/load", "/tm/get", "/x")
            values = [strange[i] for i in generator.integers(len(strange), size=4)]
            number = strange[generator.integers(len(strange))]
            return json.dumps([number, addresses[generator.integers(7)], *values])


def test_hostile_messages_change_nothing_that_matters(studio: Running):
    generator = np.random.default_rng(1)
    with Page(studio) as witness:
        for start in range(0, N_HOSTILE, 1000):
            with Page(studio) as attacker:
                for _ in range(start, start + 1000):
                    attacker.socket.send(hostile(generator))
        # Too large, or not text: the server hangs up, on that page alone.
        for message in ("x" * (LARGEST_MESSAGE + 1), b"bytes"):
            with Page(studio) as attacker, suppress(ConnectionClosed):
                attacker.socket.send(message)
                while True:
                    attacker.hear()
        witness.say("/tm/place", 0.3, 0.3, 0.3, 1, 2, 3, 4)
        assert witness.settle()["c"] == [0.3, 0.3, 0.3]
        assert np.isfinite(witness.news["p"]).all()
    assert studio.process.poll() is None


def test_there_is_an_end_to_pages(studio: Running):
    with ExitStack() as opened:
        for _ in range(MOST_PAGES):
            opened.enter_context(Page(studio))
        refused = opened.enter_context(connect(studio.url.replace("http", "ws") + "play"))
        with pytest.raises(ConnectionClosed, match="close one"):
            refused.recv(timeout=5)
    with Page(studio):
        pass


def test_controllers_and_pages_play_together(studio: Running):
    client = Client(("127.0.0.1", studio.osc_port))
    with Page(studio) as page:
        client.send("/tm/c", 0.25, 0.5, 0.75)
        while page.news["c"] != [0.25, 0.5, 0.75]:
            page.hear()
        assert page.news["by"] == 0
    client.close()

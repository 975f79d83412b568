"""Only our own page may talk to the server, and from elsewhere only with the token."""

from __future__ import annotations

import http.client
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.support.studio import Running, running_studio

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def studio() -> Iterator[Running]:
    with running_studio("--load", "fm") as running:
        yield running


def ask(url: str, path: str = "/", method: str = "GET", **headers: str) -> http.client.HTTPResponse:
    """Send a request as it stands; what is in it is for the test to say."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    connection.putrequest(method, path, skip_host="host" in headers)
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def test_the_host_must_be_one_of_ours(studio: Running):
    port = urlsplit(studio.url).port
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"LOCALHOST:{port}", f"[::1]:{port}"):
        assert ask(studio.url, host=host).status == 200, host
    for host in ("evil.example", f"127.0.0.1.evil.example:{port}", "", "[", f"localhost.:{port}"):
        assert ask(studio.url, host=host).status in (400, 403), host


def test_what_another_page_asks_is_refused(studio: Running):
    own = studio.url.rstrip("/")
    assert ask(studio.url, "/models.json", origin=own).status == 200
    for origin in ("http://evil.example", "null", own + "0", "https://127.0.0.1"):
        assert ask(studio.url, "/models.json", origin=origin).status == 403, origin
    assert ask(studio.url, "/models.json", sec_fetch_site="cross-site").status == 403
    # A link on another page may lead here.
    headers = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
    assert ask(studio.url, **headers).status == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost.evil.example"])
def test_another_page_cannot_open_a_socket(studio: Running, origin: Any):
    with (
        pytest.raises(InvalidStatus, match="403"),
        connect(studio.url.replace("http", "ws") + "play", origin=origin),
    ):
        pass


def test_no_path_leads_out_of_the_folders(studio: Running):
    up = ["../" * 6, "..%2f" * 6, "%2e%2e/" * 6, "..\\" * 6, "//"]
    for prefix in ("/page/", "/models/", "/models/fm/sounds/", "/page/sound/"):
        for way in up:
            answer = ask(studio.url, f"{prefix}{way}etc/passwd")
            assert answer.status in (400, 404), prefix + way
    for name in ("..", "%2e%2e", "nothing", "fm%00", "a" * 5000):
        assert ask(studio.url, f"/models/{name}/model.json").status in (400, 404), name
    for dot in ("-1", "999999999999999999999", "x", "0"):  # shipped models have no recordings
        assert ask(studio.url, f"/models/fm/sounds/{dot}.wav").status == 404, dot


def test_only_reading_is_possible(studio: Running):
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert ask(studio.url, "/models.json", method, content_length="0").status == 405
    with suppress(ConnectionError):  # it may hang up before all was sent
        assert ask(studio.url, "/models.json", x_long="a" * 1_000_000).status == 400
    assert ask(studio.url, "/models.json").status == 200


def test_the_page_may_load_nothing_from_elsewhere(studio: Running):
    policy = ask(studio.url).headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "http" not in policy
    assert "unsafe-inline" not in policy
    assert "'unsafe-eval'" not in policy


@pytest.mark.skipif(os.name != "posix", reason="binds all addresses of the machine")
def test_other_machines_need_the_token():
    with running_studio("--host", "0.0.0.0", "--load", "fm") as running:
        given = urlsplit(running.url)
        url = f"http://127.0.0.1:{given.port}/"
        token = given.query.partition("=")[2]
        assert len(token) >= 20
        socket = f"ws://127.0.0.1:{given.port}/play"
        for path in (
            "/",
            "/models.json",
            "/page/main.js",
            "/?token=",
            "/?token=x",
            "/?token=%C3%A9",
        ):
            assert ask(url, path).status == 403, path
        with pytest.raises(InvalidStatus, match="403"), connect(socket):
            pass
        answer = ask(url, f"/?token={token}")
        assert (answer.status, answer.headers["Location"]) == (303, "/")
        said = answer.headers["Set-Cookie"]
        assert "HttpOnly" in said
        assert re.search("samesite=strict", said, re.I)
        cookie = said.partition(";")[0]
        assert ask(url, "/models.json", cookie=cookie).status == 200
        assert ask(url, "/models.json", cookie=cookie + "x").status == 403
        with connect(socket, additional_headers={"Cookie": cookie}) as opened:
            assert '"model": "fm"' in str(opened.recv(timeout=5))

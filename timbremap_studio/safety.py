"""Who may talk to the studio.

Any web page that is open in a browser can send requests to this machine, and a host name of an
attacker can be made to point here. So every request must name a host that is ours (`Host`), and
what a browser sends on behalf of a page must come from our own page (`Origin`). From another
machine, a token is needed too: the address that the command prints holds it, and the browser keeps
it as a cookie.
"""

from __future__ import annotations

import hmac
import ipaddress
import socket
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval' blob:; worker-src 'self' blob:;"
        " style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:;"
        " connect-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'"
    ),
    # Isolated, a page may measure time to 5 microseconds.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}
"""Headers of every answer that has none of its own of that name."""


class Guard:
    """Lets in only requests of our own page, and from other machines only with the token.

    Parameters
    ----------
    app : ASGI application
        What is guarded.
    port : int
        Where it listens.
    token : str or None
        What every request must bring; None on a machine that only talks to itself.
    """

    def __init__(self, app: ASGIApp, port: int, token: str | None = None):
        self._app = app
        self._token = token
        self._cookie = f"timbremap_{port}"  # cookies of all ports of a host are one heap
        own = socket.gethostname().lower()
        self._names = {"localhost", own, f"{own}.local"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        reason = self._refusal(scope)
        if reason is not None:
            await self._refuse(reason, scope, receive, send)
        elif self._brings_token(scope) and scope["type"] == "http":
            answer = RedirectResponse(scope["path"], 303)
            answer.set_cookie(self._cookie, self._token or "", httponly=True, samesite="strict")
            await answer(scope, receive, send)
        else:
            await self._app(scope, receive, _with_policy(send))

    def _refusal(self, scope: Scope) -> str | None:
        """Say what is wrong with a request; None if nothing is."""
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._is_ours(hosts[0]):
            return "unknown host; open the address that tm-studio printed"
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != hosts[0]:
            return "another page asks; open the address that tm-studio printed"
        if headers.get("sec-fetch-site") in ("cross-site", "same-site") and (
            headers.get("sec-fetch-mode") != "navigate"
        ):
            return "another page asks; open the address that tm-studio printed"
        if self._token is not None and not (self._brings_token(scope) or self._has_cookie(headers)):
            return "no token; open the whole address that tm-studio printed"
        return None

    def _is_ours(self, host: str) -> bool:
        """Whether a `Host` cannot be a name that somebody else made point here.

        An address of digits is: a browser that was sent there talks to that very machine.
        """
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name in self._names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def _brings_token(self, scope: Scope) -> bool:
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [])
        return any(map(self._is_token, given))

    def _has_cookie(self, headers: Headers) -> bool:
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(self._cookie)
        except CookieError:
            return False
        return cookie is not None and self._is_token(cookie.value)

    def _is_token(self, given: str) -> bool:
        return self._token is not None and hmac.compare_digest(
            given.encode("utf-8", "replace"), self._token.encode()
        )

    @staticmethod
    async def _refuse(reason: str, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": reason})
        else:
            await PlainTextResponse(f"{reason}\n", 403)(scope, receive, send)


def _with_policy(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in POLICY.items():
                headers.setdefault(name, value)
        await send(message)

    return sending

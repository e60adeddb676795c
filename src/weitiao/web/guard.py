"""ASGI middleware that guards a local server: Host header, token, CSRF, body size, headers.

A page of another site may send requests to 127.0.0.1, and by DNS rebinding even call itself the
same site. So the Host header must name this server, and every change needs a header that no form
of another site can send, from the same origin. Elsewhere than on loopback a token is needed.
"""

from __future__ import annotations

import hmac
import ipaddress
import json
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

from weitiao.i18n.messages import _

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

MAX_BODY = 2_000_000  # bytes of a request
COOKIE = "weitiao-token"
HEADER = b"x-weitiao"  # a cross-site request cannot carry it without a preflight, which fails
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """Refuses requests before the application sees them.

    token: needed with every request where it is not ""; without one only loopback names are
    accepted as Host.
    """

    def __init__(self, app: App, *, token: str = "") -> None:
        self.app, self.token = app, token

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # no web sockets here
            return
        headers = _headers(scope)
        safe = _with_headers(send)
        if self.token and (cookie := self._login(scope)):
            entry = [(b"location", b"/"), (b"set-cookie", cookie.encode())]
            await _respond(safe, 303, "", entry)
            return
        refusal = self._refusal(scope, headers)
        if refusal:
            await _respond(safe, *refusal)
            return
        body = await _read(receive)
        if body is None:
            await _respond(safe, 413, _("the request is too large"))
            return
        await self.app(scope, _replay(body, receive), safe)

    def _login(self, scope: Message) -> str:
        """The cookie to set where the address holds the right token, else ""."""
        sent = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if scope["method"] != "GET" or not self._is_token(sent):
            return ""
        return f"{COOKIE}={self.token}; HttpOnly; SameSite=Strict; Path=/"

    def _is_token(self, sent: str) -> bool:
        return hmac.compare_digest(sent.encode("utf-8", "replace"), self.token.encode())

    def _refusal(self, scope: Message, headers: dict[bytes, str]) -> tuple[int, str] | None:
        host = headers.get(b"host", "")
        if not self.token and not _is_here(_name_of(host)):
            return 421, _("this server is not called so")
        if self.token and not self._is_token(_cookie(headers)):
            return 401, _("open the address with the token that the terminal shows")
        if scope["method"] in ("GET", "HEAD"):
            return None
        origin = headers.get(b"origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return 403, _("a page of another site may not do this")
        if headers.get(b"sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return 403, _("a page of another site may not do this")
        if headers.get(HEADER) != "1":
            return 403, _("the header X-Weitiao is missing")
        if headers.get(b"content-type", "").split(";")[0].strip() != "application/json":
            return 415, _("send JSON")
        length = headers.get(b"content-length", "0")
        if not length.isascii() or not length.isdigit():
            return 400, _("the length of the request is no number")
        return (413, _("the request is too large")) if int(length) > MAX_BODY else None


def _headers(scope: Message) -> dict[bytes, str]:
    return {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}


def _name_of(host: str) -> str:
    """The name in a Host header, without its port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _is_here(name: str) -> bool:
    """Whether a name is that of this machine alone: localhost, or a loopback address."""
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _cookie(headers: dict[bytes, str]) -> str:
    try:
        morsel = SimpleCookie(headers.get(b"cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel else ""


async def _read(receive: Receive) -> bytes | None:
    """The body of a request; None where it is larger than its header said and than allowed."""
    chunks, size = [], 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b""
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > MAX_BODY:
            return None
        if not message.get("more_body", False):
            return b"".join(chunks)


def _replay(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def again() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _with_headers(send: Send) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = {name.lower() for name, _ in message["headers"]}
            added = [(name.encode(), value.encode()) for name, value in HEADERS.items()
                     if name.encode() not in own]  # fmt: skip
            message = {**message, "headers": [*message["headers"], *added]}
        await send(message)

    return wrapped


async def _respond(
    send: Send, status: int, text: str, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    body = json.dumps({"error": text}).encode() if text else b""
    every = [(b"content-type", b"application/json"), *(headers or [])]
    await send({"type": "http.response.start", "status": status, "headers": every})
    await send({"type": "http.response.body", "body": body})

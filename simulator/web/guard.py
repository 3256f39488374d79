"""The door: who may ask, how much they may send, and what a browser may do with the answer.

The page is for the person at this machine. Other pages in the same browser can send requests here too; they are told apart by
`Host` (a foreign name that was made to point here) and `Origin` (a foreign page), which a page cannot forge.
"""

import asyncio
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOSTS = ("127.0.0.1", "localhost")
"""Names by which this machine calls itself."""

MOST_BYTES = 64_000_000
"""Of a file of a network."""

MOST_ASKED_BYTES = 2_000_000
"""Of any other request."""

MOST_WAIT_S = 30.0
"""Between two pieces of a body."""

UPLOAD = "/api/upload"
"""Where files of networks are sent."""

HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
"""Of every answer."""


class TooLargeError(Exception):
    """A body beyond its bound."""


class TooSlowError(Exception):
    """A body that does not come."""


class Guard:
    """Refuses what does not come from the page itself, and bodies beyond their bound."""

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._app = app
        self._hosts = {f"{host}:{port}" for host in HOSTS} | (set(HOSTS) if port == 80 else set())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # no other kind is spoken here
            await send({"type": "websocket.close", "code": 1008})
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message = {**message, "headers": [*message["headers"], *own]}
            await send(message)

        fault = self._fault(scope)
        if fault:
            await JSONResponse({"errors": [fault]}, 403)(scope, receive, guarded)
            return
        most = MOST_BYTES if scope["path"] == UPLOAD else MOST_ASKED_BYTES
        size = _headers(scope).get("content-length", "0")
        if not size.isdigit() or int(size) > most:
            await _refuse(most)(scope, receive, guarded)
            return
        await self._app(scope, _bounded(receive, most), guarded)

    def _fault(self, scope: Scope) -> str:
        """Why a request is refused; empty where it is not."""
        headers = _headers(scope)
        host = headers.get("host", "")
        if host not in self._hosts:
            return "host: must be this machine by the address that the command printed"
        origin = headers.get("origin")
        if origin is not None and origin != f"http://{host}":
            return "origin: must be the page itself"
        if scope["path"].startswith("/api/") and headers.get("sec-fetch-site", "same-origin") not in (
            "same-origin",
            "none",
        ):
            return "origin: must be the page itself"
        return ""


def _headers(scope: Scope) -> dict[str, str]:
    """Headers of a request; of one that comes twice, both, which are then no name of ours."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]},{text}" if key in found else text
    return found


def _bounded(receive: Receive, most: int) -> Receive:
    """A body that ends with TooLargeError once it is beyond its bound, whatever its header says, or TooSlowError."""
    taken, more = 0, True

    async def bounded() -> Message:
        nonlocal taken, more
        try:
            message = await asyncio.wait_for(receive(), MOST_WAIT_S if more else None)
        except TimeoutError:
            raise TooSlowError from None
        if message["type"] == "http.request":
            more = bool(message.get("more_body"))
            taken += len(message.get("body", b""))
            if taken > most:
                raise TooLargeError
        return message

    return bounded


def _refuse(most: int) -> Any:
    """The answer to a body beyond its bound."""
    return JSONResponse({"errors": [f"body: must be at most {most:,} bytes"]}, 413)

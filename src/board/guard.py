"""What every request passes before it reaches a route, and every answer on its way out.

Plain ASGI, so that a stream's bytes go through untouched.  What is mounted below /alimi has a guard
of its own.
"""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from board.problems import Problem
from board.texts import choose_locale

LIBRARY = "/alimi"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
#: The longest description in four-byte characters, written as JSON escapes.
MAX_BODY = 128 * 1024
#: A body that dribbles in more slowly than this is no honest client's; the same as Alimi's own.
BODY_SECONDS = 30.0

CONTENT_SECURITY_POLICY = "; ".join(  # noqa: FLY002 - one directive a line
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "worker-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types alimi",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class _Gone(Exception):
    """The client left before its request was complete; nobody is there to answer."""


class Guard:
    """Refuses cross-site writes, bodies that are late, too large or no JSON; adds headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let pass, or answer with a problem."""
        if scope["type"] != "http" or is_library(scope["path"]):
            await self._app(scope, receive, send)
            return
        sending = _with_headers(send, scope["path"])
        try:
            receive = await _checked(scope, receive)
        except _Gone:
            return
        except Problem as problem:
            locale = choose_locale(Headers(scope=scope).get("accept-language", ""))
            await problem.response(locale)(scope, receive, sending)
            return
        await self._app(scope, receive, sending)


def is_cross_site(method: str, headers: Headers) -> bool:
    """Whether a write was sent by another site's page; the same rules as Alimi's own.

    Browsers say where a request comes from: Sec-Fetch-Site, or at least Origin.  What sends neither
    is no browser, and carries nobody's cookies unknowingly.
    """
    if method in SAFE_METHODS:
        return False
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in {"same-origin", "none"}
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != headers.get("host")


async def _checked(scope: Scope, receive: Receive) -> Receive:
    headers = Headers(scope=scope)
    if is_cross_site(scope["method"], headers):
        raise Problem("cross_site")
    if scope["method"] in SAFE_METHODS:
        return receive
    body = await _read(receive, headers)
    if body and headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise Problem("not_json")
    try:
        body.decode()
    except UnicodeDecodeError:
        raise Problem("bad_request") from None
    return _replayed(body, receive)


async def _read(receive: Receive, headers: Headers) -> bytes:
    """The whole body, which is small and soon there; counted as it comes, since headers may lie."""
    too_large = Problem("body_too_large", most=MAX_BODY)
    said = headers.get("content-length", "0")
    if not said.isdecimal() or len(said) > 9 or int(said) > MAX_BODY:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _Gone
                body += message.get("body", b"")
                if len(body) > MAX_BODY:
                    raise too_large
                if not message.get("more_body"):
                    return bytes(body)
    except TimeoutError:
        raise Problem("body_timeout", seconds=int(BODY_SECONDS)) from None


def _replayed(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay


def _with_headers(send: Send, path: str) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", _caching(path))
        await send(message)

    return sending


def _caching(path: str) -> str:
    # Pages and files are asked for again each time, which an ETag answers in a millisecond.
    return "no-store" if path.startswith("/api/") else "no-cache"


def is_library(path: str) -> bool:
    """Whether Alimi answers there, which looks after itself."""
    return path == LIBRARY or path.startswith(LIBRARY + "/")

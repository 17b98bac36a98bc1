"""Reading a JSON body, bounded in bytes and in time."""

from __future__ import annotations

import asyncio
import re
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec

from alimi.web.problems import Problem
from alimi.web.request import Request
from alimi.web.types import Receive

#: Marks name at most 100 ids; nothing an inbox takes comes near this.
INBOX_LIMIT = 64 * 1024
#: A thousand events of ordinary size.
EVENTS_LIMIT = 1024 * 1024
#: A body that dribbles in more slowly than this is no honest client's.
BODY_SECONDS = 30.0
#: Parameters of one query; ours take five.
_MAX_PARAMETERS = 32
_CHARSET = re.compile(r'charset\s*=\s*"?([^";]+)"?', re.IGNORECASE)
_AT = re.compile(r" - at (?:`key` in )?`\$\.?(.*)`$")
_NAMED = re.compile(r"(?:missing required|unknown) field `([^`]*)`")

T = TypeVar("T")


class Gone(Exception):
    """The client left before its request was complete; nobody is there to answer."""


async def read_json(request: Request, receive: Receive, shape: type[T], limit: int) -> T:
    """The body as `shape`.  Raises Problem 400, 408, 413, 415 or 422."""
    _demand_json(request)
    raw = await _read(request, receive, limit)
    try:
        # msgspec checks UTF-8 string by string; the whole at once gives the position in the body.
        raw.decode()
        return msgspec.json.decode(raw, type=shape)
    except UnicodeDecodeError as error:
        raise Problem(
            "malformed-request", f"The body is not UTF-8: wrong byte at position {error.start}."
        ) from None
    except msgspec.ValidationError as error:
        raise invalid(error) from None
    except msgspec.DecodeError as error:
        where = "" if "byte" in str(error) else f" (byte {len(raw)})"
        raise Problem("malformed-request", f"The body is not JSON: {error}{where}.") from None
    except RecursionError:
        raise Problem("malformed-request", "The body is nested too deeply.") from None


def read_query(request: Request, shape: type[T]) -> T:
    """The query as `shape`; parameters that it does not name are ignored."""
    try:
        text = request.scope.get("query_string", b"").decode()
        pairs = parse_qsl(
            text, keep_blank_values=True, errors="strict", max_num_fields=_MAX_PARAMETERS
        )
    except ValueError as error:
        raise Problem("malformed-request", f"The query cannot be read: {error}.") from None
    names = [name for name, _ in pairs]
    for name in _fields(shape):
        if names.count(name) > 1:
            raise Problem("invalid-input", f"{name} is given more than once.", field=name)
    try:
        return msgspec.convert(dict(pairs), type=shape, strict=False)
    except msgspec.ValidationError as error:
        raise invalid(error) from None


def invalid(error: msgspec.ValidationError) -> Problem:
    """A 422 that names the field."""
    text = str(error)
    at, named = _AT.search(text), _NAMED.search(text)
    path = ".".join(part for part in (at and at[1], named and named[1]) if part)
    return Problem("invalid-input", f"{text}.", field=path or None)


def _fields(shape: Any) -> tuple[str, ...]:
    return tuple(getattr(shape, "__struct_encode_fields__", ()))


def _demand_json(request: Request) -> None:
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = _CHARSET.search(parameters)
    known = charset is None or charset[1].strip().lower() in {"utf-8", "utf8"}
    if kind.strip().lower() != "application/json" or not known:
        raise Problem("unsupported-media-type", "Send Content-Type: application/json, in UTF-8.")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem("unsupported-media-type", "Send the body without Content-Encoding.")


async def _read(request: Request, receive: Receive, limit: int) -> bytes:
    too_large = Problem("body-too-large", f"At most {limit} bytes are taken here.")
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length[:20]) > limit:
        raise too_large
    read = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Gone
                read += message.get("body", b"")
                if len(read) > limit:
                    raise too_large
                if not message.get("more_body", False):
                    return bytes(read)
    except TimeoutError:
        raise Problem("body-timeout", f"It must arrive within {BODY_SECONDS:.0f} s.") from None

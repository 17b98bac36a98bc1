"""The door for values that come from the application: plain data, safe urls, snapshots.

What passes here is JSON, has a bound, can be stored in any database and put into any page.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from alimi.errors import InvalidInput, UnsafeUrl
from alimi.model import MAX_RECIPIENT, Snapshot, is_clean

#: What a person reads in a row of the bell is short; more belongs behind the url.
MAX_NAME = 500
#: Browsers and proxies agree on about this much.
MAX_URL = 2_000
#: Every open tab of every recipient gets it; larger things are fetched by id.
MAX_DATA = 16 * 1024
#: Deeper than any honest data, far from the recursion limit.
MAX_DEPTH = 32
_SCHEMES = ("http", "https")
#: Values that need no look.
_AS_IT_IS = frozenset({int, bool, type(None)})


def plain_data(value: object, what: str = "data") -> Any:
    """A deep copy of only dict, list, str, int, float, bool and None; enums become their values.

    Raises InvalidInput, naming the place, for anything else and for what is too large as JSON.
    """
    plain = value.copy() if type(value) is dict and _is_flat(value) else _plain(value, what)
    size = len(msgspec.json.encode(plain))
    if size > MAX_DATA:
        raise InvalidInput(f"{what} is {size} bytes as JSON; at most {MAX_DATA} are allowed")
    return plain


def _is_flat(value: dict[Any, Any]) -> bool:
    """Whether it is plain already, one level deep, as nearly all data is; else look closely."""
    for name, each in value.items():
        kind = type(each)
        if (
            type(name) is not str
            or not name.isprintable()
            or not (
                kind in _AS_IT_IS
                or (kind is str and each.isprintable())
                or (kind is float and math.isfinite(each))
            )
        ):
            return False
    return True


def _plain(value: object, where: str, depth: int = MAX_DEPTH) -> Any:
    if type(value) in _AS_IT_IS:
        return value
    if isinstance(value, str):
        return storable(value, where)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    if depth == 0:
        raise InvalidInput(f"{where}: more than {MAX_DEPTH} levels deep")
    if isinstance(value, Mapping):
        return {
            _name(key, where): _plain(each, f"{where}.{key}", depth - 1)
            for key, each in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_plain(each, f"{where}[{i}]", depth - 1) for i, each in enumerate(value)]
    raise InvalidInput(f"{where}: {_said(value)} is not plain JSON data; pass its text or number")


def _name(key: object, where: str) -> str:
    if not isinstance(key, str):
        raise InvalidInput(f"{where}: a name in JSON is a str, not {type(key).__name__}")
    return storable(key, where)


def _said(value: object) -> str:
    return repr(value) if isinstance(value, float) else type(value).__name__


def storable(text: str, what: str) -> str:
    """The text as an exact str.  Raises InvalidInput for NUL and for lone surrogates.

    Neither can be kept in a text column of every database.
    """
    if text.isprintable():  # as nearly always: nothing below can be the case
        return str.__str__(text)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidInput(f"{what} holds half a character (a lone surrogate)") from None
    if "\0" in text:
        raise InvalidInput(f"{what} holds a NUL character")
    return str.__str__(text)


def clipped(text: str, limit: int) -> str:
    """The beginning of a text that is too long to show, with an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def safe_url(url: object, what: str = "url") -> str:
    """The url, if a click on it can only lead to a web page.

    Raises UnsafeUrl for other schemes, `//host`, backslashes and control characters (browsers read
    both as something else), and for `.` and `..` segments, which would let a value leave its place.
    """
    if not isinstance(url, str):
        raise UnsafeUrl(f"{what} must be a str, not {type(url).__name__}")
    if len(url) > MAX_URL:
        raise UnsafeUrl(f"{what} is longer than {MAX_URL} characters")
    if not is_clean(url) or "\\" in url:
        raise UnsafeUrl(f"{what} must not hold control characters or backslashes: {url!r}")
    if url.startswith("/"):
        if url.startswith("//"):
            raise UnsafeUrl(f"{what} begins with two slashes, which is another host: {url!r}")
    elif not _is_web(url):
        raise UnsafeUrl(f"{what} must begin with http://, https:// or one slash: {url!r}")
    path = url.partition("#")[0].partition("?")[0]
    if not {".", ".."}.isdisjoint(path.split("/")):
        raise UnsafeUrl(f"{what} must not hold the segments . or ..: {url!r}")
    return str.__str__(url)


def _is_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    scheme, colon, rest = url.partition(":")
    return bool(colon) and scheme.lower() in _SCHEMES and rest[:2] == "//" and bool(parts.hostname)


def snapshot(value: object) -> Snapshot | None:
    """An actor, object or target as it is now.

    Takes None, a Snapshot, an id (str, int or UUID), a mapping with `id`, `name`, `image`, `url`,
    an object whose `__alimi__()` answers such a mapping, or any object with an `id` and a `name`
    or `title`.  A name that is too long to show is cut.  Raises InvalidInput or UnsafeUrl.
    """
    if value is None:
        return None
    if isinstance(value, (str, int, uuid.UUID)):
        return Snapshot(_id(value))
    if isinstance(value, Snapshot):
        return _snapshot(value.id, value.name, value.image, value.url)
    if isinstance(value, Mapping):
        return _from_mapping(value)
    describe = getattr(value, "__alimi__", None)
    if callable(describe) and not isinstance(value, type):
        return _from_mapping(_described(describe(), value))
    return _from_object(value)


def _described(answer: object, value: object) -> Mapping[Any, Any]:
    if isinstance(answer, Snapshot):
        return msgspec.structs.asdict(answer)
    if not isinstance(answer, Mapping):
        raise InvalidInput(f"{type(value).__name__}.__alimi__() must answer a mapping")
    return answer


def _from_mapping(value: Mapping[Any, Any]) -> Snapshot:
    name = value.get("name")
    return _snapshot(
        value.get("id"),
        value.get("title") if name is None else name,
        value.get("image"),
        value.get("url"),
    )


def _from_object(value: object) -> Snapshot:
    """Duck typing; what is a method or a file there, is no name and no url."""
    names = (getattr(value, "name", None), getattr(value, "title", None))
    name = next((each for each in names if isinstance(each, str)), None)
    if isinstance(value, type) or name is None or not hasattr(value, "id"):
        raise InvalidInput(
            f"{type(value).__name__} has no id with a name or title: pass a mapping with id, name, "
            "image and url, or give the class a method __alimi__() that answers one"
        )
    image, url = (getattr(value, field, None) for field in ("image", "url"))
    return _snapshot(
        value.id,
        name,
        image if isinstance(image, str) else None,
        url if isinstance(url, str) else None,
    )


def _snapshot(
    id: object, name: object = None, image: object = None, url: object = None
) -> Snapshot:
    return Snapshot(
        id=_id(id),
        name=None if name is None else _shown_name(name),
        image=None if image is None else safe_url(image, "image"),
        url=None if url is None else safe_url(url),
    )


def _id(value: object) -> str:
    if value is None:
        raise InvalidInput("an actor, object or target needs an id; flush the new row first")
    if isinstance(value, bool) or not isinstance(value, (str, int, uuid.UUID)):
        raise InvalidInput(f"an id is a str, an int or a UUID, not {type(value).__name__}")
    text = str.__str__(value) if isinstance(value, str) else str(value)
    if not text or len(text) > MAX_RECIPIENT or not is_clean(text):
        raise InvalidInput(f"an id has 1 to {MAX_RECIPIENT} characters, none of them control")
    return text


def _shown_name(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise InvalidInput(f"a name is a str, not {type(value).__name__}")
    return clipped(storable(value if isinstance(value, str) else str(value), "name"), MAX_NAME)

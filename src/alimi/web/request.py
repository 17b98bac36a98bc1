"""The small request that `who` is given: read-only, no framework."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from urllib.parse import parse_qsl

from alimi.web.types import Scope


class Headers(Mapping[str, str]):
    """Header fields by name, whatever its case; a field sent twice reads "a, b".

    So a doubled `Host`, `Origin` or `Authorization` equals nothing that is expected.
    """

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        self._fields: dict[str, str] = {}
        for raw_name, raw_value in raw:
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1").strip()
            separator = "; " if name == "cookie" else ", "
            before = self._fields.get(name)
            self._fields[name] = value if before is None else before + separator + value

    def __getitem__(self, name: str) -> str:
        return self._fields[name.lower()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._fields

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)


class Request:
    """What came in, without its body.

    `scope` is the ASGI scope as the server or framework gave it: sessions and users that a
    middleware put there are found in it.
    """

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers = Headers(scope["headers"])

    @cached_property
    def cookies(self) -> Mapping[str, str]:
        """Cookies by name; of two with one name the last, as in the usual frameworks."""
        found: dict[str, str] = {}
        for part in self.headers.get("cookie", "").split(";"):
            name, equals, value = part.partition("=")
            if equals:
                found[name.strip()] = _unquoted(value.strip())
        return found

    @cached_property
    def query(self) -> Mapping[str, str]:
        """Query parameters by name; of two with one name the last."""
        text = self.scope.get("query_string", b"").decode("utf-8", "replace")
        return dict(parse_qsl(text, keep_blank_values=True))

    @property
    def bearer(self) -> str | None:
        """The token of `Authorization: Bearer …`."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() or None if scheme.lower() == "bearer" else None

    @property
    def client(self) -> str | None:
        """The peer's address as the server knows it: behind a proxy, the proxy's."""
        client = self.scope.get("client")
        return str(client[0]) if client else None


def _unquoted(value: str) -> str:
    quoted = len(value) > 1 and value[0] == value[-1] == '"'
    return value[1:-1] if quoted else value

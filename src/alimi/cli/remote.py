"""A running server as its clients see it: plain HTTP with what Python brings along."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from alimi.errors import AlimiError, InvalidInput

#: A page of 200 notifications with all their data is below this.
MAX_ANSWER = 16 << 20
#: Four pings; a stream that is silent for longer is dead.
SILENCE_SECONDS = 60.0


class Unreachable(AlimiError):
    """The server cannot be reached."""


class Refused(AlimiError):
    """The server answered with an error; asking again will not change that, unless it is `soon`."""

    def __init__(self, status: int, detail: str, retry_after: float | None = None) -> None:
        super().__init__(f"the server answered {status}: {detail}")
        self.status = status
        self.retry_after = retry_after

    @property
    def is_temporary(self) -> bool:
        """Whether the same request may be answered later."""
        return self.status in {408, 429} or self.status >= 500


class Remote:
    """One server; holds no connection.  Raises InvalidInput for what is no address of one."""

    def __init__(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise InvalidInput(f"--url is like http://127.0.0.1:8000, not {url!r}") from None
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query:
            raise InvalidInput(f"--url is like http://127.0.0.1:8000, not {url!r}")
        self.url = url
        self._is_tls = parts.scheme == "https"
        self._host, self._port = parts.hostname, port
        self._prefix = parts.path.rstrip("/")

    def get(self, path: str, headers: Mapping[str, str]) -> Any:
        """The JSON of a 200.  Raises Unreachable or Refused."""
        return self._json("GET", path, None, headers)

    def post(self, path: str, body: Any, headers: Mapping[str, str]) -> Any:
        """The JSON of the answer.  Raises Unreachable or Refused."""
        headers = {**headers, "Content-Type": "application/json"}
        return self._json("POST", path, msgspec.json.encode(body), headers)

    def stream(self, path: str, headers: Mapping[str, str]) -> Stream:
        """An open response.  Raises Unreachable or Refused."""
        headers = {**headers, "Accept": "text/event-stream", "Cache-Control": "no-cache"}
        connection, response = self._ask("GET", path, None, headers)
        kind = response.headers.get_content_type()
        if kind != "text/event-stream":
            connection.close()
            raise Refused(response.status, f"this is no stream but {kind}: is --url right?")
        return Stream(connection, response)

    def _json(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Any:
        connection, response = self._ask(method, path, body, headers)
        try:
            return msgspec.json.decode(_read(response))
        except msgspec.DecodeError:
            raise Refused(response.status, "this is not Alimi's answer: is --url right?") from None
        finally:
            connection.close()

    def _ask(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        connection = self._connection()
        try:
            connection.request(method, self._prefix + path, body, dict(headers))
            response = connection.getresponse()
            if not 200 <= response.status < 300:
                raise _refusal(response)
        except (OSError, http.client.HTTPException, ValueError) as error:
            connection.close()
            raise Unreachable(f"{self.url} cannot be reached: {_reason(error)}") from None
        except Refused:
            connection.close()
            raise
        return connection, response

    def _connection(self) -> http.client.HTTPConnection:
        if self._is_tls:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(
                self._host, self._port, timeout=SILENCE_SECONDS, context=context
            )
        return http.client.HTTPConnection(self._host, self._port, timeout=SILENCE_SECONDS)


class Stream:
    """The body of an endless answer."""

    def __init__(
        self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse
    ) -> None:
        self._connection = connection
        self._response = response

    def read(self) -> bytes:
        """What has arrived, as soon as something has; nothing at the end.  Raises Unreachable."""
        try:
            return self._response.read1(65_536)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unreachable(f"the stream broke: {_reason(error)}") from None

    def close(self) -> None:
        """Let go."""
        self._response.close()
        self._connection.close()


def _read(response: http.client.HTTPResponse) -> bytes:
    raw = response.read(MAX_ANSWER + 1)
    if len(raw) > MAX_ANSWER:
        raise Refused(response.status, "more than anybody can read")
    return raw


def _refusal(response: http.client.HTTPResponse) -> Refused:
    try:
        problem = msgspec.json.decode(response.read(65_536), type=dict[str, Any])
        detail = f"{problem.get('title', response.reason)}. {problem.get('detail', '')}".strip()
    except msgspec.DecodeError:
        detail = response.reason
    after = response.headers.get("Retry-After", "")
    return Refused(response.status, detail, float(after) if after.isdecimal() else None)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__

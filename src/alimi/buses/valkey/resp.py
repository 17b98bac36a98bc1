"""RESP3, as much of it as a bus needs: commands out; replies, pushes and errors in."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable
from typing import Any

from alimi.wire import LinkError, Wire

#: What the server sends unasked: `[b"smessage", channel, payload]` and the like.
Push = list[Any]


_UNKNOWN = re.compile("ERR unknown command [`'](.*?)['`]")
#: A server that cannot save takes no writes, by which it means pings too; it carries hints as ever.
_STILL_THERE = "MISCONF"


class Refusal(Exception):
    """An error reply."""

    def told(self) -> LinkError:
        """What an operator may read: the first sentences, and never the words that we sent."""
        text = str(self)
        # It goes on with what stood behind the command: behind HELLO that is our password.
        unknown = _UNKNOWN.match(text)
        if unknown is not None:
            return LinkError(
                f"the server has no {unknown[1]:.20}: Valkey, or Redis 7 and newer, does"
            )
        return LinkError(f"the server says: {text:.200}")


class _Pushed(list[Any]):
    """A push, which is no reply."""


class Incomplete(Exception):
    """The rest has not come yet."""


Reply = Callable[[Any], None]


def command(*words: bytes) -> bytes:
    """A command as the server reads it."""
    parts = [b"*%d\r\n" % len(words)]
    parts += [b"$%d\r\n%b\r\n" % (len(word), word) for word in words]
    return b"".join(parts)


class RespWire(Wire):
    """One connection; replies come in the order of the commands."""

    ping = command(b"PING")

    def __init__(self, pushed: Callable[[RespWire, Push], None]) -> None:
        super().__init__()
        self._pushed = pushed
        #: Who takes the reply of each command that was sent.
        self.replies: deque[Reply] = deque()

    def say(self, reply: Reply, *words: bytes) -> None:
        """Send a command at the end of this turn."""
        self.replies.append(reply)
        self.write(command(*words))

    async def ask(self, *words: bytes) -> Any:
        """Send a command and wait for its answer.  Raises LinkError for an error or an end."""
        answer: asyncio.Future[Any] = self._loop.create_future()

        def reply(value: Any) -> None:
            if not answer.done():
                answer.set_result(value)

        self.say(reply, *words)
        await asyncio.wait((answer, self.gone), return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise LinkError(self.gone.result())
        if isinstance(answer.result(), Refusal):
            raise answer.result().told()
        return answer.result()

    def pinged(self) -> None:
        """The ping's reply stands in the same row."""
        self.replies.append(self._pong)

    def _pong(self, value: Any) -> None:
        if isinstance(value, Refusal) and not str(value).startswith(_STILL_THERE):
            raise value.told()
        self.answered()

    def take(self, data: bytearray) -> int:
        """Hand out whole values."""
        at = 0
        while at < len(data):
            try:
                value, end = parse(data, at)
            except Incomplete:
                return at
            except (ValueError, RecursionError):
                raise LinkError("the server does not speak RESP") from None
            at = end
            if isinstance(value, _Pushed):
                self._pushed(self, value)
            elif self.replies:
                self.replies.popleft()(value)
            elif isinstance(value, Refusal):  # of the connection: too many of them, a strange host
                raise value.told()
            else:
                raise LinkError("the server answers what nobody asked")
        return at


def parse(data: bytearray, at: int) -> tuple[Any, int]:
    """The value that begins there, and where it ends.

    Raises Incomplete, or ValueError for what is no RESP.
    """
    end = data.find(b"\r\n", at)
    if end < 0:
        raise Incomplete
    kind, rest, after = data[at : at + 1], bytes(data[at + 1 : end]), end + 2
    match bytes(kind):
        case b"+" | b"," | b"(":
            return rest, after
        case b"-":
            return Refusal(rest.decode("utf-8", "replace")), after
        case b":":
            return int(rest), after
        case b"_":
            return None, after
        case b"#":
            return rest == b"t", after
        case b"$" | b"=" | b"!":
            return _blob(data, bytes(kind), int(rest), after)
        case b"*" | b"~" | b">":
            items, after = _several(data, int(rest), after)
            return (_Pushed(items) if kind == b">" else items), after
        case b"%" | b"|":
            items, after = _several(data, 2 * int(rest), after)
            if kind == b"|":  # remarks about the value that follows
                return parse(data, after)
            return dict(zip(map(_key, items[::2]), items[1::2], strict=True)), after
    raise ValueError(kind)


def _blob(data: bytearray, kind: bytes, size: int, at: int) -> tuple[Any, int]:
    if size < 0:
        return None, at
    end = at + size
    if len(data) < end + 2:
        raise Incomplete
    body = bytes(data[at:end])
    return (Refusal(body.decode("utf-8", "replace")) if kind == b"!" else body), end + 2


def _several(data: bytearray, count: int, at: int) -> tuple[list[Any], int]:
    items = []
    for _ in range(count):
        item, at = parse(data, at)
        items.append(item)
    return items, at


def _key(item: Any) -> Any:
    return item if isinstance(item, (bytes, int)) else repr(item)

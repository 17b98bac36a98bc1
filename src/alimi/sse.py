"""The wire format `text/event-stream`: an encoder and a strict decoder, both without I/O.

The decoder follows the HTML standard to the letter, so what our tests read through it is what a
browser's `EventSource` would have read.
"""

from __future__ import annotations

import re

import msgspec

from alimi.errors import InvalidInput

#: More than this without an end of line or of block is no stream of ours.
MAX_EVENT = 1 << 20
_BREAKS = re.compile(r"[\0\r\n]")
_DATA_BREAKS = re.compile(rb"[\0\r\n]")
_LINE_END = re.compile(rb"\r\n|\r|\n")
_BOM = b"\xef\xbb\xbf"
#: A wait of thirty thousand years; keeps a row of ten thousand digits from costing anything.
_MAX_RETRY_DIGITS = 15


class ServerEvent(msgspec.Struct, frozen=True):
    """One dispatched event; `event` is "message" when the block named none."""

    event: str
    data: str
    id: str


def encode(data: bytes, *, event: str | None = None, id: str | None = None) -> bytes:
    """One block; `data` is JSON on one line.

    Raises InvalidInput for NUL, CR or LF anywhere, and for an empty `event`, which a reader would
    take for a new notification.
    """
    if _DATA_BREAKS.search(data):
        raise InvalidInput("the data of an event is one line")
    head = b""
    if id is not None:
        head += _field("id", id)
    if event is not None:
        head += _field("event", event or "\0")
    return head + b"data: " + data + b"\n\n"


def encode_retry(milliseconds: int) -> bytes:
    """How long the reader waits before it connects again; a line of the block that comes next.

    Of a block with nothing else a strict reader makes no event, but httpx-sse makes an empty one.
    """
    return b"retry: %d\n" % milliseconds


def _field(name: str, value: str) -> bytes:
    if _BREAKS.search(value):
        raise InvalidInput(f"{name!r} of an event must not be empty or hold NUL, CR or LF")
    try:
        return f"{name}: {value}\n".encode()
    except UnicodeEncodeError:
        raise InvalidInput(f"{name!r} of an event is not text") from None


class Decoder:
    """Bytes in, in any portions; events out.

    What a closed connection left unfinished is never dispatched.
    """

    def __init__(self, limit: int = MAX_EVENT) -> None:
        self.retry: int | None = None
        self.last_event_id = ""
        self._limit = limit
        self._line = bytearray()
        self._at_start = True
        self._after_cr = False
        self._id = ""
        self._event = ""
        self._data: list[str] = []
        self._size = 0

    def feed(self, data: bytes) -> list[ServerEvent]:
        """The events that these bytes complete.  Raises InvalidInput for an endless one."""
        events: list[ServerEvent] = []
        if not data:
            return events
        if self._after_cr:
            # The CR of a CRLF has ended its line already.
            data = data.removeprefix(b"\n")
            self._after_cr = False
        *lines, rest = _LINE_END.split(data)
        for line in lines:
            self._line += line
            self._take_line(events)
        self._line += rest
        self._after_cr = data.endswith(b"\r")
        if self._size + len(self._line) > self._limit:
            raise InvalidInput(f"an event of more than {self._limit} bytes")
        return events

    def _take_line(self, events: list[ServerEvent]) -> None:
        raw = bytes(self._line)
        self._line.clear()
        if self._at_start:
            self._at_start = False
            raw = raw.removeprefix(_BOM)
        if raw:
            self._take_field(raw)
        else:
            self._dispatch(events)

    def _take_field(self, raw: bytes) -> None:
        # A comment has an empty name, which no branch below knows.
        name, _, value = raw.decode("utf-8", "replace").partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
            self._size += len(raw)
        elif name == "event":
            self._event = value
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self.retry = int(value.lstrip("0")[:_MAX_RETRY_DIGITS] or "0")

    def _dispatch(self, events: list[ServerEvent]) -> None:
        # The id counts even when there is nothing to dispatch, and stays for the next events.
        self.last_event_id = self._id
        if self._data:
            event = self._event or "message"
            events.append(ServerEvent(event, "\n".join(self._data), self._id))
        self._event = ""
        self._data = []
        self._size = 0

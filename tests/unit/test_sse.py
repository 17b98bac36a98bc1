"""The wire format: what we write is read back, and nothing we are given can break its framing."""

import base64
import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from alimi.errors import InvalidInput
from alimi.sse import Decoder, ServerEvent, encode, encode_retry


def decode(*portions: bytes) -> list[ServerEvent]:
    decoder = Decoder()
    return [event for portion in portions for event in decoder.feed(portion)]


def naive(stream: bytes) -> list[ServerEvent]:
    """The standard's algorithm in its plainest form, on the whole stream at once."""
    text = stream.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    lines = re.split("\r\n|\r|\n", text)[:-1]
    events, event, data, id_ = [], "", "", ""
    for line in lines:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                events.append(ServerEvent(event or "message", data[:-1], id_))
            event = data = ""
        elif name == "data":
            data += value + "\n"
        elif name == "event":
            event = value
        elif name == "id" and "\0" not in value:
            id_ = value
    return events


#: Streams of what matters to a decoder, in every order.
PIECES = b"data event id retry other : \xea \xb0 \xff \0 7 x".split()
PIECES += [b" ", b"\r", b"\n", b"\r\n", b"\n\n", "\ufeff".encode(), "가".encode()]
streams = st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join)


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\n\n", [("message", "a", "")]),
        (b"data:a\rdata: b\r\r", [("message", "a\nb", "")]),
        (b"data\n\ndata\ndata\n\ndata:", [("message", "", ""), ("message", "\n", "")]),
        (b"data:test\n\ndata: test\n\n", [("message", "test", "")] * 2),
        (b"data:  two\n\n", [("message", " two", "")]),
        (b"event: ping\n\ndata: x\n\n", [("message", "x", "")]),
        (b"event: a\nevent: b\ndata: x\r\n\r\n", [("b", "x", "")]),
        (
            b": comment\nid: 1\ndata: x\n\ndata: y\n\n",
            [("message", "x", "1"), ("message", "y", "1")],
        ),
        (b"id: 1\nid\ndata: x\n\n", [("message", "x", "")]),
        (b"id: a\0b\ndata: x\n\n", [("message", "x", "")]),
        (b"\xef\xbb\xbfdata: x\n\n", [("message", "x", "")]),
        (b"\xef\xbb\xbf\xef\xbb\xbfdata: x\n\n", []),
        (b"Data: x\n\n", []),
        (b" data: x\n\n", []),
        ("data: \u2028\x85\x0b\x0c\n\n".encode(), [("message", "\u2028\x85\x0b\x0c", "")]),
        (b"data: unfinished\n", []),
    ],
)
def test_decoder_follows_the_standard(stream: bytes, events: list[tuple[str, str, str]]) -> None:
    """Fields, line ends, marks and comments mean what the HTML standard says."""
    assert decode(stream) == [ServerEvent(*event) for event in events]


VECTORS = sorted((Path(__file__).parent.parent / "vectors" / "sse").glob("*.json"))


def test_the_vectors_are_there() -> None:
    """The browser's decoder is held to the same files; without them the next test is empty."""
    assert len(VECTORS) >= 20


@pytest.mark.parametrize("vector", VECTORS, ids=lambda path: path.stem)
def test_decoder_agrees_with_the_browser_s(vector: Path) -> None:
    """Both decoders give the same for the same bytes, in whatever portions they come."""
    case: dict[str, Any] = json.loads(vector.read_text("utf-8"))
    chunks = [
        chunk.encode() if isinstance(chunk, str) else base64.b64decode(chunk["base64"])
        for chunk in case["chunks"]
    ]
    whole = b"".join(chunks)
    for portions in (chunks, [whole], [whole[i : i + 1] for i in range(len(whole))]):
        decoder = Decoder()
        events = [event for portion in portions for event in decoder.feed(portion)]
        assert [msgspec.to_builtins(event) for event in events] == case["events"]
        assert (decoder.retry, decoder.last_event_id) == (case["retry"], case["last_id"])


def test_an_id_counts_without_an_event() -> None:
    """A block of only an id moves the last event id, once its blank line has come."""
    decoder = Decoder()
    assert decoder.feed(b"id: 7\n") == []
    assert decoder.last_event_id == ""
    assert decoder.feed(b"\n") == []
    assert decoder.last_event_id == "7"


@pytest.mark.parametrize(
    ("line", "wait"),
    [
        (b"retry: 0010", 10),
        (b"retry: 0", 0),
        (b"retry: 1.5", None),
        (b"retry: -1", None),
        (b"retry", None),
        ("retry: ١".encode(), None),
        (b"retry: " + b"9" * 10_000, 999_999_999_999_999),
    ],
)
def test_retry_is_ascii_digits_only(line: bytes, wait: int | None) -> None:
    """Anything but digits leaves the wait as it was; too many digits cost nothing."""
    decoder = Decoder()
    decoder.feed(line + b"\n")
    assert decoder.retry == wait


@given(streams)
@example(b"\xef\xbb\xbf\xef\xbb\xbfdata: x\n\n")
def test_decoder_equals_the_plain_algorithm(stream: bytes) -> None:
    """Reading in portions changes nothing about what the standard's algorithm gives."""
    assert decode(stream) == naive(stream)


@given(streams, st.lists(st.integers(0, 200), max_size=5))
def test_portions_do_not_matter(stream: bytes, cuts: list[int]) -> None:
    """However the network cuts the bytes, within a letter or a CRLF, the events are the same."""
    places = sorted({0, len(stream), *(min(cut, len(stream)) for cut in cuts)})
    portions = [stream[a:b] for a, b in pairwise(places)]
    assert decode(*portions, b"") == decode(stream)
    assert decode(*(stream[i : i + 1] for i in range(len(stream)))) == decode(stream)


def test_an_empty_portion_between_cr_and_lf_changes_nothing() -> None:
    """A read of no bytes does not make two line ends of one."""
    assert decode(b"data: a\r", b"", b"\ndata: b\n\n") == [ServerEvent("message", "a\nb", "")]


@pytest.mark.parametrize("portion", [b"x" * 60, b"data: xxxxx\n", b"data: " + b"x" * 200 + b"\n"])
def test_g8_an_endless_event_is_refused(portion: bytes) -> None:
    """G8: neither one long line nor ever more lines make the decoder grow without end."""
    decoder = Decoder(limit=100)
    with pytest.raises(InvalidInput, match="more than 100 bytes"):
        list(map(decoder.feed, [portion] * 100))


def test_a_limit_is_of_one_event() -> None:
    """A long stream of short events and comments never meets the bound."""
    decoder = Decoder(limit=50)
    for _ in range(100):
        assert len(decoder.feed(b": still here\ndata: 12345678\n\n")) == 1


@given(
    data=st.recursive(st.none() | st.text() | st.integers(), st.lists),
    event=st.none() | st.text(min_size=1),
    id=st.none() | st.text(),
)
@example(data="", event="a\u2028b", id="\ufeff")
@example(data="\r\n\r\nid: 9\n\n", event=None, id=None)
def test_nothing_breaks_the_framing(data: object, event: str | None, id: str | None) -> None:
    """Whatever text is given, a block is refused or read back as exactly one equal event."""
    line = msgspec.json.encode(data)
    try:
        block = encode(line, event=event, id=id)
    except InvalidInput:
        assert re.search("[\0\r\n\ud800-\udfff]", (event or "") + (id or ""))
        return
    expected = ServerEvent(event or "message", line.decode(), id or "")
    after = ServerEvent("message", "next", id or "")
    assert decode(block, encode(b"next")) == [expected, after]
    assert decode(encode_retry(5), block) == [expected]


@pytest.mark.parametrize("bad", ["\0", "\r", "\n", "a\nid: 1", "\ud800"])
@pytest.mark.parametrize("field", ["event", "id"])
def test_encode_refuses_what_would_end_a_line(field: str, bad: str) -> None:
    """A name or an id that would become another field is an error here, not on the wire."""
    with pytest.raises(InvalidInput):
        encode(b"{}", **{field: bad})


@pytest.mark.parametrize("bad", [b"\0", b"{}\n", b"\r", b'{"a":1,\n"b":2}'])
def test_encode_refuses_data_of_several_lines(bad: bytes) -> None:
    """Data is one line."""
    with pytest.raises(InvalidInput):
        encode(bad)


def test_encode_refuses_an_empty_event_name() -> None:
    """A reader takes an empty name for none, and so the block for a new notification."""
    with pytest.raises(InvalidInput):
        encode(b"{}", event="")


def test_encode_retry() -> None:
    """The wait is a block of its own, so it counts as soon as it arrives."""
    decoder = Decoder()
    assert decoder.feed(encode_retry(2350)) == []
    assert decoder.retry == 2350

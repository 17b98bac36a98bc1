"""Header injection, `javascript:` and markup, through every text that an event can bear."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import httpx
import pytest

from alimi import Alimi
from alimi.sse import Decoder, ServerEvent
from alimi.web.types import ASGIApp
from tests.web.site import BEARER, serving

HOSTILE = [
    "javascript:alert(1)", "JaVa\tScRiPt:alert(1)", " javascript:alert(1)", "//evil.example/x",
    "data:text/html,<script>alert(1)</script>", "<img src=x onerror=alert(1)>",
    "x\r\nX-Injected: 1\r\n\r\nbody", "\n\nid: AAAAAAAA.99\ndata: {}\n\n", "\rdata: x\r\r", "\x00",
    "\u2028id: 9\u2029", "\ufeff",
]  # fmt: skip


def party(name: str) -> dict[str, str]:
    return {"id": name, "name": name, "image": f"/{name}.png", "url": f"/{name}"}


#: Every field that takes a text has one.
WHOLE: dict[str, Any] = {
    "kind": "deploy.done", "category": "deploys", "texts": {"en": "Done", "ko": "끝"}, "to": "2",
    "url": "/deploys/7", "actor": party("actor"), "object": party("object"),
    "target": party("target"), "data": {"name": "value", "deep": [{"name": "value"}]},
    "key": "the-key", "about": "deploy:7",
}  # fmt: skip
ADDRESSES = ("url", "image")


def places(value: Any, *way: Any) -> Iterator[tuple[Any, ...]]:
    """The way to every text in it, names of fields whose names are free included."""
    if isinstance(value, str):
        yield way
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from places(each, *way, number)
    else:
        for name, each in value.items():
            if way and way[0] in {"texts", "data"}:
                yield (*way, name, "its name")
            yield from places(each, *way, name)


def poisoned(way: tuple[Any, ...], hostile: str) -> dict[str, Any]:
    """The event with the hostile text at that place."""
    event = deepcopy(WHOLE)
    if way != ("key",):
        event["key"] = repr(way)  # another each time: none is a repeat
    if way[-1] == "its name":
        way = way[:-1]
        inner = at(event, way[:-1])
        inner[hostile] = inner.pop(way[-1])
    else:
        at(event, way[:-1])[way[-1]] = hostile
    return event


def at(value: Any, way: tuple[Any, ...]) -> Any:
    for name in way:
        value = value[name]
    return value


def addresses(item: dict[str, Any]) -> Iterator[str]:
    """Everything that a page makes a link or a picture of."""
    yield item["url"]
    for each in ("actor", "object", "target"):
        yield from (item[each][name] for name in ADDRESSES)


async def told(user: httpx.AsyncClient, cursor: str, count: int) -> list[ServerEvent]:
    """What a stream from there brings: hello, and so many."""
    decoder, events = Decoder(), list[ServerEvent]()
    async with user.stream("GET", "/v1/inbox/stream", headers={"Last-Event-ID": cursor}) as stream:
        assert "x-injected" not in stream.headers
        async for piece in stream.aiter_bytes():
            assert b"\r" not in piece
            assert b"\0" not in piece
            events += decoder.feed(piece)
            if len(events) > count:
                break
    return events


@pytest.mark.parametrize("hostile", HOSTILE, ids=repr)
async def test_no_text_leaves_its_place(alimi: Alimi, app: ASGIApp, hostile: str) -> None:
    """Refused with 4xx, or kept as it is: never a header, a line of the stream, or a script's url.

    The page and the stream say the same, and each event of the stream is one that was sent.
    """
    kept: dict[str, dict[str, Any]] = {}
    async with (
        serving(app, lifespan="off") as address,
        httpx.AsyncClient(base_url=address, cookies={"user": "2/en"}, timeout=30) as user,
    ):
        start = (await user.get("/v1/inbox/counts")).json()["cursor"]
        for way in places(WHOLE):
            body = poisoned(way, hostile)
            answer = await user.post("/v1/events", json=body, headers=BEARER)
            assert "x-injected" not in answer.headers
            assert answer.status_code in {202, 400, 422}, (way, answer.text)
            if answer.status_code == 202 and body["to"] == "2":
                kept[answer.json()["id"]] = body
        await alimi.flush()
        items = (await user.get("/v1/inbox", params={"limit": 200})).json()["items"]
        events = await told(user, start, len(kept))
    assert {item["id"] for item in items} == kept.keys()
    for item in items:
        sent = kept[item["id"]]
        assert item["message"] == sent["texts"]["en"]
        for name in ("kind", "category", "url", "actor", "object", "target", "data"):
            assert item[name] == sent[name]
        for each in addresses(item):
            assert each.startswith(("/", "https://", "http://"))
            assert not each.startswith("//")
    shown = [json.loads(event.data) for event in events[1:]]
    assert [event.event for event in events] == ["hello", *("message" for _ in shown)]
    assert len({event.id.partition(".")[0] for event in events}) == 1
    for row in shown:
        del row["unread"], row["unseen"]
    assert sorted(shown, key=lambda row: int(row["version"]), reverse=True) == items

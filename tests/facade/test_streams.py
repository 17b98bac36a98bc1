"""Streams as an application meets them: what they carry, how they begin and end."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

from alimi import Alimi, Identity, InvalidInput, Settings, StoreError, runtime, streams
from alimi.model import now_ms
from alimi.sparing import Sparing
from tests.facade.open_stream import OpenStream, assigned


async def test_what_this_process_records_is_not_read_again(alimi: Alimi) -> None:
    """The relay hands the rows of those who are connected to their streams, without a read."""
    stream = OpenStream(alimi, 2)
    await stream.until(lambda reader: reader.cursor)
    reads = alimi.metrics.registry.get_sample_value("alimi_store_reads_total")
    await assigned(alimi).notify(to=[2, 3], actor=1, object={"id": 12, "name": "Login page"})
    await stream.until(lambda reader: reader.shown)
    assert alimi.metrics.registry.get_sample_value("alimi_store_reads_total") == reads
    await stream.leave()


async def test_what_expires_leaves_open_streams(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G9: the sweeper tells which inboxes it changed; nobody waits for a position check."""
    monkeypatch.setattr(runtime, "now_ms", lambda: now_ms() + 3_600_000)
    settings = Settings(sweep_seconds=0.01, position_check_seconds=3_600)
    alimi = Alimi(tmp_path / "alimi.db", settings=settings)
    stream = OpenStream(alimi, 2)
    await stream.until(lambda reader: reader.cursor)
    soon = now_ms() + 60_000
    receipt = await assigned(alimi).notify(to=2, object={"id": 12}, expires_at=soon)
    await stream.until(lambda reader: receipt.id in reader.gone)
    await alimi.close()


async def test_hang_up_and_drain(alimi: Alimi) -> None:
    """end_streams ends the streams of a login; drain ends all and refuses with 200 and bye."""
    phone = OpenStream(alimi, Identity("2", session="phone"))
    laptop = OpenStream(alimi, Identity("2", session="laptop"))
    for each in (phone, laptop):
        await each.until(lambda reader: reader.cursor)
    await alimi.end_streams(2, session="phone")
    await phone.until(lambda reader: reader.said_bye == "hangup")
    await asyncio.wait_for(phone.task, 10)
    assert laptop.reader.said_bye is None
    await alimi.drain()
    await laptop.until(lambda reader: reader.said_bye == "drain")
    late = OpenStream(alimi, 2)
    await late.until(lambda reader: reader.said_bye == "drain")
    assert late.status == 200
    assert "draining" in alimi.health()


async def test_a_stream_answers_head_with_headers_only(alimi: Alimi) -> None:
    """HEAD ends at once and opens nothing."""
    stream = OpenStream(alimi, 2, method="HEAD")
    await asyncio.wait_for(stream.task, 10)
    assert stream.status == 200
    assert stream.reader.events == []


async def test_a_stream_that_cannot_begin_asks_to_come_back(tmp_path: Path) -> None:
    """A native EventSource gives up on a 503 for good: 200, a delay and `bye` instead."""
    broken = Alimi(tmp_path / "missing" / "app.db")
    stream = OpenStream(broken, 2)
    await stream.until(lambda reader: reader.said_bye == "unavailable")
    assert stream.status == 200
    refused = ("alimi_streams_refused_total", {"reason": "unavailable"})
    assert broken.metrics.registry.get_sample_value(*refused) == 1


async def test_g5_a_read_that_failed_is_made_again(
    alimi: Alimi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G5: a stream whose read failed is still due, and begins when the store answers."""
    read, failures = alimi.store.changes_after, [StoreError("it is away")]

    async def failing(*asked: Any) -> Any:
        if failures:
            raise failures.pop()
        return await read(*asked)

    monkeypatch.setattr(alimi.store, "changes_after", failing)
    stream = OpenStream(alimi, 2)
    await stream.until(lambda reader: reader.cursor)
    assert not failures
    await stream.leave()


async def test_g8_readers_that_come_again_and_again_do_not_fill_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """G8: while the store is away a line a minute says why, however many try."""
    monkeypatch.setattr(streams, "_failing", Sparing(streams.logger, logging.ERROR))
    broken = Alimi(tmp_path / "missing" / "app.db")
    for _ in range(20):
        stream = OpenStream(broken, 2)
        await stream.until(lambda reader: reader.said_bye == "unavailable")
    assert len([each for each in caplog.records if "cannot begin" in each.getMessage()]) == 1


async def test_g7_a_log_out_before_an_own_route_opens_its_stream(alimi: Alimi) -> None:
    """G7: after the route's own check, and before the stream hears of hang-ups."""
    await alimi.start()
    logged_in: set[str] = set()

    async def whose() -> Identity | None:
        return Identity("2", session="phone") if "phone" in logged_in else None

    await alimi.end_streams(2, session="phone")
    late = OpenStream(alimi, Identity("2", session="phone"), whose)
    reader = await late.until(lambda reader: reader.said_bye == "hangup")
    assert [name for name, _, _ in reader.events] == ["bye"]
    logged_in.add("phone")
    again = OpenStream(alimi, Identity("2", session="phone"), whose)
    await again.until(lambda reader: reader.cursor)
    await again.leave()


@pytest.mark.parametrize("wrong", [{}, {"ask_again": None}, {"ask_again": "2"}])
async def test_g7_a_stream_without_a_second_question_is_refused(alimi: Alimi, wrong: Any) -> None:
    """G7: nobody has an own route that a log-out may pass by."""
    with pytest.raises((TypeError, InvalidInput), match="ask_again"):
        alimi.stream({}, 2, **wrong)


async def test_the_header_wins_over_the_query(alimi: Alimi) -> None:
    """G5: an EventSource keeps its URL for ever; a stale query must not win over its position."""
    kind = assigned(alimi)
    for number in range(3):
        await kind.notify(to=2, object=number)
    await alimi.flush()
    tag = (await alimi.inbox(2).counts()).tag
    stream = OpenStream(alimi, 2, query=f"cursor={tag}.0", last_event_id=f"{tag}.2")
    reader = await stream.until(lambda reader: reader.shown)
    assert [row[1]["url"] for row in reader.events if row[0] == "message"] == ["/cards/2"]
    await stream.leave()
    fresh = OpenStream(alimi, 2, query=f"cursor={tag}.1")
    await fresh.until(lambda reader: len(reader.shown) == 2)
    await fresh.leave()


async def test_a_signal_is_told_as_it_was_given(alimi: Alimi) -> None:
    """Who changes and sends one object again and again is heard each time."""
    stream = OpenStream(alimi, 2)
    await stream.until(lambda reader: reader.cursor)
    data = {"step": 0}
    for step in range(3):
        data["step"] = step
        await alimi.signal(2, "moved", data)
    data["step"] = 9
    reader = await stream.until(lambda reader: len(reader.signals) == 3)
    assert [each["data"]["step"] for each in reader.signals] == [0, 1, 2]
    await stream.leave()


async def test_signals_are_bounded(alimi: Alimi) -> None:
    """G8: a signal is a hint to refetch; it carries at most 1 KB of plain JSON."""
    endless: list[object] = []
    endless.append(endless)
    for data in ("x" * 2_000, object(), "\ud800", endless):
        with pytest.raises(InvalidInput):
            await alimi.signal(2, "board.changed", data)
    with pytest.raises(InvalidInput):
        await alimi.signal(2, "a\nb")

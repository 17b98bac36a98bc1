"""What a stream promises holds on every sink: sockets handed over, plain, TLS or unix, and ASGI."""

from __future__ import annotations

import asyncio
from pathlib import Path

from alimi.sinks import AsgiSink, TransportSink
from tests.fast.site import SOON, Server, site


async def test_each_server_has_the_sink_that_it_should(server: Server, tmp_path: Path) -> None:
    """The fast path is taken where it is offered, and a stream works where it is not."""
    async with site(tmp_path, server=server) as here:
        client = await here.open()
        assert [type(sink) for sink in here.sinks()] == [TransportSink if server.fast else AsgiSink]
        await here.told(client)


async def test_what_was_missed_comes_on_the_next_connection(server: Server, tmp_path: Path) -> None:
    """G3, G4, G5: cut, come back with the cursor: exactly the rest, in order, over many pages."""
    async with site(tmp_path, server=server, page=4) as here:
        client = await here.open()
        await here.notify(3)
        first = list(await client.shown(3))
        client.writer.transport.abort()
        await here.forgotten()
        await here.notify(30)
        again = await here.resume(client.page.cursor)
        second = list(await again.shown(30))
        assert len({*first, *second}) == 33
        assert again.page.resets == 0
        assert again.page.unread == 33
        await here.told(again)


async def test_a_foreign_cursor_is_a_reset(server: Server, tmp_path: Path) -> None:
    """G5, G7: no hole without a word, and another inbox's cursor is worthless."""
    async with site(tmp_path, server=server) as here:
        await here.notify(2)
        client = await here.resume("AAAAAAAA.1")
        assert [name for name, _, _ in client.page.events] == ["reset", "hello"]


async def test_each_hears_their_own(server: Server, tmp_path: Path) -> None:
    """G7: what is sent to 3 comes on 3's stream; 2 hears their signal and nothing else."""
    async with site(tmp_path, server=server) as here:
        mine = await here.open()
        other = await here.open("GET /?u=3 HTTP/1.1\r\nHost: x\r\n\r\n")
        await here.notify(to=3)
        await other.shown(1)
        await here.alimi.signal(2, "now", {"n": 1})
        await mine.until(b"event: signal")
        assert mine.page.signals == [{"name": "now", "data": {"n": 1}}]
        assert mine.page.shown == []


async def test_a_hung_up_stream_ends_properly(server: Server, tmp_path: Path) -> None:
    """It is told why, the answer ends as HTTP says, and the connection is closed."""
    async with site(tmp_path, server=server) as here:
        client = await here.open()
        await here.alimi.end_streams(2)
        if server.fast:  # plain ASGI leaves the connection to uvicorn, which keeps it for a while
            await client.end()
        else:
            await client.until(b"0\r\n\r\n")
        assert client.page.said_bye == "hangup"
        assert client.complete == 1


async def test_an_old_stream_ends_and_a_silent_one_is_pinged(
    server: Server, tmp_path: Path
) -> None:
    """One wheel serves every sink: a sign of life after 15 seconds, `bye` after 5 minutes."""
    async with site(tmp_path, server=server) as here:
        client = await here.open()
        here.later(20)
        await client.until(b"event: ping")
        here.later(300)
        await client.until(b'{"reason":"age"}')
        await client.until(b"0\r\n\r\n")
        assert client.complete == 1


async def test_a_stopping_server_says_bye_to_each(server: Server, tmp_path: Path) -> None:
    """Each of fifty readers hears bye, has a delay of its own, and a clean end."""
    async with site(tmp_path, server=server, drain_seconds=0.2) as here:
        clients = [await here.open() for _ in range(50)]
        await here.stop()
        for client in clients:
            await client.end()
        assert {client.page.said_bye for client in clients} == {"drain"}
        assert {client.complete for client in clients} == {1}
        delays = {each.data.rpartition(b"retry: ")[2].split(b"\n")[0] for each in clients}
        assert len(delays) > 20


async def test_a_reader_that_never_reads_is_bounded(server: Server, tmp_path: Path) -> None:
    """G8, G4: the process holds a cap of bytes for it, and it catches up when it reads again."""
    async with site(tmp_path, server=server, backlog_bytes=20_000, page=32) as here:
        client = await here.open(receive_buffer=4_096, limit=4_096)
        (stream,) = here.streams()
        while stream.sink.backlog <= 20_000:
            await here.notify(100, filler=400)
            assert stream.sink.backlog < 20_000 + 64 * 1_024
        await here.notify(500, filler=400)
        assert stream.sink.backlog < 20_000 + 64 * 1_024
        shown = await client.shown(here._sent)
        assert len(set(shown)) == len(shown) == here._sent


async def test_a_reader_that_reads_in_drops_gets_everything(server: Server, tmp_path: Path) -> None:
    """Nothing is lost, doubled or out of order where writes stop in the middle of a frame."""
    async with site(tmp_path, server=server, backlog_bytes=8_000, page=16) as here:
        client = await here.open(receive_buffer=4_096, limit=512)
        for _ in range(8):
            await here.notify(60, filler=700)
            for _ in range(20):
                await client.more(101)
        shown = await client.shown(480)
        assert len(set(shown)) == len(shown) == 480


async def test_a_reader_that_takes_nothing_is_cut(server: Server, tmp_path: Path) -> None:
    """G8: a minute without progress ends its stream, without waiting for its bytes to leave."""
    async with site(tmp_path, server=server, backlog_bytes=2_000) as here:
        await here.open(receive_buffer=4_096, limit=512)
        (stream,) = here.streams()
        while stream.sink.backlog <= 2_000:
            await here.notify(100, filler=400)
        here.later(70)
        assert here.streams() == []
        if server.fast:  # over plain ASGI uvicorn keeps the socket until its bytes have left
            await here.forgotten()


async def test_a_goodbye_that_nobody_reads_has_an_end(server: Server, tmp_path: Path) -> None:
    """G8: a stream that ends while its reader takes nothing does not hold its socket for ever."""
    async with site(tmp_path, server=server, backlog_bytes=2_000) as here:
        await here.open(receive_buffer=4_096, limit=512)
        (stream,) = here.streams()
        while stream.sink.backlog <= 2_000:
            await here.notify(100, filler=400)
        await here.alimi.end_streams(2)
        assert here.streams() == []
        here.later(70)
        async with asyncio.timeout(SOON):
            await here.hub._all_ended.wait()
        if server.fast:
            await here.forgotten()

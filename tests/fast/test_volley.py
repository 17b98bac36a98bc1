"""Many readers written to at once: what the kernel answers for each, and nobody is told less."""

from __future__ import annotations

import asyncio
import ctypes
import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from alimi import uring
from alimi.uring import ENTRIES, Ring
from alimi.volley import Volley
from tests.fast.site import Server, site
from tests.support.sink import HandSink

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def ring() -> Iterator[Ring]:
    """One that is closed afterwards; without io_uring here its tests are left out."""
    made = Ring()
    yield made
    made.close()


@pytest.fixture
def pairs() -> Iterator[list[Pair]]:
    """Connections, more than one call can take; the first of each is the server's end."""
    with ExitStack() as stack:
        made = [socket.socketpair() for _ in range(2 * ENTRIES + 88)]
        for pair in made:
            for end in pair:
                end.setblocking(False)
                stack.enter_context(end)
        yield made


def fill(end: socket.socket) -> None:
    """Until it takes no more."""
    with suppress(BlockingIOError):
        while True:
            end.send(b"x" * 10_000)


def received(end: socket.socket) -> bytes:
    """What has come, if anything."""
    with suppress(BlockingIOError):
        return end.recv(1_000)
    return b""


def descriptors() -> int:
    """How many this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def test_all_get_it_however_many_there_are(ring: Ring, pairs: list[Pair]) -> None:
    """G4: once each, also where the ring's numbers begin anew in the middle of a call."""
    for turn in range(40):
        data = b"data: %d\n\n" % turn
        some = pairs[: 1 + turn * 37 % len(pairs)]
        took = ring.send([mine.fileno() for mine, _ in some], data)
        assert took == [len(data)] * len(some)
        assert [its.recv(1_000) for _, its in some] == [data] * len(some)


def test_each_has_its_own_answer(ring: Ring, pairs: list[Pair]) -> None:
    """Who is full, gone or nobody does not touch the others; nothing waits."""
    pairs[1][1].close()
    for number in (2, 3):
        fill(pairs[number][0])
    room = len(pairs[3][1].recv(2**20))
    assert room
    data = b"y" * 2**21
    full, partly = pairs[2][0].fileno(), pairs[3][0].fileno()
    took = ring.send([full, partly, pairs[1][0].fileno(), -1], data)
    assert took[0] == -errno.EAGAIN
    assert 0 < took[1] < len(data)
    assert took[2:] == [-errno.EPIPE, -errno.EBADF]
    assert ring.send([pairs[4][0].fileno()], b"z") == [1]


def test_what_the_kernel_did_not_take_in_was_not_sent(ring: Ring, pairs: list[Pair]) -> None:
    """G4: it may lack memory for a part of a call; that part is neither lost nor sent later."""
    enter = ring._enter
    ring._enter = lambda submit, wait: enter(min(submit, 3), min(wait, 3))  # type: ignore[method-assign]
    five = [mine.fileno() for mine, _ in pairs[:5]]
    assert ring.send(five, b"once") == [4, 4, 4, 0, 0]
    del ring._enter
    assert ring.send(five[:1], b"twice") == [5]
    assert [received(its) for _, its in pairs[:5]] == [b"oncetwice", b"once", b"once", b"", b""]


def test_who_may_or_may_not_have_got_it_comes_back(ring: Ring) -> None:
    """G5: a ring that breaks in the middle ends its readers, and the next are told one by one."""

    def broken(submit: int, wait: int) -> int:
        ctypes.set_errno(errno.EBADFD)
        return submit or -1

    ring._enter = broken  # type: ignore[method-assign]
    volley = Volley(wanted=True)
    volley._ring = ring
    sinks, others = [HandSink() for _ in range(20)], [HandSink() for _ in range(20)]
    for sink in (*sinks, *others):
        sink.descriptor = 99
    assert volley.write(sinks, b"four") == []
    assert all(sink.aborted for sink in sinks)
    volley.write(others, b"four")
    assert all(sink.sent == b"four" for sink in others)


def test_a_ring_that_is_forgotten_holds_no_descriptor(ring: Ring) -> None:
    """G8: one is made for each event loop that an Alimi is used on."""
    before = descriptors()
    others = [Ring(), Ring()]
    assert descriptors() > before
    others.clear()
    assert descriptors() == before


def test_no_ring_is_made_for_those_who_cannot_use_it() -> None:
    """TLS, and streams over plain ASGI, are written to as ever."""
    volley = Volley(wanted=True)
    sinks = [HandSink() for _ in range(100)]
    assert volley.write(sinks, b"four") == []
    assert all(sink.sent == b"four" for sink in sinks)
    assert volley._ring is None


@pytest.mark.parametrize("line", ["Seccomp:\t2\n", ""], ids=["filtered", "unknown"])
def test_under_a_filter_of_system_calls_nothing_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    """A filter may end the process for a call that it does not know; then all is as without."""
    status = tmp_path / "status"
    status.write_text(f"NoNewPrivs:\t0\n{line}Speculation_Store_Bypass:\tvulnerable\n")
    monkeypatch.setattr(uring, "_STATUS", status)
    monkeypatch.setattr("alimi.uring.ctypes.CDLL", None)
    sinks = [HandSink(slow=True) for _ in range(100)]
    sinks[0].descriptor = 99
    assert Volley(wanted=True).write(sinks, b"four") == [(number, 4) for number in range(100)]


@pytest.mark.parametrize("wanted", [True, False], ids=["at-once", "one-by-one"])
async def test_a_crowd_is_told_alike_and_the_slow_lose_nothing(
    server: Server, tmp_path: Path, wanted: bool
) -> None:
    """G3, G4, G5, G8: the slow fall behind within their cap and catch up; who leaves harms none."""
    settings = {"io_uring": wanted, "backlog_bytes": 8_000, "page": 16}
    async with site(tmp_path, server=server, **settings) as here:
        crowd = [await here.open() for _ in range(24)]
        slow = [await here.open(receive_buffer=4_096, limit=512) for _ in range(2)]
        leaves = await here.open()
        for turn in range(40):
            await here.notify(4, filler=1_500)  # little enough for one write
            if turn == 3:
                leaves.writer.transport.abort()
            assert all(sink.backlog < 8_000 + 64 * 1_024 for sink in here.sinks())
        shown = await asyncio.gather(*(client.shown(160) for client in [*crowd, *slow]))
        assert all(len(set(each)) == len(each) == 160 for each in shown)
        assert len({tuple(each) for each in shown}) == 1
        await here.alimi.end_streams(2)
        await asyncio.gather(*(client.until(b"event: bye") for client in [*crowd, *slow]))


async def test_plain_sockets_are_written_to_at_once(ring: Ring, tmp_path: Path) -> None:
    """Where it can be had it is used, for those whose bytes need no transport."""
    async with site(tmp_path) as here:
        crowd = [await here.open() for _ in range(20)]
        await here.open("GET / HTTP/1.0\r\n\r\n")
        for client in crowd:
            await here.told(client)
        assert here.hub._pump._volley._ring is not None

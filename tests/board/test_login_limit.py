"""How often somebody may try a password: together for all processes, in time, within bounds."""

from __future__ import annotations

from pathlib import Path

import pytest
from httpx import Response
from sqlalchemy import func, select

from board import limits
from board.board import Board
from board.limits import Attempt, place_of
from board.models import Attempts
from board.problems import Problem
from tests.board.harness import EMMA, JIWOO, Bench, log_in, open_bench


@pytest.fixture
def database(each_database: Path | str) -> Path | str:
    """All of it on SQLite and on PostgreSQL."""
    return each_database


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The limit's time, in milliseconds: what stands at the end."""
    times = [1_800_000_000_000]
    monkeypatch.setattr(limits, "now_ms", lambda: times[-1])
    return times


async def take(board: Board, who: str, place: str) -> int | None:
    """Count an attempt; answers the seconds to wait, if there are any."""
    try:
        async with board.database.writing() as session:
            await limits.take(session, Attempt(who, place_of(place)))
    except Problem as problem:
        return int((problem.headers or {})["Retry-After"])
    return None


def is_refused(answer: Response) -> bool:
    """Whether it says to wait, and how long, which is not for ever."""
    if answer.status_code != 429:
        return False
    assert 0 < int(answer.headers["retry-after"]) <= limits.WINDOW_MS // 1000 + 1
    assert "Too many attempts" in answer.json()["detail"]
    return True


async def test_logins_are_limited(bench: Bench) -> None:
    """Guessing ends after some tries with 429 and a time to wait, also for the right password."""
    stranger = await bench.stranger()
    for _ in range(limits.PER_USER):
        assert (await log_in(stranger, EMMA, "guess")).status_code == 401
    assert is_refused(await log_in(stranger, EMMA, "demo"))
    # Another person is not locked out by it.
    assert (await log_in(stranger, JIWOO)).status_code == 204


async def test_all_processes_count_together(bench: Bench, database: Path | str) -> None:
    """Guesses that reach several workers in turn are as many as if there were one."""
    async with open_bench(database) as other:
        strangers = [await bench.stranger(), await other.stranger()]
        for number in range(limits.PER_USER):
            assert (await log_in(strangers[number % 2], EMMA, "guess")).status_code == 401
        for stranger in strangers:
            assert is_refused(await log_in(stranger, EMMA, "demo"))


async def test_a_user_is_one_however_they_are_named(bench: Bench) -> None:
    """By number, by name, with other spaces: the same tries, or there would be no end of them."""
    stranger = await bench.stranger()
    for number in range(limits.PER_USER):
        wanted = {"name": "Emma" + " " * (number + 1) + "Reid", "password": "guess"}
        assert (await stranger.post("/api/session", json=wanted)).status_code == 401
    assert is_refused(await log_in(stranger, EMMA, "demo"))


async def test_right_passwords_are_not_limited(bench: Bench) -> None:
    """Who knows the password may come and go."""
    stranger = await bench.stranger()
    for _ in range(limits.PER_USER * 2):
        assert (await log_in(stranger, EMMA)).status_code == 204


async def test_the_limit_passes_with_time(bench: Bench, clock: list[int]) -> None:
    """After the window one may try again; before it, waiting gets shorter."""
    for _ in range(limits.PER_USER):
        assert await take(bench.board, "1", "192.0.2.1") is None
    clock.append(clock[0] + 20_000)
    assert await take(bench.board, "1", "192.0.2.1") == 41
    assert await take(bench.board, "1", "192.0.2.2") is None
    clock.append(clock[0] + limits.WINDOW_MS)
    assert await take(bench.board, "1", "192.0.2.1") is None


async def test_a_clock_that_goes_back_locks_nobody_out(bench: Bench, clock: list[int]) -> None:
    """What was tried in the future is forgotten."""
    for _ in range(limits.PER_USER):
        await take(bench.board, "1", "192.0.2.1")
    clock.append(clock[0] - 3_600_000)
    assert await take(bench.board, "1", "192.0.2.1") is None


async def test_one_place_is_limited_over_all_users(bench: Bench) -> None:
    """Trying one password on everybody ends as well."""
    users = range(limits.PER_PLACE + 1)
    taken = [await take(bench.board, str(user), "192.0.2.1") for user in users]
    assert taken[:-1] == [None] * limits.PER_PLACE
    assert taken[-1] is not None


async def test_g8_the_limit_itself_is_bounded(
    bench: Bench, clock: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """G8: a flood from countless places does not fill the database; what is over goes at once."""
    monkeypatch.setattr(limits, "MAX_ROWS", 10)
    for number in range(20):
        clock.append(clock[-1] + 1)
        await take(bench.board, "1", f"192.0.2.{number}")
        assert await rows(bench.board) <= limits.MAX_ROWS + 2
    clock.append(clock[-1] + limits.WINDOW_MS)
    await take(bench.board, "1", "192.0.2.1")
    assert await rows(bench.board) == 2


async def rows(board: Board) -> int:
    """How much is kept."""
    async with board.database.reading() as session:
        return await session.scalar(select(func.count()).select_from(Attempts)) or 0


async def test_a_refused_flood_writes_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is told to wait takes no turn from those who work."""
    stranger = await bench.stranger()
    for _ in range(limits.PER_USER):
        await log_in(stranger, EMMA, "guess")
    monkeypatch.setattr(type(bench.board.database), "writing", None)
    assert is_refused(await log_in(stranger, EMMA, "demo"))


@pytest.mark.parametrize("name", ["a\x00b", "a" * 101])
async def test_a_name_that_no_database_holds_is_422(bench: Bench, name: str) -> None:
    """Whatever is typed: never a 5xx."""
    wanted = {"name": name, "password": "guess"}
    answer = await (await bench.stranger()).post("/api/session", json=wanted)
    assert answer.status_code == 422


def test_an_ipv6_household_is_one_place() -> None:
    """Who has 2⁶⁴ addresses gets no more tries by it."""
    assert place_of("2001:db8::1") == place_of("2001:db8::ffff:2")
    assert place_of("2001:db8:0:1::1") != place_of("2001:db8:0:2::1")
    assert place_of("192.0.2.1") != place_of("192.0.2.2")
    assert place_of("not an address" * 99)

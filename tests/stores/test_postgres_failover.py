"""A standby takes over while a commit waits for it: written once, and another epoch."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from alimi.errors import StoreError, StoreReadOnly
from alimi.stores.postgres import PostgresStore
from alimi.testing.stores.harness import audit, event, fill, ids, read, settle
from tests.cli.harness import SECRETS, Terminal
from tests.support.postgres import PostgresServer, Standby
from tests.support.servers import wait_until
from tests.support.tcp_proxy import Direction, TcpProxy

_SYNC = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"


class Pair:
    """A primary whose commits wait for its standby, the way between, and a way to whoever leads."""

    def __init__(self, stack: ExitStack) -> None:
        self.primary = stack.enter_context(PostgresServer())
        self.database = self.primary.create_database()
        self.wal = stack.enter_context(TcpProxy(self.primary.port))
        self.standby = stack.enter_context(Standby(self.primary, self.wal.port))
        self.address = stack.enter_context(TcpProxy(self.primary.port))
        self.primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        self.primary.execute("SELECT pg_reload_conf()")
        wait_until(lambda: self.primary.execute(_SYNC) == [(1,)], "a synchronous standby")

    @property
    def moving(self) -> str:
        """One address that is led elsewhere."""
        return self.primary.url(self.database, port=self.address.port)

    @property
    def listed(self) -> str:
        """Both addresses in one URL."""
        where = f":{self.primary.port}/"
        return self.primary.url(self.database).replace(
            where, f":{self.primary.port},127.0.0.1:{self.standby.port}/"
        )

    def at_standby(self) -> int:
        """How many entries the standby's outbox has."""
        asked = "SELECT count(*) FROM alimi_outbox"
        ((count,),) = self.standby.execute(asked, database=self.database)
        return int(count)

    def lose_the_primary(self) -> None:
        """It dies, its address leads to the standby, and what was on the way is lost."""
        self.primary.kill()
        self.wal.cut()
        self.address.target = self.standby.port


@pytest.fixture
def pair() -> Iterator[Pair]:
    with ExitStack() as stack:
        yield Pair(stack)


@pytest.mark.parametrize(("held", "way"), [("up", "moving"), ("down", "moving"), ("up", "listed")])
async def test_g1_a_commit_that_waits_for_its_standby(
    pair: Pair, held: Direction, way: str
) -> None:
    """G1, G4: whether the standby had it ("up" holds its answer) or not, it is there once.

    Meanwhile the standby is asked nothing: it may lag, and would say that nothing was committed.
    """
    store = PostgresStore(getattr(pair, way))
    await store.migrate()
    await store.open()
    await fill(store, 3)
    before = await store.positions(["anna"])
    await asyncio.to_thread(pair.standby.catch_up)
    pair.wal.hold(held)
    appended = asyncio.ensure_future(store.append([event(), event()]))
    if held == "up":
        await asyncio.to_thread(wait_until, lambda: pair.at_standby() == 2, "both to arrive")
    else:
        await asyncio.to_thread(pair.wal.wait_held, held)
    await asyncio.to_thread(pair.lose_the_primary)
    with pytest.raises(StoreReadOnly if way == "moving" else StoreError):
        await read(store)
    assert not appended.done()
    await asyncio.to_thread(pair.standby.promote)
    await appended
    assert pair.at_standby() == 2
    await settle(store)
    assert len(await ids(store)) == 5
    after = await store.positions(["anna"])
    assert after.epoch != before.epoch
    assert after.identity == before.identity
    await audit(store)
    await store.close()


def test_a_standby_is_named_by_every_command(pair: Pair, tmp_path: Path) -> None:
    """Who gives its address reads what it is, and what to do."""
    terminal = Terminal(tmp_path, SECRETS)
    terminal.ok("migrate", "--db", pair.primary.url(pair.database))
    pair.standby.catch_up()
    there = pair.standby.url(pair.database)
    for command in (
        ["serve", "--port", "0"],
        ["migrate"],
        ["epoch"],
        ["notify", "2", "--text", "x"],
    ):
        assert "is a standby and takes no writes: promote it" in terminal.complaint(
            *command, "--db", there
        )
    assert "is a standby" in terminal.run("doctor", "--db", there).stdout
    terminal.close()


async def test_a_server_that_hangs_is_passed_by(pair: Pair) -> None:
    """Of those in the URL the first may be switched off, or frozen: the next gets its turn."""
    store = PostgresStore(pair.listed)
    await store.migrate()
    await asyncio.to_thread(pair.standby.catch_up)
    await asyncio.to_thread(pair.primary.freeze)
    with pytest.raises(StoreReadOnly, match="one is a standby, another could not be asked") as told:
        await store.open()  # and nobody is told to promote it beside a primary that may be at work
    assert "promote" not in str(told.value)
    assert told.value.__cause__ is not told.value
    await asyncio.to_thread(pair.standby.promote)
    await store.open()
    await store.append([event()])
    await settle(store)
    assert len(await ids(store)) == 1
    await store.close()

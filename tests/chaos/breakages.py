"""The code broken on purpose in five places: each has to be found by the checker.

Some are in the nodes, one is in the database's own functions.  A breakage that only shows when two
things meet waits for the other one, so that it is found on any machine and not by luck.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from alimi import frames, hub
from alimi.checks import PositionChecks
from alimi.model import Changes, Cursor, Entry, Notification, Receipt
from alimi.stores.postgres import PostgresStore, apply
from alimi.testing.unreliable import UnreliableBus

#: How often it is asked whether the other thing has happened, in seconds.
_OFTEN = 0.01
_LOOKED_FOR = "SELECT EXISTS (SELECT FROM looked_for WHERE id = ANY ($1))"
_MARK = "FROM alimi_inboxes WHERE recipient = p_recipient FOR UPDATE;"
#: It waits, for a second, until what it has read is no longer true.
_BROKEN_MARK = """FROM alimi_inboxes WHERE recipient = p_recipient;
    WHILE clock_timestamp() < statement_timestamp() + interval '1 second' AND EXISTS (
        SELECT FROM alimi_inboxes WHERE recipient = p_recipient AND version = inbox.version
    ) LOOP
        PERFORM pg_sleep(0.005);
    END LOOP;
    PERFORM FROM alimi_inboxes WHERE recipient = p_recipient FOR UPDATE;"""


def _replace(owner: Any, name: str, broken: object) -> None:
    assert hasattr(owner, name)
    setattr(owner, name, broken)


def acknowledge_before_commit() -> None:
    """The caller hears that it is durable, whatever the database says to it then."""
    append = PostgresStore.append
    later: set[asyncio.Task[object]] = set()

    async def broken(store: PostgresStore, entries: Sequence[Entry]) -> list[Receipt]:
        task: asyncio.Task[object] = asyncio.create_task(append(store, entries))
        later.add(task)
        task.add_done_callback(later.discard)
        return [Receipt(getattr(entry, "id", "")) for entry in entries]

    _replace(PostgresStore, "append", broken)


def publish_before_commit() -> None:
    """Streams are told what a transaction has written that may yet fail."""
    hubs: list[hub.Hub] = []
    make, batch = hub.Hub.__init__, apply._Part.apply

    def remember(own: hub.Hub, *given: Any, **named: Any) -> None:
        make(own, *given, **named)
        hubs.append(own)

    class Lane:
        """The relay's lane, with a transaction around each batch."""

        def __init__(self, lane: Any, epoch: Any) -> None:
            self._lane, self._epoch = lane, epoch

        async def run(self, work: Any) -> Any:
            async def early(connection: Any) -> Any:
                async with connection.transaction():
                    row = await work(connection)
                    if row["o_state"] != "missed":
                        changes = apply._read(row, self._epoch, None, more=False).changes
                        hubs[-1].deliver(changes)
                        await _until_looked_for(connection, hubs[-1], changes)
                    return row

            return await self._lane.run(early)

    async def broken(part: Any, lane: Any, epoch: Any, limit: int, followed: Any) -> Any:
        return await batch(part, Lane(lane, epoch), epoch, limit, followed)  # type: ignore[arg-type]

    _replace(hub.Hub, "__init__", remember)
    _replace(apply._Part, "apply", broken)


async def _until_looked_for(connection: Any, own: hub.Hub, batch: Sequence[Changes]) -> None:
    """Until a page has shown some of it, or none is left that was told."""
    heads = {changes.recipient: changes.head for changes in batch}
    items = [item for changes in batch for item in changes.items]
    ids = [item.id for item in items if isinstance(item, Notification)]
    while any(each.place.cursor == heads.get(each.recipient) for each in own.open_streams()):
        if await connection.fetchval(_LOOKED_FOR, ids):
            return
        await asyncio.sleep(_OFTEN)


def lock_after_the_snapshot() -> None:
    """Nothing in the nodes: see `in_database`."""


def forget_the_position_check() -> None:
    """What the bus has lost stays unknown; and it loses everything."""

    async def broken(self: PositionChecks, grace: float = 0) -> None:
        del self, grace

    _replace(PositionChecks, "compare", broken)
    _replace(hub.Hub, "bus_was_lost", lambda self: None)
    defaults = inspect.unwrap(UnreliableBus.__init__).__kwdefaults__
    defaults["dropped"] = 1.0


def head_as_the_id_of_hello() -> None:
    """Who is cut in the middle of a replay skips the rest for ever."""
    hello = frames.hello

    def broken(start: Cursor, changes: Changes) -> bytes:
        return hello(Cursor(start.tag, changes.head), changes)

    _replace(frames, "hello", broken)


BREAKAGES: dict[str, Callable[[], None]] = {
    each.__name__: each
    for each in (
        acknowledge_before_commit,
        publish_before_commit,
        lock_after_the_snapshot,
        forget_the_position_check,
        head_as_the_id_of_hello,
    )
}


def break_node(name: str) -> None:
    """Break this process, before Alimi starts in it."""
    BREAKAGES[name]()


def in_database(name: str) -> list[str]:
    """What breaks the database's own functions."""
    if name != lock_after_the_snapshot.__name__:
        return []
    return [
        (
            "DO $do$ DECLARE body text := pg_get_functiondef('alimi_mark'::regproc); BEGIN "
            f"ASSERT strpos(body,$${_MARK}$$) > 0; "
            f"EXECUTE replace(body, $${_MARK}$$, $${_BROKEN_MARK}$$); END $do$"
        )
    ]

"""Races by name: two verbs at once, through two stores, many times; then the audit (G6)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from alimi.model import (
    Changes,
    Counts,
    Notification,
    PageQuery,
    Retention,
    Retraction,
    Swept,
    now_ms,
)
from alimi.testing.stores.harness import (
    DAY,
    FullStore,
    StoreHarness,
    audit,
    deliver,
    do,
    event,
    fill,
    ids,
    read,
    settle,
    versions,
)

ROUNDS = 12
Verb = Callable[[], Awaitable[Any]]


async def race(*verbs: Verb) -> list[Any]:
    """All at once, first in one order and then in the other."""
    forth = await asyncio.gather(*(verb() for verb in verbs))
    back = await asyncio.gather(*(verb() for verb in reversed(verbs)))
    return [*forth, *back]


class RacingTests(StoreHarness):
    """What went wrong elsewhere."""

    async def test_mark_all_against_insert(self, store: FullStore, other: FullStore) -> None:
        """G6: read-all while rows arrive: each row is read or counted unread."""
        for _ in range(ROUNDS):
            await race(
                lambda: deliver(store, event(), event()),
                lambda: do(other, "read", upto=10**9),
            )
            await audit(store)

    async def test_two_mark_alls_behind_an_insert(self, store: FullStore, other: FullStore) -> None:
        """G6: two read-alls that waited for the same insert do not count its rows twice."""
        for _ in range(ROUNDS):
            await race(
                lambda: deliver(store, event(), event()),
                lambda: do(store, "read", upto=10**9),
                lambda: do(other, "read", upto=10**9),
            )
            await audit(store)
        await do(store, "read", upto=10**9)
        assert (await read(store)).counts.unread == 0

    async def test_deliver_against_mark_all(self, store: FullStore, other: FullStore) -> None:
        """G5: a reader who follows the feed during both ends with what the store holds."""
        followed: dict[str, Notification] = {}
        position = 0

        async def follow() -> None:
            nonlocal position
            (changes,) = await other.changes_after([("anna", position)], 1000)
            assert list(versions(changes)) == sorted(versions(changes))
            assert all(version > position for version in versions(changes))
            position = changes.upto
            followed.update({r.id: r for r in changes.items if isinstance(r, Notification)})

        for _ in range(ROUNDS):
            await race(
                lambda: deliver(store, event()), lambda: do(other, "read", upto=10**9), follow
            )
        await follow()
        assert followed == {r.id: r for r in (await read(store)).items}  # type: ignore[union-attr]
        await audit(store)

    async def test_g5_rows_and_head_are_of_one_moment(
        self, store: FullStore, other: FullStore
    ) -> None:
        """G5: no read answers a head whose rows it does not hold, however it meets a commit."""

        async def write() -> None:
            for _ in range(60):
                await deliver(store, event())

        async def follow() -> None:
            position = 0
            while position < 60:
                (changes,) = await other.changes_after([("anna", position)], 1000)
                assert list(versions(changes)) == list(range(position + 1, changes.head + 1))
                assert changes.counts == Counts(changes.head, changes.head)
                position = changes.upto

        async def turn_pages() -> None:
            head = 0
            while head < 60:
                page = await other.page("anna", PageQuery(limit=1000))
                head = page.head
                assert [row.version for row in page.items] == list(range(head, 0, -1))
                assert page.counts == Counts(head, head)

        await asyncio.gather(write(), follow(), turn_pages())

    async def test_two_sweepers(self, store: FullStore, other: FullStore) -> None:
        """G6: two nodes that sweep at once, while rows are read, bury each row once."""
        soon, late, keep = now_ms() + DAY, now_ms() + 2 * DAY, Retention(days=None, rows=None)
        people = ["anna", "ben", "cho"]
        for _ in range(ROUNDS):
            await deliver(store, event(people, expires_at=soon), event(people))
            swept = await race(
                lambda: store.sweep(late, keep, 100),
                lambda: other.sweep(late, keep, 100),
                lambda: do(store, "read", "ben", upto=10**9),
            )
            swept.append(await store.sweep(late, keep, 100))  # what was in use before
            assert sum(each.expired for each in swept if isinstance(each, Swept)) == 3
            await audit(store, *people)

    async def test_unread_against_mark_all(self, store: FullStore, other: FullStore) -> None:
        """G6: one tab marks a row unread while another reads all: one of them is the last."""
        names = await fill(store, 3)
        for _ in range(ROUNDS):
            await race(
                lambda: do(store, "unread", ids=(names[1],)),
                lambda: do(other, "read", upto=10**9),
            )
            await audit(store)

    async def test_archive_all_against_insert(self, store: FullStore, other: FullStore) -> None:
        """G6: archive-all while rows arrive: no archived row is counted."""
        for _ in range(ROUNDS):
            await race(
                lambda: deliver(store, event()),
                lambda: do(other, "archive", upto=10**9),
                lambda: do(store, "unarchive", upto=3),
            )
            await audit(store)

    async def test_seen_against_insert(self, store: FullStore, other: FullStore) -> None:
        """G6: opening the bell while rows arrive: none is seen that came after."""
        for _ in range(ROUNDS):
            await race(lambda: deliver(store, event()), lambda: do(other, "seen", upto=10**9))
            await audit(store)

    async def test_retract_against_read(self, store: FullStore, other: FullStore) -> None:
        """G6: a retraction while the row is read: it is gone or read, never both counted."""

        async def retract() -> None:
            await other.append([Retraction("card:12", now_ms())])
            await settle(other)

        for _ in range(ROUNDS):
            names = await fill(store, 2, about="card:12")
            await race(retract, lambda: do(store, "read", ids=(names[0],)))  # noqa: B023
            await audit(store)
            assert await ids(store, unread=True) == []

    async def test_prune_against_resume(self, store: FullStore, other: FullStore) -> None:
        """G5: a reader who resumes while tombstones are pruned misses no deletion unknowingly."""
        late, keep = now_ms() + 31 * DAY, Retention(days=None, rows=None)
        for _ in range(ROUNDS):
            before = (await read(store)).head
            names = await fill(store, 3)
            await do(store, "delete", ids=tuple(names[:2]))
            answers = await race(
                lambda: read(other, after=before),  # noqa: B023
                lambda: store.sweep(late, keep, 1),
            )
            for changes in (each for each in answers if isinstance(each, Changes)):
                found = {r.id for r in changes.items if isinstance(r, Notification)}
                assert before < changes.floor or set(names) <= found
                assert not (before < changes.floor and found)
            await audit(store)

    async def test_many_hands_on_one_inbox(self, store: FullStore, other: FullStore) -> None:
        """G6: everything at once on one inbox leaves the counts right."""
        await fill(store, 5)
        for _ in range(ROUNDS):
            await race(
                lambda: deliver(store, event(["anna", "ben"]), event(about="a")),
                lambda: do(other, "read", upto=10**9),
                lambda: do(store, "unread", upto=4),
                lambda: do(other, "archive", upto=3),
                lambda: do(store, "seen", upto=10**9),
                lambda: do(other, "unarchive", upto=2),
                lambda: do(store, "delete", upto=1),
                lambda: deliver(other, event(["ben", "anna"])),
            )
            await audit(store, "anna", "ben")

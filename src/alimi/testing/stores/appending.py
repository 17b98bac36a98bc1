"""The outbox: durable, all or nothing, one event per key."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from alimi.errors import StoreClosed
from alimi.kinds import Kind
from alimi.model import Retention, Signal, event_id, now_ms
from alimi.testing.stores.harness import (
    DAY,
    FullStore,
    StoreHarness,
    audit,
    deliver,
    do,
    event,
    ids,
    rows,
    settle,
)


class AppendingTests(StoreHarness):
    """`append`, `pending` and the keys."""

    async def test_g1_appended_survives_the_store(self, store: FullStore, tmp_path: Path) -> None:
        """G1: what append has answered is applied by a later store on the same database."""
        (receipt,) = await store.append([event()])
        await store.close()
        later = self.make_store(tmp_path)
        await later.open()
        await settle(later)
        assert await ids(later) == [receipt.id]
        await later.close()

    async def test_receipts_come_in_order(self, store: FullStore) -> None:
        """Receipts answer the entries in their order, whatever their kind."""
        events = [event(), event("ben", key="k"), event("ben")]
        receipts = await store.append([events[0], Signal("ping", ("anna",)), *events[1:]])
        assert [receipts[0].id, receipts[2].id, receipts[3].id] == [each.id for each in events]
        assert {receipt.status for receipt in receipts} == {"recorded"}

    async def test_nobody_is_notified(self, store: FullStore) -> None:
        """An event to no one is an entry like any other and makes no notification."""
        (applied,) = await deliver(store, event(None))
        assert (applied.entries, applied.notifications, applied.hints) == (1, 0, ())

    async def test_pending_is_true_until_applied(self, store: FullStore) -> None:
        """pending() never says no while something waits."""
        assert not await store.pending()
        await store.append([event()])
        assert await store.pending()
        assert await store.pending()
        await settle(store)
        assert not await store.pending()

    async def test_pending_hears_of_other_processes(
        self, store: FullStore, other: FullStore
    ) -> None:
        """pending() notices what another store on the same database has left in the outbox."""
        assert not await store.pending()
        await other.append([Signal("ping", ("anna",))])
        assert await store.pending()
        await settle(other, store)
        assert not await store.pending()

    async def test_g1_many_at_once(self, store: FullStore) -> None:
        """G1: appends that share a transaction are each answered and each applied once."""
        receipts = await asyncio.gather(*(store.append([event(n % 7)]) for n in range(200)))
        applied = await settle(store)
        assert sum(each.notifications for each in applied) == 200
        stored = [name for n in range(7) for name in await ids(store, str(n))]
        assert sorted(stored) == sorted(receipt.id for (receipt,) in receipts)
        await audit(store, *map(str, range(7)))

    async def test_a_repeated_key_is_recorded_once_while_it_waits(self, store: FullStore) -> None:
        """The same key and body, before the first is applied: the same id, one notification."""
        first, second = event(key="k"), event(key="k")
        (one,) = await store.append([first])
        (two,) = await store.append([second])
        assert (one.status, two.status, two.id) == ("recorded", "repeated", one.id)
        (applied,) = await settle(store)
        assert applied.notifications == 1

    async def test_a_repeated_key_is_recorded_once_after_it_was_applied(
        self, store: FullStore
    ) -> None:
        """The same key and body, after the first was applied: the same id, nothing new."""
        await deliver(store, event(key="k"))
        (again,) = await store.append([event(key="k")])
        assert (again.status, again.id) == ("repeated", event_id("k"))
        assert not await store.pending()

    @pytest.mark.parametrize("applied", [False, True])
    async def test_a_key_with_another_body_conflicts(
        self, store: FullStore, *, applied: bool
    ) -> None:
        """Another body under a used key is told and not recorded."""
        await store.append([event(key="k")])
        if applied:
            await settle(store)
        (receipt,) = await store.append([event(key="k", text="something else")])
        assert receipt.status == "conflict"
        await settle(store)
        assert len(await ids(store)) == 1

    async def test_a_key_looks_at_what_the_caller_said(self, store: FullStore) -> None:
        """Neither the moment, nor an expiry that follows from it, nor an order makes a conflict."""
        kind = Kind("k", category="c", texts={"en": "t"}, expires_in=3600)
        now = now_ms()
        calls: list[tuple[int, list[str], int | None]] = [
            (now, ["anna", "ben"], None),
            (now + 5, ["ben", "anna"], None),
            (now, ["anna", "ben"], now + 3_600_000),
            (now, ["anna"], None),
        ]
        events = [kind.event(to=to, key="k", now=at, expires_at=end) for at, to, end in calls]
        receipts = await store.append(events)
        statuses = [receipt.status for receipt in receipts]
        assert statuses == ["recorded", "repeated", "conflict", "conflict"]
        await settle(store)
        (row,) = (await rows(store)).values()
        assert row.expires_at == now + 3_600_000

    async def test_a_key_twice_in_one_call(self, store: FullStore) -> None:
        """Within one call a key counts as used by the entry before."""
        receipts = await store.append(
            [event(key="k"), event(key="k"), event(key="k", text="else"), event()]
        )
        statuses = [receipt.status for receipt in receipts]
        assert statuses == ["recorded", "repeated", "conflict", "recorded"]

    async def test_one_key_from_many_callers(self, store: FullStore, other: FullStore) -> None:
        """Many callers with one key, through two stores, make one notification."""
        calls = [each.append([event(key="k")]) for each in (store, other) for _ in range(20)]
        receipts = [receipt for (receipt,) in await asyncio.gather(*calls)]
        assert sorted(receipt.status for receipt in receipts) == ["recorded"] + 39 * ["repeated"]
        await settle(store)
        assert len(await ids(store)) == 1

    async def test_keys_are_forgotten_after_their_days(self, store: FullStore) -> None:
        """A key of which nothing is left may be used again after its days, and not before."""
        await deliver(store, event(None, key="k"))
        retention = Retention(days=None, rows=None, key_days=7)
        await store.sweep(now_ms() + 6 * DAY, retention, 100)
        assert (await store.append([event(key="k")]))[0].status == "conflict"
        await store.sweep(now_ms() + 8 * DAY, retention, 100)
        assert (await store.append([event(key="k")]))[0].status == "recorded"

    async def test_g1_a_key_lives_as_long_as_its_notifications(self, store: FullStore) -> None:
        """G1: who hears "recorded" is never refused later because of a row of the same id."""
        await deliver(store, event(key="k"), event(["ben", "cho"], key="l"))
        retention = Retention(days=None, rows=None, key_days=7)
        await store.sweep(now_ms() + 8 * DAY, retention, 1)
        await store.sweep(now_ms() + 8 * DAY, retention, 1)
        again = await store.append([event(key="k"), event(["ben", "cho"], key="l")])
        assert [receipt.status for receipt in again] == ["repeated", "repeated"]
        await do(store, "delete", upto=1)
        await store.sweep(now_ms() + 40 * DAY, retention, 100)
        again = await store.append([event(key="k"), event(["ben", "cho"], key="l")])
        assert [receipt.status for receipt in again] == ["recorded", "repeated"]
        await settle(store)
        assert await ids(store) == [event_id("k")]
        await audit(store, "anna", "ben", "cho")

    async def test_a_closed_store_says_so(self, store: FullStore) -> None:
        """After close() every verb raises StoreClosed; open() again works."""
        await store.close()
        with pytest.raises(StoreClosed):
            await store.append([event()])
        with pytest.raises(StoreClosed):
            await store.changes_after([("anna", 0)], 10)
        with pytest.raises(StoreClosed):
            await store.pending()
        await store.open()
        assert (await store.append([event()]))[0].status == "recorded"

    async def test_close_finishes_what_was_accepted(self, store: FullStore, tmp_path: Path) -> None:
        """close() with appends under way: each is either answered or was never accepted."""
        calls = [asyncio.ensure_future(store.append([event(n)])) for n in range(50)]
        await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        await store.close()
        answered = await asyncio.gather(*calls)
        later = self.make_store(tmp_path)
        await later.open()
        await settle(later)
        stored = [name for n in range(50) for name in await ids(later, str(n))]
        assert sorted(stored) == sorted(receipt.id for (receipt,) in answered)
        await later.close()

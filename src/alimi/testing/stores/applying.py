"""The relay's batch: order, bounds, the bulk lane, dead letters."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from alimi.model import Hint, Notification, Signal, now_ms
from alimi.testing.stores.harness import (
    FullStore,
    StoreHarness,
    audit,
    deliver,
    event,
    fill,
    ids,
    read,
    record,
    rows,
    settle,
)

#: More than any store takes at once.
MANY = [f"user-{n}" for n in range(1_700)]


class ApplyingTests(StoreHarness):
    """`apply`."""

    async def test_g3_versions_follow_the_order(self, store: FullStore) -> None:
        """G3: within one inbox versions are 1, 2, 3 … in the order of the appends."""
        names = await fill(store, 5)
        found = (await read(store)).items
        assert [item.version for item in found] == [1, 2, 3, 4, 5]
        assert [item.id for item in found if isinstance(item, Notification)] == names

    async def test_g3_order_holds_from_batch_to_batch(self, store: FullStore) -> None:
        """G3: the oldest entries are applied first, however small the batches."""
        events = [event(text=f"number {n}") for n in range(9)]
        await store.append(events)
        while (await store.apply(2)).more:
            assert await ids(store) == [each.id for each in events[: len(await ids(store))]][::-1]
        assert await ids(store) == [each.id for each in events][::-1]

    async def test_content_arrives_whole(self, store: FullStore) -> None:
        """Texts, url, snapshots, data and times come out as they went in, also odd characters."""
        content = msgspec.convert(
            {
                "texts": {
                    "ko": "카드의 담당자가 사용자님으로 변경되었습니다. 😀",
                    "en": 'a "b" \\ \n \0',
                },
                "url": "/cards/12?x=%27",
                "actor": {"id": "1", "name": "김"},
                "object": {"id": "12", "name": "[]{},:", "image": "/i", "url": "/c"},
                "target": {"id": "b"},
                "data": {"n": 1.5, "deep": [{"a": None}], "": "\u2028\x00", "big": 2**53},
            },
            type=type(event().content),
        )
        sent = event("o'brien 😀", content=content, about="a", expires_at=now_ms() + 99_000)
        (applied,) = await deliver(store, sent)
        (row,) = (await rows(store, "o'brien 😀")).values()
        assert (row.content, row.kind, row.category) == (content, sent.kind, sent.category)
        assert (row.created_at, row.expires_at) == (sent.created_at, sent.expires_at)
        assert applied.changes[0].items == (row,)

    async def test_changes_are_what_a_read_would_answer(self, store: FullStore) -> None:
        """Applied.changes equals a read of the store from the old head, for every inbox."""
        await fill(store, 3)
        await store.append([event(["anna", "ben"]), event("anna"), event("cho")])
        (applied,) = await settle(store)
        asked = [(each.recipient, each.after) for each in applied.changes]
        assert sorted(asked) == [("anna", 3), ("ben", 0), ("cho", 0)]
        assert tuple(await store.changes_after(asked, 100)) == applied.changes
        heads = {hint.recipient: hint.version for hint in applied.hints}
        assert heads == {"anna": 5, "ben": 1, "cho": 1}

    async def test_g8_a_batch_is_bounded(self, store: FullStore) -> None:
        """G8: a batch holds about `limit` notifications, however many events wait."""
        await store.append([Signal("ping"), *(event([n, n + 1, n + 2]) for n in range(20))])
        sizes = []
        while True:
            applied = await store.apply(10)
            sizes.append(applied.notifications)
            if not applied.more:
                break
        assert (max(sizes), sum(sizes)) == (9, 60)

    async def test_one_large_entry_is_not_stuck(self, store: FullStore) -> None:
        """An entry larger than the limit is applied by itself."""
        await store.append([event(range(30))])
        applied = await store.apply(10)
        assert applied.notifications == 30

    async def test_g8_the_bulk_lane(self, store: FullStore) -> None:
        """G8: an event to very many goes in pieces, and later events do not wait for it."""
        big, small = event(MANY), event("anna")
        await store.append([big, small])
        first = await store.apply(1000)
        assert await ids(store) == [small.id]
        assert (first.notifications < len(MANY), first.more) == (True, True)
        await settle(store)
        assert [name for who in (MANY[0], MANY[-1]) for name in await ids(store, who)] == [
            big.id,
            big.id,
        ]
        assert (await store.inspect()).notifications == len(MANY) + 1
        await audit(store, *MANY[:3])

    async def test_the_bulk_lane_counts_a_key_once(self, store: FullStore, tmp_path: Path) -> None:
        """A large event that was recorded twice reaches everybody once."""
        with self.connect(tmp_path) as app:
            for _ in range(2):
                app.begin()
                record(store, app, event(MANY, key="k"))
                app.commit()
        applied = await settle(store)
        assert sum(each.notifications for each in applied) == len(MANY)
        assert sum(each.repeated for each in applied) == 1
        assert (await store.inspect()).outbox == 0

    async def test_two_relays_apply_each_entry_once(
        self, store: FullStore, other: FullStore
    ) -> None:
        """Relays of several processes share the work and never apply an entry twice."""
        await store.append([event(n % 5) for n in range(300)])
        done = await asyncio.gather(*(each.apply(20) for each in (store, other) for _ in range(10)))
        done += await settle(store, other)  # a call that missed its turn says `more`
        assert sum(each.notifications for each in done) == 300
        heads = (await store.positions(["0", "1", "2", "3", "4"])).heads
        assert heads == dict.fromkeys(heads, 60)
        await audit(store, *heads)

    async def test_garbage_becomes_a_dead_letter(self, store: FullStore, tmp_path: Path) -> None:
        """What cannot be applied is set aside with a reason; nothing before or behind it waits."""
        await store.append([event(text="before")])
        with self.connect(tmp_path) as app:
            app.begin()
            self.put_garbage(app)
            app.commit()
        await store.append([event(text="behind")])
        applied = await settle(store)
        assert (sum(each.dead for each in applied), len(await ids(store))) == (1, 2)
        report = await store.inspect()
        assert (report.dead_letters, report.outbox) == (1, 0)
        assert report.last_dead_letter
        await audit(store)

    async def test_an_id_used_twice_is_one_notification(self, store: FullStore) -> None:
        """Without a key the id alone keeps a repeat out, and the rest of the batch goes on."""
        twice = event()
        await store.append([event(text="one"), twice, twice, event(text="two")])
        (applied,) = await settle(store)
        assert (applied.notifications, applied.repeated, applied.dead) == (3, 1, 0)
        assert len(await ids(store)) == 3
        await audit(store)

    async def test_an_expired_event_is_not_shown(self, store: FullStore) -> None:
        """An event whose time passed while it waited makes no notification."""
        (applied,) = await deliver(store, event(expires_at=now_ms() - 1), event("ben"))
        assert (applied.entries, applied.notifications) == (2, 1)
        assert applied.hints == (Hint("ben", 1),)

    async def test_signals_pass_in_order_and_are_not_stored(self, store: FullStore) -> None:
        """Signals are handed over once, in order, and leave no trace."""
        signals = [Signal("moved", ("anna",), {"card": n}) for n in range(3)]
        await store.append([signals[0], event(), signals[1], signals[2]])
        (applied,) = await settle(store)
        assert applied.signals == tuple(signals)
        assert (await settle(store))[0].signals == ()
        assert (await read(store)).head == 1

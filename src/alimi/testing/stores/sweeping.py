"""The sweeper: expiry, retention and pruning, as changes with versions."""

from __future__ import annotations

from alimi.model import PageQuery, Retention, Swept, now_ms
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
    rows,
)

KEEP = Retention(days=None, rows=None)


async def sweep_all(
    store: FullStore, now: int, retention: Retention, limit: int = 100
) -> list[Swept]:
    """Steps until none is left."""
    steps = []
    while True:
        steps.append(await store.sweep(now, retention, limit))
        if not steps[-1].more:
            return steps


class SweepingTests(StoreHarness):
    """`sweep`."""

    async def test_expiry_is_a_change(self, store: FullStore) -> None:
        """Until the sweep an expired row is visible and counted; then it is a tombstone."""
        now = now_ms()
        short, long = event(expires_at=now + 1000), event(expires_at=now + 9000)
        await deliver(store, short, long, event("ben", expires_at=now + 1000))
        assert (await store.sweep(now + 999, KEEP, 100)).expired == 0
        swept = await store.sweep(now + 1000, KEEP, 100)
        assert (swept.expired, swept.more) == (2, False)
        assert {hint.recipient: hint.version for hint in swept.hints} == {"anna": 3, "ben": 2}
        assert await ids(store) == [long.id]
        assert (await rows(store))[short.id].deleted
        await audit(store, "anna", "ben")

    async def test_an_archived_row_expires_too(self, store: FullStore) -> None:
        """Expiry reaches archived rows, whose weight in the counts is none."""
        await deliver(store, event(expires_at=now_ms() + 1000), event())
        await do(store, "archive", upto=1)
        assert (await store.sweep(now_ms() + 2000, KEEP, 100)).expired == 1
        assert await ids(store, archived=True) == []
        await audit(store)

    async def test_retention_by_age(self, store: FullStore) -> None:
        """Rows older than the days become tombstones, in all inboxes, read or not."""
        old = now_ms() - 10 * DAY
        await deliver(store, event(created_at=old), event("ben", created_at=old), event())
        (step,) = await sweep_all(store, now_ms(), Retention(days=9, rows=None))
        assert (step.retired, step.expired, len(step.hints)) == (2, 0, 2)
        assert (len(await ids(store)), len(await ids(store, "ben"))) == (1, 0)
        await audit(store, "anna", "ben")

    async def test_retention_by_rows(self, store: FullStore) -> None:
        """An inbox keeps its newest rows, and tombstones do not count."""
        names = await fill(store, 8)
        await fill(store, 2, "ben")
        await do(store, "delete", ids=(names[7],))
        await sweep_all(store, now_ms(), Retention(days=None, rows=5))
        assert await ids(store) == names[2:7][::-1]
        assert len(await ids(store, "ben")) == 2
        await audit(store, "anna", "ben")

    async def test_g8_steps_are_bounded(self, store: FullStore) -> None:
        """G8: no step touches more than `limit` rows of a sort, and `more` leads to the end."""
        for who in ("anna", "ben", "cho"):
            await fill(store, 7, who, created_at=now_ms() - 10 * DAY)
        steps = await sweep_all(store, now_ms(), Retention(days=9, rows=None), limit=4)
        assert [step.retired for step in steps if step.retired] == [4, 4, 4, 4, 4, 1]
        await fill(store, 9)
        steps = await sweep_all(store, now_ms(), Retention(days=None, rows=2), limit=3)
        assert max(step.retired for step in steps) == 3
        assert len(await ids(store)) == 2
        await audit(store, "anna", "ben", "cho")

    async def test_g5_pruning_removes_only_old_tombstones(self, store: FullStore) -> None:
        """G5: pruning takes tombstones after their days, lifts the floor, and moves no version."""
        names = await fill(store, 4)
        await do(store, "delete", ids=(names[1],))
        await do(store, "read", ids=(names[0],))
        early = await store.sweep(now_ms() + 29 * DAY, KEEP, 100)
        assert (early.pruned, (await read(store)).floor) == (0, 0)
        late = await store.sweep(now_ms() + 31 * DAY, KEEP, 100)
        assert (late.pruned, late.hints) == (1, ())
        changes = await read(store, after=5)
        assert (changes.floor, changes.head, len(changes.items)) == (5, 6, 1)
        assert set(await rows(store)) == {names[0]}
        assert len(await ids(store)) == 3
        await audit(store)

    async def test_g5_the_floor_never_falls(self, store: FullStore) -> None:
        """G5: of two nodes whose clocks differ, the later tombstone may bear the earlier time."""
        now = now_ms() + DAY
        await deliver(store, event(expires_at=now))
        await store.sweep(now + 2000, KEEP, 100)
        await deliver(store, event(expires_at=now))
        await store.sweep(now + 1000, KEEP, 100)
        floors = []
        for _ in range(2):
            assert (await store.sweep(now + 40 * DAY, KEEP, 1)).pruned == 1
            floors.append((await read(store, after=None)).floor)
        assert floors == [4, 4]

    async def test_versions_never_repeat(self, store: FullStore) -> None:
        """An inbox whose rows are all gone goes on counting where it was."""
        await fill(store, 3)
        await do(store, "delete", upto=3)
        await store.sweep(now_ms() + 31 * DAY, KEEP, 100)
        await deliver(store, event())
        assert (await read(store)).head == 5
        await audit(store)

    async def test_seen_times_outlive_pruning(self, store: FullStore) -> None:
        """Pruning forgets only those watermarks that no row is left for."""
        names = await fill(store, 4)
        await do(store, "seen", upto=2)
        await do(store, "seen", upto=4)
        times = {name: row.seen_at for name, row in (await rows(store)).items()}
        await do(store, "delete", ids=(names[0], names[1]))
        await store.sweep(now_ms() + 31 * DAY, KEEP, 100)
        assert (await read(store, after=None)).floor == 7
        assert await _seen_times(store) == {name: times[name] for name in names[2:]}

    async def test_nothing_to_do_moves_nothing(self, store: FullStore) -> None:
        """A step that finds nothing changes nothing."""
        await fill(store, 2)
        before = await read(store)
        swept = await store.sweep(now_ms(), Retention(), 100)
        assert swept == Swept()
        assert await read(store) == before


async def _seen_times(store: FullStore) -> dict[str, int | None]:
    found = await store.page("anna", PageQuery())
    return {row.id: row.seen_at for row in found.items}

"""The change feed: nothing missed, nothing torn, and a floor (G5)."""

from __future__ import annotations

from alimi.model import BulkChange, Counts, Cursor, Notification, Retention, cursor_tag, now_ms
from alimi.testing.stores.harness import (
    DAY,
    FullStore,
    StoreHarness,
    audit,
    deliver,
    do,
    event,
    fill,
    read,
    versions,
)


async def prune(store: FullStore) -> None:
    """As if all tombstones were old."""
    await store.sweep(now_ms() + 31 * DAY, Retention(days=None, rows=None), 1000)


class FeedingTests(StoreHarness):
    """`changes_after` and `positions`."""

    async def test_an_inbox_that_never_was(self, store: FullStore) -> None:
        """A recipient nobody wrote to has head 0, no rows and a cursor of their own."""
        changes = await read(store, "nobody")
        assert (changes.head, changes.upto, changes.items, changes.more) == (0, 0, (), False)
        assert changes.counts == Counts()
        assert (await store.positions(["nobody"])).heads == {"nobody": 0}

    async def test_answers_come_in_the_order_asked(self, store: FullStore) -> None:
        """Many inboxes in one call, one of them twice and one unknown: each has its answer."""
        await fill(store, 3, "anna")
        await fill(store, 2, "ben")
        asked = [("ben", 1), ("anna", 0), ("nobody", 0), ("ben", None), ("anna", 2)]
        answers = await store.changes_after(asked, 10)
        assert [(each.recipient, each.after) for each in answers] == asked
        assert [versions(each) for each in answers] == [[2], [1, 2, 3], [], [], [3]]
        assert [each.head for each in answers] == [2, 3, 0, 2, 3]
        assert await store.changes_after([], 10) == []

    async def test_none_asks_only_for_the_head(self, store: FullStore) -> None:
        """Without a position there are counts and a head, and no rows."""
        await fill(store, 2)
        changes = await read(store, after=None)
        assert (changes.after, changes.head, changes.upto, changes.items) == (None, 2, 2, ())
        assert changes.counts == Counts(2, 2)

    async def test_g5_pages_of_the_feed_miss_nothing(self, store: FullStore) -> None:
        """G5: following `upto` from page to page yields every version once, in order."""
        await fill(store, 25)
        await do(store, "read", upto=5)
        seen: list[int] = []
        position = 0
        while True:
            (changes,) = await store.changes_after([("anna", position)], 4)
            seen += versions(changes)
            position = changes.upto
            if not changes.more:
                break
        assert seen == list(range(6, 27))
        assert position == changes.head == 26

    async def test_g8_an_answer_is_bounded_in_bytes(self, store: FullStore) -> None:
        """G8: large rows come in more and smaller pages; versions stay whole and none is missed."""
        people = dict.fromkeys(("anna", "ben", "cho", "dan", "eve"), 0)
        await deliver(store, *(event(list(people), text=16_000 * "x") for _ in range(100)))
        await do(store, "read", upto=10)
        seen: dict[str, list[int]] = {who: [] for who in people}
        moving = set(people)
        sizes = []
        while moving:
            asked = [(who, people[who]) for who in sorted(moving)]
            answers = await store.changes_after(asked, 200)
            sizes.append(sum(len(each.items) for each in answers))
            for each in answers:
                seen[each.recipient] += versions(each)
                people[each.recipient] = each.upto
                if not each.more:
                    moving.remove(each.recipient)
        assert max(sizes) < 400
        assert seen["anna"] == [*range(11, 101), *(10 * [101])]
        assert seen["eve"] == [*range(1, 101)]

    async def test_a_row_changed_twice_appears_once(self, store: FullStore) -> None:
        """The feed holds rows in their latest state, not the history of each."""
        (name,) = await fill(store, 1)
        await do(store, "read", ids=(name,))
        await do(store, "archive", ids=(name,))
        (row,) = (await read(store)).items
        assert isinstance(row, Notification)
        assert (row.version, row.born, row.content_version) == (3, 1, 1)
        assert None not in {row.read_at, row.archived_at, row.seen_at}

    async def test_g5_a_version_is_never_torn(self, store: FullStore) -> None:
        """G5: a version that does not fit behind others waits whole for the next page."""
        await fill(store, 6)
        await do(store, "read", upto=3)
        (changes,) = await store.changes_after([("anna", 0)], 4)
        assert (versions(changes), changes.upto, changes.more) == ([4, 5, 6], 6, True)
        (rest,) = await store.changes_after([("anna", 6)], 4)
        assert (versions(rest), rest.upto, rest.more) == ([7, 7, 7], 7, False)

    async def test_g8_a_version_larger_than_a_page_is_told_as_a_whole(
        self, store: FullStore
    ) -> None:
        """G8: more rows of one version than a page holds become one BulkChange."""
        await fill(store, 9)
        marked = await do(store, "read", upto=8)
        (changes,) = await store.changes_after([("anna", 9)], 5)
        (bulk,) = changes.items
        assert isinstance(bulk, BulkChange)
        assert (bulk.version, bulk.upto, bulk.born) == (marked.version, 8, 8)
        assert not changes.more

    async def test_g5_a_bulk_change_tells_the_newest_row_in_it(self, store: FullStore) -> None:
        """G5: `born` lets a reader know that a BulkChange holds rows it has never seen."""
        names = await fill(store, 9)
        await do(store, "read", upto=8)
        (changes,) = await store.changes_after([("anna", 9)], 5)
        assert [each.born for each in changes.items] == [8]
        await do(store, "delete", ids=tuple(names))
        (changes,) = await store.changes_after([("anna", 9)], 5)
        assert [each.born for each in changes.items] == [0]

    async def test_a_bulk_change_in_the_middle(self, store: FullStore) -> None:
        """Rows before and behind a large version keep their place, and every page goes on."""
        await fill(store, 9)
        await do(store, "delete", upto=8)
        await fill(store, 1)
        first = (await store.changes_after([("anna", 0)], 5))[0]
        assert (versions(first), first.upto, first.more) == ([9], 9, True)
        second = (await store.changes_after([("anna", first.upto)], 5))[0]
        (bulk,) = second.items
        assert isinstance(bulk, BulkChange)
        assert (bulk.version, bulk.upto, second.upto, second.more) == (10, 8, 10, True)
        third = (await store.changes_after([("anna", second.upto)], 5))[0]
        assert (versions(third), third.more) == ([11], False)

    async def test_g5_below_the_floor_there_are_only_facts(self, store: FullStore) -> None:
        """G5: after pruning, a position below the floor gets no rows, only what tells so."""
        names = await fill(store, 3)
        await do(store, "delete", ids=(names[0],))
        await prune(store)
        below, at = await read(store, after=3), await read(store, after=4)
        assert (below.floor, below.items, below.head) == (4, (), 4)
        assert (at.floor, at.items, at.upto) == (4, (), 4)
        await audit(store)

    async def test_g5_ahead_of_the_head_there_are_only_facts(self, store: FullStore) -> None:
        """G5: a position ahead of the head, from a lost future, gets no rows."""
        await fill(store, 2)
        ahead = await read(store, after=9)
        assert (ahead.head, ahead.items, ahead.more) == (2, (), False)

    async def test_positions_in_one_snapshot(self, store: FullStore) -> None:
        """positions() answers every recipient asked and the epoch behind the tags."""
        await fill(store, 2)
        await fill(store, 1, "ben")
        positions = await store.positions(["anna", "ben", "nobody"])
        assert positions.heads == {"anna": 2, "ben": 1, "nobody": 0}
        assert (await read(store)).tag == cursor_tag(positions.epoch, "anna")

    async def test_g7_cursors_belong_to_one_inbox_of_one_epoch(self, store: FullStore) -> None:
        """G7: tags differ between inboxes, and a new epoch makes all old ones worthless."""
        await fill(store, 1)
        old = await read(store)
        assert old.tag != (await read(store, "ben")).tag
        epoch = await store.renew_epoch()
        new = await read(store)
        assert new.tag == cursor_tag(epoch, "anna") != old.tag
        assert (await do(store, "read", upto=1)).cursor == Cursor(new.tag, 2)
        assert (await store.positions([])).epoch == epoch

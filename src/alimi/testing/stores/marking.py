"""Marks: read, unread, archive, delete, seen, and undo; one version each (G6)."""

from __future__ import annotations

from typing import Any

import pytest

from alimi.model import Counts, PageQuery
from alimi.testing.stores.harness import (
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


class MarkingTests(StoreHarness):
    """`mark`."""

    @pytest.mark.parametrize("action", ["read", "unread", "archive", "unarchive", "delete"])
    async def test_g6_each_action_by_each_target(self, store: FullStore, action: Any) -> None:
        """G6: whatever rows an action meets, counts equal the rows and it takes one version."""
        names = await fill(store, 8)
        await do(store, "read", ids=tuple(names[:4]))
        await do(store, "archive", ids=tuple(names[2:6]))
        await do(store, "seen", upto=7)
        await do(store, "delete", ids=(names[0],))
        targets: list[dict[str, Any]] = [{"ids": tuple(names[:5])}, {"at": 10}, {"upto": 7}]
        for target in targets:
            before = await read(store)
            marked = await do(store, action, **target)
            assert marked.version == before.head + bool(marked.count)
            changed = await read(store, after=before.head)
            assert len(changed.items) == marked.count == len(marked.ids)
            assert (await read(store)).counts == marked.counts
            await audit(store)

    async def test_what_is_so_already_takes_no_version(self, store: FullStore) -> None:
        """A mark that changes nothing answers count 0 and the head, and nothing is on the feed."""
        (name,) = await fill(store, 1)
        await do(store, "read", ids=(name,))
        again = await do(store, "read", ids=(name, "no-such"))
        assert (again.version, again.count, again.ids) == (2, 0, ())
        nobody = await do(store, "read", "nobody", upto=9)
        assert (nobody.version, nobody.count, nobody.counts) == (0, 0, Counts())

    async def test_read_implies_seen(self, store: FullStore) -> None:
        """Reading sees; unreading keeps it seen."""
        (name,) = await fill(store, 1)
        assert (await do(store, "read", ids=(name,))).counts == Counts(0, 0)
        assert (await do(store, "unread", ids=(name,))).counts == Counts(1, 0)
        (row,) = (await rows(store)).values()
        assert row.seen_at is not None
        await audit(store)

    async def test_reading_keeps_when_it_was_seen(self, store: FullStore) -> None:
        """A row that the watermark passed keeps that time when it is read later."""
        (name,) = await fill(store, 1)
        await do(store, "seen", upto=1)
        seen_at = (await rows(store))[name].seen_at
        await do(store, "read", ids=(name,))
        assert (await rows(store))[name].seen_at == seen_at

    async def test_archiving_never_changes_read(self, store: FullStore) -> None:
        """Archived and taken back, a row is as unread and as seen as it was."""
        one, two = await fill(store, 2)
        await do(store, "read", ids=(one,))
        before = {name: row.read_at for name, row in (await rows(store)).items()}
        assert (await do(store, "archive", upto=2)).counts == Counts(0, 0)
        assert (await do(store, "unarchive", ids=(one, two))).counts == Counts(1, 1)
        assert {name: row.read_at for name, row in (await rows(store)).items()} == before
        await audit(store)

    async def test_deleting_leaves_a_tombstone(self, store: FullStore) -> None:
        """A deleted row has a version and no content, and nothing can bring it back."""
        (name,) = await fill(store, 1)
        await do(store, "delete", ids=(name,))
        (row,) = (await rows(store)).values()
        assert (row.deleted, row.version, row.content.texts, row.content.data) == (True, 2, {}, {})
        for action in ("read", "archive", "unarchive", "delete"):
            assert (await do(store, action, ids=(name,))).count == 0
            assert (await do(store, action, at=2)).count == 0
        assert await ids(store, ids=(name,)) == []

    async def test_upto_compares_the_content_version(self, store: FullStore) -> None:
        """A row that another tab touched since is still "up to here"; a newer one is not."""
        one, two, three = await fill(store, 3)
        await do(store, "unread", ids=(one,))
        await do(store, "archive", ids=(one,))
        await do(store, "unarchive", ids=(one,))
        marked = await do(store, "read", upto=2)
        assert set(marked.ids) == {one, two}
        assert await ids(store, unread=True) == [three]

    async def test_upto_leaves_archived_rows_alone(self, store: FullStore) -> None:
        """Everything means what the list shows: archived rows only for unarchive."""
        one, two = await fill(store, 2)
        await do(store, "archive", ids=(one,))
        assert (await do(store, "read", upto=9)).ids == (two,)
        assert (await do(store, "delete", upto=9)).ids == (two,)
        assert (await do(store, "unarchive", upto=9)).ids == (one,)
        await audit(store)

    @pytest.mark.parametrize(("action", "opposite"), [("read", "unread"), ("archive", "unarchive")])
    async def test_undo(self, store: FullStore, action: Any, opposite: Any) -> None:
        """The opposite `at` the version of a mark restores what it changed and nothing else."""
        names = await fill(store, 5)
        await do(store, action, ids=(names[0],))
        marked = await do(store, action, upto=4)
        assert marked.count == 3
        undone = await do(store, opposite, at=marked.version)
        assert set(undone.ids) == set(names[1:4])
        assert (await do(store, opposite, at=marked.version)).count == 0
        await audit(store)

    async def test_undo_spares_what_changed_since(self, store: FullStore) -> None:
        """A row that somebody touched after the mark is not undone."""
        one, two = await fill(store, 2)
        marked = await do(store, "read", upto=2)
        await do(store, "archive", ids=(one,))
        assert (await do(store, "unread", at=marked.version)).ids == (two,)

    async def test_seen_is_a_watermark(self, store: FullStore) -> None:
        """Seeing moves the watermark, rewrites no row, and tells its version and when."""
        names = await fill(store, 3)
        marked = await do(store, "seen", upto=2)
        assert (marked.version, marked.count, marked.counts) == (4, 2, Counts(3, 1))
        changes = await read(store, after=3)
        assert (changes.items, changes.upto) == ((), 4)
        assert (changes.seen_upto, changes.seen_version) == (2, 4)
        seen = [(await rows(store))[name].seen_at is not None for name in names]
        assert seen == [True, True, False]
        assert [row.seen_at is not None for row in (await rows(store)).values()] == seen
        await audit(store)

    async def test_seen_never_goes_back_or_ahead(self, store: FullStore) -> None:
        """A lower watermark changes nothing, one beyond the head sees no future row."""
        await fill(store, 2)
        assert (await do(store, "seen", upto=10**9)).version == 3
        assert (await do(store, "seen", upto=1)).count == 0
        assert (await do(store, "seen", upto=10**9)).count == 0
        await deliver(store, event())
        assert (await read(store)).counts == Counts(3, 1)
        await audit(store)

    async def test_each_row_keeps_its_own_seen_time(self, store: FullStore) -> None:
        """Rows seen at different openings of the bell have those openings' times."""
        one, two = await fill(store, 2)
        await do(store, "seen", upto=1)
        first = (await rows(store))[one].seen_at
        await do(store, "seen", upto=2)
        found = await rows(store)
        assert found[one].seen_at == first
        assert found[two].seen_at is not None
        page = {row.id: row.seen_at for row in (await store.page("anna", PageQuery())).items}
        assert page == {name: row.seen_at for name, row in found.items()}

    async def test_at_most_a_hundred_ids(self, store: FullStore) -> None:
        """G8: a large mark counts all its rows and names a hundred."""
        await fill(store, 120)
        marked = await do(store, "read", upto=120)
        assert (marked.count, len(set(marked.ids)), marked.version) == (120, 100, 121)
        assert marked.counts == Counts(0, 0)

    async def test_g7_only_ones_own_inbox(self, store: FullStore) -> None:
        """G7: a mark with another recipient's ids changes nothing of theirs."""
        names = await fill(store, 2)
        await fill(store, 1, "ben")
        before = await read(store)
        for action in ("read", "archive", "delete"):
            assert (await do(store, action, "ben", ids=tuple(names))).count == 0
        await do(store, "delete", "ben", upto=99)
        assert await read(store) == before

"""Pages of an inbox, newest content first."""

from __future__ import annotations

from alimi.model import Counts, Cursor, PageQuery
from alimi.testing.stores.harness import FullStore, StoreHarness, deliver, do, event, fill, ids


class PagingTests(StoreHarness):
    """`page`."""

    async def test_newest_content_first(self, store: FullStore) -> None:
        """Order is by content version: marks and clocks move nothing."""
        names = await fill(store, 3)
        late = event(created_at=1)
        await deliver(store, late)
        await do(store, "read", ids=(names[0],))
        assert await ids(store) == [late.id, *reversed(names)]

    async def test_pages_follow_each_other(self, store: FullStore) -> None:
        """`next` leads through all rows once; what arrives meanwhile disturbs nothing."""
        names = await fill(store, 7)
        found, before = [], None
        while True:
            page = await store.page("anna", PageQuery(limit=3, before=before))
            found += [row.id for row in page.items]
            before = page.next
            if before is None:
                break
            await fill(store, 1)
        assert found == names[::-1]

    async def test_an_exact_page_has_no_next(self, store: FullStore) -> None:
        """`next` is None when the page holds all there is."""
        await fill(store, 3)
        assert (await store.page("anna", PageQuery(limit=3))).next is None

    async def test_filters(self, store: FullStore) -> None:
        """unread, archived and category narrow a page; archived rows are a list of their own."""
        one, two, three, four = await fill(store, 4)
        mention = event(category="mentions")
        await deliver(store, mention)
        await do(store, "read", ids=(one,))
        await do(store, "archive", ids=(two, one))
        assert await ids(store) == [mention.id, four, three]
        assert await ids(store, archived=True) == [two, one]
        assert await ids(store, archived=True, unread=True) == [two]
        await do(store, "read", ids=(three,))
        assert await ids(store, unread=True) == [mention.id, four]
        assert await ids(store, category="mentions") == [mention.id]
        assert await ids(store, category="cards", unread=True) == [four]
        assert await ids(store, category="nothing") == []

    async def test_by_id(self, store: FullStore) -> None:
        """`ids` names rows outright, archived or not; deleted and foreign ones are not there."""
        one, two, three = await fill(store, 3)
        (foreign,) = await fill(store, 1, "ben")
        await do(store, "archive", ids=(one,))
        await do(store, "delete", ids=(two,))
        assert await ids(store, ids=(one, two, three, foreign, "no-such")) == [three, one]

    async def test_counts_and_head_are_of_the_same_snapshot(self, store: FullStore) -> None:
        """A page tells the counts and where a stream may begin; an empty inbox does too."""
        await fill(store, 3)
        await do(store, "read", upto=1)
        page = await store.page("anna", PageQuery(limit=1))
        assert (page.counts, page.cursor) == (Counts(2, 2), Cursor(page.tag, 4))
        empty = await store.page("nobody", PageQuery())
        assert (empty.items, empty.next, empty.counts, empty.head) == ((), None, Counts(), 0)

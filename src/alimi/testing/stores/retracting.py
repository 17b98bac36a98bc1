"""Withdrawing what is still unread about a matter."""

from __future__ import annotations

from alimi.model import Retraction, now_ms
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
    settle,
)


def retraction(*recipients: str) -> Retraction:
    """About card 12, from the named inboxes or from all."""
    return Retraction("card:12", now_ms(), recipients or None)


class RetractingTests(StoreHarness):
    """`Retraction` entries."""

    async def test_only_the_unread_about_the_matter(self, store: FullStore) -> None:
        """Read rows and other matters stay; the unread become tombstones without content."""
        old, new = await fill(store, 2, about="card:12")
        (other,) = await fill(store, 1, about="card:13")
        await do(store, "read", ids=(old,))
        await store.append([retraction()])
        (applied,) = await settle(store)
        assert await ids(store) == [other, old]
        gone = (await rows(store))[new]
        assert (gone.deleted, gone.version, gone.content.texts, gone.kind) == (True, 5, {}, "")
        assert (applied.changes, [hint.version for hint in applied.hints]) == ((), [5])
        await audit(store)

    async def test_of_named_recipients(self, store: FullStore) -> None:
        """With recipients only their inboxes change."""
        await deliver(store, event(["anna", "ben"], about="card:12"))
        await store.append([retraction("anna", "nobody")])
        (applied,) = await settle(store)
        assert (await ids(store), len(await ids(store, "ben"))) == ([], 1)
        assert [hint.recipient for hint in applied.hints] == ["anna"]
        await audit(store, "anna", "ben")

    async def test_archived_and_unread_ones_too(self, store: FullStore) -> None:
        """An archived row that nobody read is withdrawn, and the counts stay right."""
        (name,) = await fill(store, 1, about="card:12")
        await do(store, "archive", ids=(name,))
        await store.append([retraction()])
        await settle(store)
        assert await ids(store, archived=True) == []
        await audit(store)

    async def test_in_the_order_of_the_outbox(self, store: FullStore) -> None:
        """In one batch, what comes before a retraction is withdrawn and what comes after is not."""
        before, after = event(about="card:12"), event(about="card:12")
        await store.append([before, retraction(), after])
        applied = await settle(store)
        assert await ids(store) == [after.id]
        assert (await read(store)).head == 3
        assert [hint.version for hint in applied[-1].hints] == [3]
        await audit(store)

    async def test_assign_1_2_1_with_retract(self, store: FullStore) -> None:
        """Given away and given back: the first assignee ends with one unread notification."""
        last = event("1", about="card:12")
        await store.append(
            [
                event("1", about="card:12"),
                retraction("1"),
                event("2", about="card:12"),
                retraction("2"),
                last,
            ]
        )
        await settle(store)
        assert (await ids(store, "1"), await ids(store, "2")) == ([last.id], [])
        await audit(store, "1", "2")

    async def test_g8_a_large_retraction_is_bounded(self, store: FullStore) -> None:
        """G8: a retraction from very many inboxes goes in steps, and what follows it waits."""
        recipients = [f"user-{n}" for n in range(50)]
        after = event(recipients[0], about="card:12")
        await deliver(store, event(recipients, about="card:12"))
        await store.append([retraction(), after])
        first = await store.apply(20)
        assert (len(first.hints), first.more) == (20, True)
        await settle(store)
        assert await ids(store, recipients[0]) == [after.id]
        assert await ids(store, recipients[-1]) == []
        await audit(store, *recipients)

    async def test_a_retraction_reaches_what_waits_in_the_bulk_lane(self, store: FullStore) -> None:
        """Withdrawn for all, or for some, before its turn came: it never arrives there."""
        many = [f"user-{n}" for n in range(1_700)]
        first, middle, last = many[0], many[800], many[-1]
        await store.append([event(many, about="card:12"), event(many, about="card:13")])
        await store.append([retraction(), Retraction("card:13", now_ms(), (first, last))])
        await settle(store)
        assert [len(await ids(store, who)) for who in (first, middle, last)] == [0, 1, 0]
        await audit(store, first, middle, last)

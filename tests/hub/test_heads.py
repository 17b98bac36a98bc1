"""What a node knows of inboxes without asking: when it may be believed, and what it holds."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from alimi.heads import Heads
from alimi.model import BulkChange, Changes, Content, Counts, Notification, cursor_tag
from tests.support.node import a_node

TAG = cursor_tag("epoch", "2")


def row(name: str, version: int, text: str = "") -> Notification:
    return Notification(name, version, version, version, "k", "c", Content({"en": text}), 0)


def changes(after: int | None, head: int, *rows: Any, **fields: Any) -> Changes:
    known = {"upto": head, "floor": 0, "seen_upto": 0, "seen_version": 0, "tag": TAG, **fields}
    return Changes(
        recipient="2", after=after, head=head, counts=Counts(head, head), items=rows, **known
    )


def followed(tail_bytes: int = 100_000, page: int = 100) -> Heads:
    heads = Heads(tail_bytes, page, lambda: 0)
    heads.begin("2")
    return heads


def learned(*found: Changes, **bounds: int) -> Heads:
    heads = followed(**bounds)
    for each in found:
        heads.learn(each, heads.get("2"))
    return heads


def versions(answer: Changes | None) -> list[int] | None:
    return None if answer is None else [item.version for item in answer.items]


def test_nothing_is_known_of_an_inbox_that_is_not_followed() -> None:
    """What is said of it is not kept."""
    heads = Heads(1_000, 10, lambda: 0)
    heads.deliver(changes(0, 1, row("a", 1)))
    heads.learn(changes(None, 1), None)
    assert heads.answer("2", None) is None
    assert len(heads) == 0


def test_nothing_is_known_before_the_first_read() -> None:
    """To follow is to hear what changes, not to know what was."""
    assert followed().answer("2", None) is None


def test_the_head_is_known_from_a_read() -> None:
    """G6: with the counts that belong to it."""
    heads = learned(changes(None, 7))
    for after in (None, 7):
        answer = heads.answer("2", after)
        assert answer is not None
        assert (answer.head, answer.upto, answer.counts) == (7, 7, Counts(7, 7))
        assert answer.items == ()
    assert heads.answer("2", 6) is None


def test_a_cursor_ahead_of_what_is_known_is_asked_of_the_store() -> None:
    """G5: the store may be further; only it may say that a cursor is none of its."""
    assert learned(changes(None, 7)).answer("2", 8) is None


def test_a_hint_beyond_the_head_makes_it_unknown() -> None:
    """G6: until a read has found what the hint spoke of."""
    heads = learned(changes(None, 7))
    assert heads.hear("2", 7)
    assert heads.answer("2", 7) is not None
    assert heads.hear("2", 9)
    assert heads.answer("2", 7) is None
    heads.learn(changes(7, 8, row("a", 8)), heads.get("2"))
    assert heads.answer("2", 8) is None, "a read from before that hint"
    heads.learn(changes(8, 9, row("b", 9)), heads.get("2"))
    assert versions(heads.answer("2", 7)) == [8, 9]


def test_what_was_delivered_needs_no_hint() -> None:
    """The open streams got it in the same turn: its hint sends nobody to the store."""
    heads = learned(changes(None, 7))
    heads.deliver(changes(7, 8, row("a", 8)))
    assert not heads.hear("2", 8)
    assert heads.hear("2", 9)


def test_a_read_from_before_the_following_is_not_believed() -> None:
    """G5: what happened between the two was not heard."""
    heads = learned(changes(None, 7))
    before = heads.get("2")
    heads.begin("2")
    heads.learn(changes(None, 7), before)
    assert heads.answer("2", None) is None


def test_a_doubt_makes_all_unknown_and_reads_under_way_worthless() -> None:
    """G9: after an interruption of the bus everything is learned anew."""
    heads = learned(changes(None, 7), changes(7, 8, row("a", 8)))
    before = heads.get("2")
    heads.doubt()
    heads.learn(changes(None, 8), before)
    assert heads.answer("2", 8) is None
    assert heads.size == 0


@pytest.mark.parametrize("head", [6, 8], ids=["restored", "missed"])
def test_another_head_in_the_store_makes_it_unknown(head: int) -> None:
    """G9: the position check finds what no hint told."""
    heads = learned(changes(None, 7))
    heads.check("2", 7)
    assert heads.answer("2", 7) is not None
    heads.check("2", head)
    assert heads.answer("2", 7) is None


def test_a_read_that_a_check_has_overtaken_is_not_believed() -> None:
    """G9: it began before a change whose hint was lost, and ended after the check that found it."""
    heads = followed()
    began = heads.get("2")
    heads.check("2", 8)
    heads.learn(changes(None, 7), began)
    assert heads.answer("2", 7) is None
    heads.learn(changes(7, 8, row("a", 8)), heads.get("2"))
    assert versions(heads.answer("2", 7)) == [8]


def test_another_tag_is_another_store() -> None:
    """G7: nothing known of the one is said of the other."""
    heads = learned(changes(None, 7), changes(7, 8, row("a", 8)))
    assert heads.belong_to("epoch")
    assert not heads.belong_to("another")
    heads.learn(changes(None, 3, tag="another"), heads.get("2"))
    answer = heads.answer("2", 3)
    assert answer is not None
    assert answer.tag == "another"
    assert heads.answer("2", 7) is None


def test_the_tail_says_a_row_once_in_its_latest_state() -> None:
    """As the store would: who missed both gets the second."""
    first, again = row("a", 8), row("a", 10)
    heads = learned(changes(None, 7), changes(7, 9, first, row("b", 9)), changes(9, 10, again))
    assert versions(heads.answer("2", 7)) == [9, 10]
    assert versions(heads.answer("2", 9)) == [10]
    assert versions(heads.answer("2", 6)) is None


def test_a_gap_begins_a_new_tail() -> None:
    """G5: what lies before it is not told without what lies in it."""
    heads = learned(changes(None, 7), changes(7, 8, row("a", 8)), changes(9, 10, row("b", 10)))
    assert heads.answer("2", 7) is None
    assert heads.answer("2", 8) is None
    assert versions(heads.answer("2", 9)) == [10]


@pytest.mark.parametrize(
    "partly",
    [
        changes(7, 9, BulkChange(9, 9, 300)),
        changes(7, 9, row("a", 8), upto=8, more=True),
        changes(7, 9, floor=8),
        changes(None, 9),
    ],
    ids=["bulk", "more", "floor", "head-only"],
)
def test_what_is_not_told_in_full_is_no_tail(partly: Changes) -> None:
    """G5: the head is known from it, the way there is not."""
    heads = learned(changes(None, 6), changes(6, 7, row("z", 7)), partly)
    assert versions(heads.answer("2", 9)) == []
    for after in (6, 7, 8):
        assert heads.answer("2", after) is None
    assert heads.size == 0


def test_the_tail_of_one_inbox_is_bounded_in_rows() -> None:
    """G8: the oldest version goes first, and goes whole."""
    found = [changes(0, 1, row("a", 1), row("b", 1)), changes(1, 2, row("c", 2))]
    heads = learned(*found, page=3)
    assert versions(heads.answer("2", 0)) == [1, 1, 2]
    heads.deliver(changes(2, 3, row("d", 3)))
    assert heads.answer("2", 0) is None
    assert versions(heads.answer("2", 1)) == [2, 3]


def test_all_tails_together_are_bounded_in_bytes() -> None:
    """G8: whose tail grew longest ago loses it; its head stays known; that is counted."""
    heads = Heads(tail_bytes=10_000, page=100, clock=lambda: 0)
    for recipient in ("1", "2", "3"):
        heads.begin(recipient)
        heads.deliver(
            Changes(recipient, TAG, 0, 1, 1, 0, 0, 0, Counts(), (row("a", 1, "x" * 4_000),))
        )
    assert 0 < heads.size <= 10_000
    assert heads.take_dropped() == 1
    assert heads.take_dropped() == 0
    assert heads.answer("1", 0) is None
    assert versions(heads.answer("1", 1)) == []
    assert versions(heads.answer("3", 0)) == [1]
    for recipient in ("1", "2", "3"):
        heads.forget(recipient)
    assert heads.size == 0


async def test_memory_answers_as_the_store_would(tmp_path: Path) -> None:
    """G5, G6: whatever happened, for every cursor that memory knows it says what the store says."""
    chance = random.Random(7)
    async with a_node(tmp_path) as node:
        heads = followed(page=12)
        answered = 0
        for _ in range(60):
            known = heads.answer("2", None)
            at = 0 if known is None else known.head
            match chance.randrange(4):
                case 0 | 1:
                    await node.notify("2", count=chance.randint(1, 3))
                case 2:
                    await node.mark("2", chance.choice(["read", "unread"]), upto=at)
                case 3:
                    await node.mark("2", chance.choice(["archive", "delete", "seen"]), upto=at // 2)
            after = None if chance.random() < 0.1 else at
            (found,) = await node.store.changes_after([("2", after)], 1_000)
            heads.learn(found, heads.get("2"))
            for cursor in range(found.head + 1):
                answer = heads.answer("2", cursor)
                if answer is not None:
                    answered += 1
                    assert [answer] == await node.store.changes_after([("2", cursor)], 1_000)
        assert answered > 100

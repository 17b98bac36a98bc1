"""How far the outbox is done with: nothing is passed over, nothing is looked at for ever."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alimi.stores.postgres.position import End, Position

Row = tuple[int, int]


class Outbox:
    """Transactions that write rows, commit in any order, and a relay that claims."""

    def __init__(self) -> None:
        self.next_txid = 100
        self.next_seq = 1
        self.running: dict[int, list[Row]] = {}
        self.rows: set[Row] = set()
        self.begun: dict[int, frozenset[int]] = {}
        self.committed: set[int] = set()

    def begin(self) -> None:
        self.begun[self.next_txid] = frozenset(self.committed)
        self.running[self.next_txid] = []
        self.next_txid += 1

    def write(self, txid: int) -> None:
        self.running[txid].append((txid, self.next_seq))
        self.next_seq += 1

    def commit(self, txid: int) -> None:
        self.rows.update(self.running.pop(txid))
        self.committed.add(txid)

    def seen_from(self, position: Position) -> Iterator[Row]:
        late = dict(position.late)
        for row in sorted(self.rows):
            if row > (position.txid, position.seq) or row[1] > late.get(row[0], row[1]):
                yield row

    def claim(self, position: Position, limit: int) -> tuple[list[Row], Position]:
        found = list(self.seen_from(position))
        taken = found[:limit]
        txid, seq = taken[-1] if taken else (None, None)
        running = tuple(sorted(self.running))
        end = End(len(found) > len(taken), txid, seq, self.next_txid, running)
        self.rows.difference_update(taken)
        return taken, position.after(end)


@given(st.integers(0, 2**32), st.integers(1, 4))
def test_g1_every_row_is_claimed_once_and_none_is_passed_over(seed: int, limit: int) -> None:
    """G1, G3: whoever commits how late, each row is claimed, and what began after comes after."""
    rng, outbox, position = random.Random(seed), Outbox(), Position()
    claimed: list[Row] = []
    for _ in range(60):
        verb = rng.choice(["begin", "write", "write", "commit", "claim", "claim"])
        if verb == "begin":
            outbox.begin()
        elif verb == "claim":
            taken, position = outbox.claim(position, limit)
            claimed += taken
        elif outbox.running:
            getattr(outbox, verb)(rng.choice(list(outbox.running)))
        assert set(outbox.rows) == set(outbox.seen_from(position))
    for txid in list(outbox.running):
        outbox.commit(txid)
    while outbox.rows:
        taken, position = outbox.claim(position, limit)
        assert taken
        claimed += taken
    assert len(claimed) == len(set(claimed)) == outbox.next_seq - 1
    places = {row: place for place, row in enumerate(claimed)}
    for earlier in claimed:
        for later in claimed:
            if earlier[0] in outbox.begun[later[0]]:
                assert places[earlier] < places[later]


def test_the_end_is_behind_all_that_was_seen() -> None:
    """A claim that found all there was leaves only transactions that it could not see."""
    end = End.read("false", "90", "7", "80:120:80,101")
    assert Position().after(end) == Position(119, 2**63 - 1, ((80, 0), (101, 0)))


def test_transactions_that_are_over_are_forgotten() -> None:
    """The late ones do not grow: they are the ones that ran when the claim looked."""
    position = Position(100, 5, ((80, 0), (90, 3)))
    assert position.after(End.read("true", "110", "9", "111:120:90,115")).late == ((90, 0),)
    assert position.after(End.read("true", "80", "2", "120:120:")).late == ((80, 2), (90, 3))


@pytest.mark.parametrize("txid", [None, "5000"])
def test_rows_of_another_life_do_not_move_the_bound(txid: str | None) -> None:
    """Rows that were restored bear another server's transactions; a bound from them would skip."""
    position = Position(100, 5)
    assert position.after(End.read("true", txid, txid, "120:120:")) == position

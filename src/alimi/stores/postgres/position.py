"""How far the outbox is done with, as one relay knows: the lower bound of its next claim.

Rows that were applied are dead, but as long as some old snapshot could still see them they stay in
the index, and a claim that begins at its start walks through all of them.  A high-water mark over
ids would skip them, and with them every transaction that got its id early and commits late.

So the bound is made of what a claim could see: everything up to a row of the outbox is done with,
but for the transactions that were not over then.  Those are few, and looked at one by one.  It is
kept in memory only, and each minute a claim goes without it.
"""

from __future__ import annotations

import msgspec

#: Behind all rows of a transaction.
_LAST = 2**63 - 1


class End(msgspec.Struct, frozen=True):
    """Where a claim ended: the last row that is done with, and whether more waits.

    `xmax` and `running` say which transactions it could not see: those from `xmax` on, and those.
    """

    more: bool
    txid: int | None
    seq: int | None
    xmax: int
    running: tuple[int, ...]

    @classmethod
    def read(cls, more: str, txid: str | None, seq: str | None, snapshot: str) -> End:
        """As `alimi_apply()` tells it; a snapshot is `xmin:xmax:running,running`."""
        _, xmax, running = snapshot.split(":")
        return cls(
            more == "true",
            None if txid is None else int(txid),
            None if seq is None else int(seq),
            int(xmax),
            tuple(int(each) for each in running.split(",") if each),
        )


class Position(msgspec.Struct, frozen=True):
    """Done with up to (`txid`, `seq`); of each transaction in `late` only up to its own seq."""

    txid: int = 0
    seq: int = 0
    late: tuple[tuple[int, int], ...] = ()

    def after(self, end: End) -> Position:
        """What the next claim has to look at, given where this one's ended."""
        if not end.more:  # all that could be seen is done with
            return Position(end.xmax - 1, _LAST, tuple((txid, 0) for txid in end.running))
        if end.txid is None or end.seq is None or end.txid >= end.xmax:
            return self  # nothing was taken, or rows that another server's transactions wrote
        if (end.txid, end.seq) > (self.txid, self.seq):
            late = tuple((txid, 0) for txid in end.running if txid < end.txid)
            return Position(end.txid, end.seq, late)
        return msgspec.structs.replace(self, late=tuple(self._left(end)))

    def _left(self, end: End) -> list[tuple[int, int]]:
        """The late ones that are still to come; rows go in the order of transactions."""
        left = []
        for txid, seq in self.late:
            if txid in end.running or txid > (end.txid or 0):
                left.append((txid, seq))
            elif txid == end.txid:
                left.append((txid, end.seq or 0))
        return left

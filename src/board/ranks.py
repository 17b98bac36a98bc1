"""Order with gaps: a move writes one row, and seldom all of a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

GAP = 2**16


class Ranked(Protocol):
    """What stands in an order: a card in its list, a list on the board."""

    rank: int


def place(item: Ranked, others: Sequence[Ranked], position: int | None) -> None:
    """Put `item` at `position` among `others`, which are in order; None is the end."""
    at = len(others) if position is None else min(position, len(others))
    if not _fits(item, others, at):
        for number, other in enumerate(others, start=1):
            other.rank = number * GAP
        _fits(item, others, at)


def _fits(item: Ranked, others: Sequence[Ranked], at: int) -> bool:
    low = others[at - 1].rank if at else 0
    high = others[at].rank if at < len(others) else low + 2 * GAP
    item.rank = (low + high) // 2
    return low < item.rank < high

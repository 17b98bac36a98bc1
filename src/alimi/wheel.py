"""A timer wheel of whole seconds: one tick for all, no timer for each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar


class Timed(Protocol):
    """What can be put on a wheel: remembers its tick, so that it can be taken off."""

    tick: int

    def __hash__(self) -> int: ...


T = TypeVar("T", bound=Timed)


class Wheel(Generic[T]):
    """Items by the second at which somebody has to look at them."""

    def __init__(self, now: float) -> None:
        self._slots: dict[int, set[T]] = {}
        self._tick = int(now)

    def __len__(self) -> int:
        return sum(map(len, self._slots.values()))

    def put(self, item: T, when: float) -> None:
        """Have it come up at `when`, at the earliest in the next second."""
        item.tick = max(int(when), self._tick + 1)
        self._slots.setdefault(item.tick, set()).add(item)

    def drop(self, item: T) -> None:
        """Take it off."""
        slot = self._slots.get(item.tick)
        if slot is not None:
            slot.discard(item)
            if not slot:
                del self._slots[item.tick]

    def turn(self, now: float) -> Iterator[T]:
        """Everything that has come up since the last turn; it is off the wheel then."""
        last, self._tick = self._tick, int(now)
        if self._tick - last > len(self._slots):
            ticks = sorted(tick for tick in self._slots if tick <= self._tick)
        else:
            ticks = list(range(last + 1, self._tick + 1))
        for tick in ticks:
            yield from tuple(self._slots.pop(tick, ()))

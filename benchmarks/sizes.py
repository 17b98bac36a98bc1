"""How much of everything a measure takes, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass

Figures = dict[str, float]


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    streams: int = 1_000
    events: int = 100
    burst: int = 100
    crowd: int = 19_000
    fired: int = 1_000
    durable: int = 50_000
    singles: int = 20_000
    posts: int = 10_000
    rate: int = 500
    seconds: float = 4
    storm: int = 10_000
    transactions: int = 4_000
    watch: float = 1.5
    listeners: int = 96
    kills: int = 10
    #: Between two position checks; as by default.
    check: float = 10

    @property
    def paced(self) -> int:
        """Events at the rate, as long as it is kept."""
        return int(self.rate * self.seconds)


TINY = Size(
    streams=10, events=3, burst=10, crowd=20, fired=10, durable=2_000, singles=200, posts=50,
    rate=100, seconds=0.2, storm=20, transactions=64, watch=0.02, listeners=2, kills=1, check=0.5,
)  # fmt: skip


def percentiles(since: str, waits: list[float]) -> Figures:
    """The middle and the worst of a hundred, in milliseconds."""
    ordered = sorted(wait * 1_000 for wait in waits)
    return {
        f"{since} to bytes, p50, ms": ordered[len(ordered) // 2],
        f"{since} to bytes, p99, ms": ordered[len(ordered) * 99 // 100],
    }

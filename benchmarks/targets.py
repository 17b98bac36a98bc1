"""What was aimed at, and whether this run reached it."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.entrants import ALIMI
from benchmarks.results import Results, Spread, spread

_FAN, _SMALL, _LARGE, _DURABLE = "fan-out", "small crowd", "large crowd", "durable"
_B1, _B2 = "B1 deliveries per CPU-second", "B2 deliveries per CPU-second"
_B3 = "B3 CPU per event to one of them, µs"
_B4 = "B4 KB resident per idle stream"


@dataclass(frozen=True)
class Target:
    """A bound for one of Alimi's figures, or for its ratio to `over` (measure, figure, entrant)."""

    text: str
    measure: str
    figure: str
    bound: float
    at_most: bool = False
    over: tuple[str, str, str] | None = None

    def reached(self, results: Results) -> Spread | None:
        """The figure or the ratio; None when one side of it was not measured."""
        mine = (self.measure, self.figure, ALIMI.name)
        if self.over is not None:
            return results.ratio(mine, self.over)
        return spread(results.of(*mine))

    def met(self, median: float) -> bool:
        """Whether a median is good enough."""
        return median <= self.bound if self.at_most else median >= self.bound


def _beside(peer: str, bound: float) -> Target:
    return Target(f"B1 beside {peer}", _FAN, _B1, bound, over=(_FAN, _B1, peer))


def _per_second(text: str, figure: str, bound: float) -> Target:
    return Target(f"B5 {text}, per second", _DURABLE, f"B5 {figure}", bound)


def _ratio(statements: str, bound: float) -> Target:
    figure = f"C1 of {statements} statement{'s' * (statements != 'one')}, ratio to those without"
    return Target(figure, "transactions", figure, bound)


def _across(figure: str, bound: float) -> Target:
    return Target(figure, "across nodes", figure, bound, at_most=True)


def _unconcerned(bus: str) -> Target:
    """Ten times the traffic of others, at a node that it does not concern."""
    figure = f"C3 {bus}, 4 nodes, {{}} events/s: CPU of a bystander, ms/s"
    return Target(
        f"C3 {bus}, a bystander at 1,000 foreign events/s beside 100", "foreign events",
        figure.format(1_000), 1.5, at_most=True,
        over=("foreign events", figure.format(100), ALIMI.name),
    )  # fmt: skip


def _latency(figure: str, bound: float) -> Target:
    return Target(figure, "latency", figure, bound, at_most=True)


TARGETS = (
    _beside("floor in C", 0.65),
    _beside("nginx + Nchan", 1.5),
    _beside("NestJS", 5),
    _beside("FastAPI + sse-starlette", 8),
    Target("B2 beside B1", _FAN, _B2, 5, over=(_FAN, _B1, ALIMI.name)),
    Target("B2 readers that fell behind", _FAN, "B2 readers that fell behind", 0, at_most=True),
    Target(
        "B3 CPU per event, large beside small crowd", _LARGE, _B3, 1.1, at_most=True,
        over=(_SMALL, _B3, ALIMI.name),
    ),
    Target("B4 KB per idle stream, small crowd", _SMALL, _B4, 4, at_most=True),
    Target("B4 KB per idle stream, large crowd", _LARGE, _B4, 4, at_most=True),
    _per_second("in batches", "8 producers, batches of 1,000 events, per second", 40_000),
    _per_second("single notify()", "single notify(), 200 producers, recorded per second", 5_000),
    _per_second("over HTTP", "over HTTP, one a request, one core, per second", 3_000),
    _latency("B6 commit to bytes, p50, ms", 3),
    _latency("B6 commit to bytes, p99, ms", 15),
    Target(
        "B7 store reads, nothing missed", "reconnect", "B7 nothing missed: store reads", 0,
        at_most=True,
    ),
    Target(
        "C1 in batches, per second", "postgres",
        "C1 8 producers, batches of 1,000 events, per second", 25_000,
    ),
    _ratio("one", 0.7), _ratio("five", 0.9),
    *(
        _across(f"C2 {bus}, two nodes, commit to bytes, {figure}, ms", bound)
        for bus in ("postgres", "nats", "valkey") for figure, bound in (("p50", 5), ("p99", 25))
    ),
    _unconcerned("nats"), _unconcerned("valkey"),
    Target(
        "C4 committed, not relayed, p99, ms", "failover",
        "C4 committed, not relayed, kill to bytes, p99, ms", 2_000, at_most=True,
    ),
)  # fmt: skip

"""One chaos round from beginning to end, and what it found."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from alimi.testing.checker import Figures, Finding
from tests.chaos.cluster import BusName, Cluster, a_cluster
from tests.chaos.crowd import PATIENCE, SEVERAL, Crowd
from tests.chaos.storm import Storm

#: Events acknowledged between two faults, at least; a long round has about so many faults.
BETWEEN, FAULTS = 60, 50


class Plan(msgspec.Struct, frozen=True):
    """What is done; the same seed makes the same faults in the same order.

    `faults` None is all of them, again and again until `events` were acknowledged.
    """

    bus: BusName
    seed: int
    events: int
    faults: Sequence[str] | None = None
    nodes: int = 2
    people: int = 6
    workers: int = 6
    several: int = SEVERAL
    #: Something of `tests.chaos.breakages` that the checker has to find.
    breakage: str | None = None
    #: Nodes give up earlier, so that it takes less time to freeze what they wait for.
    short_timeouts: bool = False
    patience: float = PATIENCE


class Report(msgspec.Struct, frozen=True):
    """What was found, and how much was compared."""

    findings: list[Finding]
    figures: Figures
    faults: list[str]
    resets: int
    connections: int
    logs: str


def _say_nothing(line: str) -> None:
    del line


async def run(folder: Path, plan: Plan, say: Callable[[str], None] = _say_nothing) -> Report:
    """Work under faults, heal everything, wait until all is quiet, compare."""
    config = {
        "unreliable": plan.seed, "breakage": plan.breakage, "short_timeouts": plan.short_timeouts,
    }  # fmt: skip
    async with a_cluster(folder, plan.bus, nodes=plan.nodes, seed=plan.seed, **config) as cluster:
        storm = Storm(cluster, plan.seed, is_short=plan.short_timeouts)
        crowd = Crowd(
            cluster, f"{plan.bus}-{plan.seed}", plan.seed,
            people=plan.people, workers=plan.workers, several=plan.several,
            patience=plan.patience,
        )  # fmt: skip
        async with crowd:
            between = max(BETWEEN, plan.events // FAULTS) if plan.faults is None else BETWEEN
            crowd.begin()
            await crowd.until_acknowledged(between)
            for name in _faults(storm, plan):
                if plan.faults is None and crowd.checker.acknowledged >= plan.events:
                    break
                say(f"{crowd.checker.acknowledged} acknowledged; {name}")
                await storm.strike(name)
                await crowd.until_acknowledged(crowd.checker.acknowledged + between)
            await crowd.until_acknowledged(plan.events)
            say(f"{crowd.checker.acknowledged} acknowledged; all is healed, comparing")
            await crowd.calm_down()
            findings = await crowd.judge() + _left_behind(cluster)
        return Report(
            findings,
            crowd.checker.figures(),
            storm.done,
            crowd.resets,
            sum(page.connections for page in crowd.pages),
            cluster.logs(),
        )


def _left_behind(cluster: Cluster) -> list[Finding]:
    """What is neither in an inbox nor on its way there; the database itself is asked."""
    waiting = cluster.column("SELECT type || ' ' || event_id FROM alimi_outbox")
    dead = cluster.column("SELECT error FROM alimi_dead_letters")
    drift = cluster.column(
        "SELECT i.recipient FROM alimi_inboxes i WHERE i.unread <> (SELECT count(*) FROM "
        "alimi_notifications n WHERE n.recipient = i.recipient AND n.read_at IS NULL "
        "AND n.archived_at IS NULL AND n.deleted_at IS NULL)"
    )
    found = [Finding("lost", "-", f"{each} waits in the outbox for ever") for each in waiting]
    found += [Finding("lost", "-", f"a dead letter: {each}") for each in dead]
    return found + [
        Finding("miscounted", each, "its badge differs from its rows") for each in drift
    ]


def _faults(storm: Storm, plan: Plan) -> itertools.chain[str] | Sequence[str]:
    if plan.faults is not None:
        return plan.faults
    return itertools.chain.from_iterable(storm.order() for _ in itertools.count())

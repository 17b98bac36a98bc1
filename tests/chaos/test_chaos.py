"""Several nodes, PostgreSQL and each bus, while everything dies in turn: the short form.

The long one is `python -m tests.chaos`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from alimi.carrier import Patience
from alimi.stores.postgres import connections, target
from tests.chaos.breakages import BREAKAGES
from tests.chaos.crowd import ANSWER
from tests.chaos.round import Plan, run
from tests.chaos.storm import FAULTS, frozen_for

EVENTS = 1_000
PLANS = [
    Plan("nats", 1, EVENTS, [
        "kill a node in the middle of a batch", "kill the bus", "stop PostgreSQL at once",
        "slow down a node's bus", "cut a node off its database", "refuse what is applied",
    ], short_timeouts=True),
    Plan("valkey", 2, EVENTS, [
        "kill a node", "freeze the bus", "kill a backend of PostgreSQL", "cut a node off its bus",
        "refuse what is recorded",
    ], short_timeouts=True),
    Plan("postgres", 3, EVENTS, [
        "freeze PostgreSQL", "slow down a node's database", "cut a node off its bus",
        "freeze a node",
    ], short_timeouts=True),
]  # fmt: skip

#: Which problems a breakage makes, one of which has to be found, and under which faults.
FOUND: dict[str, tuple[set[str], list[str]]] = {
    "acknowledge_before_commit": ({"lost"}, ["refuse what is recorded"]),
    "publish_before_commit": ({"undone"}, []),
    "lock_after_the_snapshot": ({"miscounted", "apart", "lost", "disorder"}, []),
    "forget_the_position_check": ({"lost", "apart"}, []),
    "head_as_the_id_of_hello": ({"disorder", "lost"}, []),
}  # fmt: skip


def test_every_fault_strikes_in_the_short_form() -> None:
    """What only the long form does, no change would be tested against."""
    assert {name for plan in PLANS for name in plan.faults or ()} == FAULTS.keys()


def test_what_is_frozen_stays_so_for_longer_than_anybody_waits() -> None:
    """The longest that are known by name; and the short form is over soon."""
    assert frozen_for(is_short=False) > connections.STATEMENT_SECONDS > target.CONNECT_SECONDS
    assert frozen_for(is_short=False) > Patience().confirm_all
    assert ANSWER < frozen_for(is_short=True) < 10


@pytest.mark.timeout(240)
@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.bus)
async def test_nothing_is_lost_when_things_die(
    tmp_path: Path, plan: Plan, tell: Callable[[str], None]
) -> None:
    """G1 to G6 and G9: zero lost, doubled, out of order or miscounted, whatever dies meanwhile."""
    report = await run(tmp_path, plan)
    tell(f"{plan.bus}: {json.dumps(msgspec.structs.asdict(report.figures))}")
    assert report.findings == [], "\n".join(map(str, report.findings[:20])) + report.logs
    assert report.figures.acknowledged >= EVENTS
    assert report.figures.rolled_back > 0


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", BREAKAGES)
async def test_the_checker_finds_what_is_broken_on_purpose(tmp_path: Path, name: str) -> None:
    """A suite that cannot fail proves nothing: each breakage is found, and by its own problems."""
    problems, faults = FOUND[name]
    broken = Plan(
        "nats", 4, 300, faults, people=3, workers=6, breakage=name, patience=4,
    )  # fmt: skip
    report = await run(tmp_path, broken)
    assert problems & {finding.problem for finding in report.findings}, report.findings

"""Compares what producers were told with what consumers saw.

A producer gives each event a name of its own before it asks, as the answer may never come, and
notes the outcome: acknowledged, rolled back, or unknown.  A consumer notes what its page saw.  In
the end `check` looks at the inboxes and says what was lost, doubled in view, out of order, wrongly
delivered or counted wrong.  An unknown event may be there or not, but the stream and the inbox must
agree about it.

    checker = Checker()
    fate = checker.asks("e1", to=["2"])
    ...
    checker.told(fate)

What one connection tells is judged at once, with each call of `saw`, `changed` and `stands`: its
versions rise, it tells no row twice in one version, and none as new twice.  Another connection may
begin before the place where the last one ended, so it may tell again what was told before: also a
row that has changed since, as new in its new version.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import Literal

import msgspec

Outcome = Literal["unknown", "acknowledged", "rolled back"]
Problem = Literal["lost", "doubled", "undone", "disorder", "misdelivered", "miscounted", "apart"]


class Fate(msgspec.Struct):
    """What a producer knows of one event; `asked` and `told` are moments of one counter."""

    name: str
    recipients: tuple[str, ...]
    asked: int
    told: int | None = None
    outcome: Outcome = "unknown"
    #: A rule of the application (retract, expiry) may take it away again, or has.
    withdrawn: bool = False


class Sighting(msgspec.Struct, frozen=True):
    """A notification that a stream showed as new; connection 0: that a page of the inbox held."""

    name: str
    id: str
    version: int
    connection: int


class Consumer(msgspec.Struct):
    """What one page noted: everything its streams showed, and what it shows in the end."""

    recipient: str
    label: str = ""
    connection: int = 0
    sightings: list[Sighting] = []
    #: Names of the rows that the page shows in the end, its badge, and what it complained about.
    shows: Sequence[str] = ()
    unread: int = 0
    unseen: int = 0
    complaints: Sequence[str] = ()
    #: What a connection has told that it must not.
    broken: list[tuple[Problem, str]] = []
    _version: int = 0
    #: Rows that the connection has told in its last version, and all that it told as new.
    _told: set[str] = set()
    _new: set[str] = set()

    def connects(self) -> None:
        """Another connection begins."""
        self.connection += 1
        self.resets()

    def resets(self) -> None:
        """The stream said `reset`: what it tells from here on has nothing to do with before."""
        self._version = 0
        self._told.clear()
        self._new.clear()

    def saw(self, name: str, id: str, version: int) -> None:
        """A new notification came; replays of it on later connections are noted as well."""
        if id in self._new:
            self._break("doubled", f"one connection told {name} as new twice")
        self._new.add(id)
        self._tell(id, version)
        self.sightings.append(Sighting(name, id, version, self.connection))

    def changed(self, id: str, version: int) -> None:
        """The stream said that this row has another state, or is gone."""
        self._tell(id, version)

    def stands(self, version: int) -> None:
        """An `id:` came; the version is its second part."""
        if version < self._version:
            self._break("disorder", f"one connection fell from {self._version} to {version}")
        if version != self._version:
            self._told.clear()
        self._version = version

    def loaded(self, name: str, id: str, version: int) -> None:
        """A page of the inbox held this notification, in whatever order."""
        self.sightings.append(Sighting(name, id, version, 0))

    def ends(self, shows: Iterable[str], unread: int, unseen: int) -> None:
        """What the page shows when all is quiet."""
        self.shows, self.unread, self.unseen = tuple(shows), unread, unseen

    def _tell(self, id: str, version: int) -> None:
        self.stands(version)
        if id in self._told:
            self._break("doubled", f"one connection told {id} twice in version {version}")
        self._told.add(id)

    def _break(self, problem: Problem, what: str) -> None:
        self.broken.append((problem, what))


class Row(msgspec.Struct, frozen=True):
    """One row of an inbox as the API tells it."""

    name: str
    id: str
    read: bool = False
    seen: bool = False


class Truth(msgspec.Struct, frozen=True):
    """One inbox as the API tells it when all is quiet: newest first, and its counts."""

    rows: Sequence[Row]
    unread: int
    unseen: int


class Finding(msgspec.Struct, frozen=True):
    """One broken promise."""

    problem: Problem
    recipient: str
    what: str

    def __str__(self) -> str:
        return f"{self.problem}: {self.what} (recipient {self.recipient})"


class Figures(msgspec.Struct):
    """How much was compared, and what was wrong."""

    acknowledged: int = 0
    rolled_back: int = 0
    unknown: int = 0
    seen: int = 0
    lost: int = 0
    doubled: int = 0


class Checker:
    """Collects what was said, and judges in the end."""

    def __init__(self) -> None:
        self.fates: dict[str, Fate] = {}
        self.consumers: list[Consumer] = []
        self.findings: list[Finding] = []
        self._moment = count(1)

    def asks(self, name: str, to: Iterable[str]) -> Fate:
        """A producer is about to send the event that it calls `name`."""
        fate = self.fates[name] = Fate(name, tuple(dict.fromkeys(to)), next(self._moment))
        return fate

    def told(self, fate: Fate, outcome: Outcome = "acknowledged") -> None:
        """The producer has heard what became of it."""
        fate.outcome, fate.told = outcome, next(self._moment)

    def never_sent(self, name: str) -> None:
        """Nobody listened: the event called `name` cannot have happened and is not counted."""
        self.fates.pop(name, None)

    def consumer(self, recipient: str, label: str = "") -> Consumer:
        """A page of one recipient that follows from before the first event."""
        consumer = Consumer(recipient, label or f"page {len(self.consumers) + 1}")
        self.consumers.append(consumer)
        return consumer

    def check(self, inboxes: Mapping[str, Truth]) -> list[Finding]:
        """Everything that is wrong; `inboxes` are those of all recipients, in full."""
        self.findings = []
        for recipient, truth in inboxes.items():
            self._check_inbox(recipient, truth)
            self._check_order(recipient, truth)
        for consumer in self.consumers:
            self._check_consumer(consumer, inboxes[consumer.recipient])
        return self.findings

    def figures(self) -> Figures:
        """For a report."""
        outcomes = [fate.outcome for fate in self.fates.values()]
        problems = [finding.problem for finding in self.findings]
        return Figures(
            acknowledged=outcomes.count("acknowledged"),
            rolled_back=outcomes.count("rolled back"),
            unknown=outcomes.count("unknown"),
            seen=sum(len({seen.id for seen in each.sightings}) for each in self.consumers),
            lost=problems.count("lost"),
            doubled=problems.count("doubled"),
        )

    def _find(self, problem: Problem, recipient: str, what: str) -> None:
        self.findings.append(Finding(problem, recipient, what))

    def _must_stay(self, recipient: str) -> set[str]:
        return {
            fate.name
            for fate in self.fates.values()
            if fate.outcome == "acknowledged" and recipient in fate.recipients
            if not fate.withdrawn
        }

    def _check_inbox(self, recipient: str, truth: Truth) -> None:
        names = [row.name for row in truth.rows]
        for name in self._must_stay(recipient) - set(names):
            self._find("lost", recipient, f"{name} was acknowledged and is not in the inbox")
        for name in sorted(name for name, times in Counter(names).items() if times > 1):
            self._find("doubled", recipient, f"{name} is in the inbox more than once")
        for name in names:
            self._check_right(recipient, name, "is in the inbox")
        unread = sum(not row.read for row in truth.rows)
        unseen = sum(not row.seen for row in truth.rows)
        if (truth.unread, truth.unseen) != (unread, unseen):
            told = f"{truth.unread} unread and {truth.unseen} unseen"
            self._find("miscounted", recipient, f"{told}, but the rows say {unread} and {unseen}")

    def _check_right(self, recipient: str, name: str, where: str) -> None:
        """Whether this event may have come to this recipient at all."""
        fate = self.fates.get(name)
        if fate is None or recipient not in fate.recipients:
            self._find("misdelivered", recipient, f"{name} {where}, but was not for them")
        elif fate.outcome == "rolled back":
            self._find("undone", recipient, f"{name} {where}, but was rolled back")

    def _check_order(self, recipient: str, truth: Truth) -> None:
        """What was acknowledged before another was asked for comes before it (G3)."""
        rising = [self.fates[row.name] for row in reversed(truth.rows) if row.name in self.fates]
        latest_asked = 0
        for fate in rising:
            if fate.told is not None and fate.told < latest_asked:
                self._find("disorder", recipient, f"{fate.name} came after one that began later")
            latest_asked = max(latest_asked, fate.asked)

    def _check_consumer(self, consumer: Consumer, truth: Truth) -> None:
        recipient, label = consumer.recipient, consumer.label
        names = {seen.name for seen in consumer.sightings}
        for name in self._must_stay(recipient) - names:
            self._find("lost", recipient, f"{label} never saw {name}, which was acknowledged")
        for name in names:
            self._check_right(recipient, name, f"was seen by {label}")
        self._check_ids(consumer, truth)
        if sorted(consumer.shows) != sorted(row.name for row in truth.rows):
            shown, held = set(consumer.shows), {row.name for row in truth.rows}
            apart = (
                f"only {label} shows {sorted(shown - held)}, only the inbox {sorted(held - shown)}"
            )
            self._find("apart", recipient, apart)
        if (consumer.unread, consumer.unseen) != (truth.unread, truth.unseen):
            self._find(
                "miscounted",
                recipient,
                f"{label} shows {consumer.unread} unread and {consumer.unseen} unseen, "
                f"the inbox has {truth.unread} and {truth.unseen}",
            )
        for problem, what in consumer.broken:
            self._find(problem, recipient, f"{label}: {what}")
        for complaint in consumer.complaints:
            self._find("disorder", recipient, f"{label}: {complaint}")

    def _check_ids(self, consumer: Consumer, truth: Truth) -> None:
        """One event is one notification (G4), the same on a stream as in the inbox."""
        recipient, label = consumer.recipient, consumer.label
        held: dict[str, set[str]] = {}
        for row in truth.rows:
            held.setdefault(row.name, set()).add(row.id)
        seen: dict[str, set[str]] = {}
        for each in consumer.sightings:
            seen.setdefault(each.name, set()).add(each.id)
        for name, ids in seen.items():
            if len(ids) > 1:
                self._find("doubled", recipient, f"{label} saw {name} as {len(ids)} notifications")
            strange = sorted(ids - held.get(name, ids))
            if strange:
                own = sorted(held[name])
                self._find("apart", recipient, f"{label} saw {name} as {strange}, it is {own}")

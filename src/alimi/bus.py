"""The contract of a bus: how nodes tell each other.

A bus may lose, repeat and reorder; nothing but latency depends on it (G9).  It carries hints,
signals and hang-ups, each for one recipient, never content.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from alimi.model import BusMessage


class Bus(Protocol):
    """Three verbs, and a life.

    No verb waits for long or raises because a server is away: streams open and work without a bus,
    and hear of other nodes' news from the position check.
    """

    @property
    def trouble(self) -> str | None:
        """What keeps it from working now, for an operator; None when it works."""

    async def open(self, deliver: Callable[[BusMessage], None], lost: Callable[[], None]) -> None:
        """Connect.  `deliver` is called on the running loop for what concerns followed recipients.

        `lost` is called after any interruption, once all that is followed is heard again, and from
        time to time while it lasts: what this node remembers of inboxes is then stale.  It is also
        called when another node could not say all that it had to.
        """

    async def close(self) -> None:
        """Let go; nothing is delivered afterwards."""

    async def publish(self, messages: Sequence[BusMessage]) -> None:
        """Tell the other nodes; also delivered to this one where it follows the recipient.

        What cannot be sent is dropped and counted, and those it was for are told to look.
        """

    async def follow(self, recipients: Collection[str]) -> None:
        """Hear what concerns them; returns when that is certain, so a later read misses nothing.

        During an outage it returns after a bounded wait, and `lost` follows when it is over.
        """

    def unfollow(self, recipients: Collection[str]) -> None:
        """Hear it no longer; takes effect soon."""

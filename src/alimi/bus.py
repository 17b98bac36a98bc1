"""The contract of a bus: how nodes tell each other.

A bus may lose, repeat and reorder; nothing but latency depends on it (G9).  It carries hints,
signals and hang-ups, each for one recipient, never content.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from alimi.model import BusMessage


class Bus(Protocol):
    """Three verbs, and a life."""

    async def open(self, deliver: Callable[[BusMessage], None], lost: Callable[[], None]) -> None:
        """Connect.  `deliver` is called on the running loop for what concerns followed recipients.

        `lost` is called after any interruption: what this node remembers of inboxes is then stale.
        """

    async def close(self) -> None:
        """Let go; nothing is delivered afterwards."""

    async def publish(self, messages: Sequence[BusMessage]) -> None:
        """Tell the other nodes; also delivered to this one where it follows the recipient."""

    async def follow(self, recipients: Collection[str]) -> None:
        """Hear what concerns them; returns when that is certain, so a later read misses nothing."""

    def unfollow(self, recipients: Collection[str]) -> None:
        """Hear it no longer; takes effect soon."""

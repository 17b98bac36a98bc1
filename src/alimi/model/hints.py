"""What nodes tell each other over a bus, each addressed to one recipient."""

from __future__ import annotations

from typing import Any

import msgspec


class Hint(msgspec.Struct, frozen=True, gc=False, tag="hint"):
    """This inbox has reached this version; carries no content (G9)."""

    recipient: str
    version: int


class HangUp(msgspec.Struct, frozen=True, tag="hangup"):
    """End the recipient's streams; with `session`, only those of that login."""

    recipient: str
    session: str | None = None


class SignalTo(msgspec.Struct, frozen=True, tag="signal"):
    """A signal for one recipient, on the bus."""

    recipient: str
    name: str
    data: Any = None


#: What a bus carries, each addressed to one recipient.
BusMessage = Hint | SignalTo | HangUp

"""A bus message as bytes, where the channel already says whose it is.

A few bytes of JSON, which any tool that listens on the server can show: `["h",41]` is a hint,
`["s","board.changed",{"card":12}]` a signal, `["x"]` a hang-up, `["l"]` asks every node to look at
the store, because something was not sent.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from alimi.model import BusMessage, HangUp, Hint, SignalTo

Version = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Look(msgspec.Struct, frozen=True, array_like=True, tag="l"):
    """To every node: hints were lost, compare positions."""


class _Hint(msgspec.Struct, frozen=True, array_like=True, tag="h"):
    version: Version


class _Signal(msgspec.Struct, frozen=True, array_like=True, tag="s"):
    name: str
    data: Any = None


class _HangUp(msgspec.Struct, frozen=True, array_like=True, tag="x"):
    session: str | None = None


Said = BusMessage | Look

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Hint | _Signal | _HangUp | Look).decode
LOOK = _encode(Look())


def encode(message: BusMessage) -> bytes:
    """What the recipient's channel carries."""
    if isinstance(message, Hint):
        return _encode(_Hint(message.version))
    if isinstance(message, SignalTo):
        return _encode(_Signal(message.name, message.data))
    return _encode(_HangUp(message.session))


def decode(recipient: str, body: bytes) -> Said | None:
    """The other way; None for what is none of ours, or of a newer version."""
    try:
        told: _Hint | _Signal | _HangUp | Look = _decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    if isinstance(told, _Hint):
        return Hint(recipient, told.version)
    if isinstance(told, _Signal):
        return SignalTo(recipient, told.name, told.data)
    if isinstance(told, _HangUp):
        return HangUp(recipient, told.session)
    return told

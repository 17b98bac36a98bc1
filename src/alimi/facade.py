"""class Alimi: what an application holds.  Ties one store, one bus, a hub and a relay together."""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar, Unpack

import msgspec

from alimi import backends
from alimi.errors import (
    ConfigurationError,
    InvalidInput,
    KeyConflict,
    StoreError,
    WithinMissing,
)
from alimi.hub import Again, Hub
from alimi.inbox import Inbox
from alimi.kinds import EventParts, Kind
from alimi.metrics import Metrics
from alimi.model import (
    MAX_KEY,
    BusMessage,
    Entry,
    Event,
    HangUp,
    Identity,
    Receipt,
    Retraction,
    Signal,
    SignalTo,
    bounded_text,
    normalise_recipient,
    normalise_recipients,
    now_ms,
)
from alimi.runtime import Runtime
from alimi.runtimes import Runtimes
from alimi.settings import LIMITS, Settings
from alimi.streams import StreamResponse
from alimi.vitals import Health

logger = logging.getLogger("alimi")

Who = Callable[[Any], Any]
ASGIApp = Callable[..., Awaitable[None]]
P = ParamSpec("P")
R = TypeVar("R")

#: A signal is a hint to refetch, not a carrier of content.
MAX_SIGNAL = 1_024
#: Each recipient of a signal is looked for on every node.
MAX_SIGNAL_RECIPIENTS = 10_000
MAX_NAME = 100
_FLUSH_INSIDE = "You hold an open write transaction on this database: commit first, then flush."
_MARK_INSIDE = (
    "You hold an open write transaction on this database, and a mark cannot join it: commit first."
)
_RECORD_ALONE = (
    "What is recorded is one INSERT in a transaction of yours: pass it as within=."
    "  Without one, await notify(), signal() or retract()."
)
_START_INSIDE = (
    "You hold an open write transaction on this database, and Alimi has to write when it starts:"
    " await alimi.start() before, or commit first."
)


def _demands_within(record: Callable[P, R]) -> Callable[P, R]:
    """Who left `within` away is told what it is for; a type checker has said so before."""

    @wraps(record)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        if kwargs.get("within") is None:
            raise WithinMissing(_RECORD_ALONE)
        return record(*args, **kwargs)

    return checked


class Alimi:
    """Notifications for the users of one application.

    `database` is the application's SQLAlchemy engine (sync or async), a URL such as
    `sqlite:///app.db`, or a path.  A SQLite engine is prepared: its transactions begin with
    BEGIN IMMEDIATE from now on (see `alimi.contrib.sqlalchemy.prepare`).

    Nothing starts here.  The first use on a running event loop does, or `lifespan`, or `start()`.
    One Alimi may be used on several event loops in turn.
    """

    def __init__(
        self, database: Any, *, bus: str | None = None, settings: Settings | None = None
    ) -> None:
        self.settings = _checked(settings)
        self.metrics = Metrics()
        self.kinds: dict[str, Kind] = {}
        self._database = database
        self._engine = backends.engine_adapter(database)
        self._bus = backends.bus_factory(bus, database, self.metrics)
        self.store = backends.open_store(database, self.settings)
        self._runtimes = Runtimes(self._start, partial(self._refuse_own_transaction, _START_INSIDE))
        if self._engine is not None:
            self._engine.on_commit(database, self._runtimes.watch)

    # -- kinds and events ---------------------------------------------------------------------

    def kind(
        self,
        name: str,
        *,
        category: str,
        text: Mapping[str, str],
        url: str | None = None,
        notify_actor: bool = False,
        expires_in: float | None = None,
    ) -> BoundKind:
        """Register a kind of notification.

        `text` maps locales to sentences, the first is the default; `{object.name}`, `{data.count}`
        and the like are filled when an event is recorded, also in `url`.  `expires_in`: seconds.
        Raises InvalidKind for a bad name or text, InvalidInput for a name that is taken.
        """
        kind = Kind(
            name, category=category, texts=text, url=url,
            notify_actor=notify_actor, expires_in=expires_in,
        )  # fmt: skip
        known = self.kinds.setdefault(name, kind)
        if known != kind:
            raise InvalidInput(f"the kind {name} is already registered with another content")
        return BoundKind(self, kind)

    async def append(self, events: Sequence[Event]) -> list[Receipt]:
        """Record finished events; durable when it returns (G1).

        A receipt says `repeated` for a key used before and `conflict` when it was used for another
        body, of which nothing is recorded.  Raises InvalidInput for what is no list of events,
        WithinMissing, StoreFull or StoreBusy.
        """
        _demand_events(events)
        return await self._write(events, None)

    async def retract(self, about: str, *, to: object = None, within: Any = None) -> None:
        """Withdraw what is still unread about a matter, from `to` or from everybody."""
        await self._write([_retraction(about, to)], within)

    @_demands_within
    def record_retract(self, about: str, *, within: Any, to: object = None) -> None:
        """`retract` for synchronous code."""
        self._write_sync([_retraction(about, to)], within)

    async def signal(self, to: object, name: str, data: Any = None, *, within: Any = None) -> None:
        """Tell open streams of `to` something transient, at most once; never stored.

        With `within`, strictly after that transaction's commit.  `data` is at most 1 KB of JSON.
        """
        signal = _signal(to, name, data)
        if within is not None:
            await self._write([signal], within)
            return
        await self._publish([SignalTo(to, name, signal.data) for to in signal.recipients])

    @_demands_within
    def record_signal(self, to: object, name: str, data: Any = None, *, within: Any) -> None:
        """`signal` for synchronous code."""
        self._write_sync([_signal(to, name, data)], within)

    async def end_streams(self, recipient: object, session: str | None = None) -> None:
        """Hang up: end the recipient's streams on every node, or only those of one session.

        `session` is the one of their Identity.  Raises InvalidInput.
        """
        named: object = session
        if named is not None and not isinstance(named, str):
            raise InvalidInput(f"session is the str of an Identity, not {type(named).__name__}")
        await self._publish([HangUp(normalise_recipient(recipient), session)])

    def inbox(self, recipient: object) -> Inbox:
        """One recipient's inbox, for reading and marking from Python."""
        guard = partial(self._refuse_own_transaction, _MARK_INSIDE)
        return Inbox(normalise_recipient(recipient), self.store, self._ready, self._publish, guard)

    async def flush(self) -> None:
        """Wait until everything recorded so far is in the inboxes; for scripts and tests.

        Raises WithinMissing inside one's own write transaction: it would wait for itself.
        """
        self._refuse_own_transaction(_FLUSH_INSIDE)
        await (await self._runtimes.here()).relay.flush()

    # -- over HTTP ----------------------------------------------------------------------------

    def asgi(
        self,
        who: Who,
        *,
        origins: Sequence[str] = (),
        api_keys: Sequence[str] = (),
        metrics: bool = False,
    ) -> ASGIApp:
        """The ASGI application to mount: inbox API, stream, bell.

        `who(request)` answers whose inbox it is: a recipient, an Identity, or None for 401.
        `origins` may read and write from other sites, with credentials.  With `api_keys` (of 32
        characters or more) events can be written over HTTP; `metrics` serves them to everybody.
        Raises ConfigurationError for a `who` or key that cannot work.
        """
        build = backends.web_application()
        return build(self, who, origins=origins, api_keys=api_keys, metrics=metrics)

    def stream(
        self,
        request: Any,
        recipient: object,
        *,
        ask_again: Callable[[], Awaitable[object]],
        asked_at: float = -math.inf,
    ) -> Any:
        """An ASGI response with the recipient's stream, for a route of the application's own.

        The caller has checked that this reader may see this inbox.  `ask_again`, an async function
        without parameters, answers as `who` does whether that is still so; it is asked once more
        when the stream has begun to hear of hang-ups, for a log-out may have come in between (G7).
        Where nothing was missed since `asked_at` (the loop's time before the check, in seconds) it
        is spared.
        """
        identity = Identity.of(recipient)
        if identity is None:
            raise InvalidInput("a stream needs a recipient")
        if not callable(ask_again):
            raise InvalidInput("ask_again is an async function that answers as who does")
        again = Again(ask_again, asked_at)
        stream = StreamResponse(self._hub, identity, again, self.metrics)
        return backends.response_for(request, stream)

    # -- life ---------------------------------------------------------------------------------

    @property
    def lifespan(self) -> Callable[[Any], AbstractAsyncContextManager[None]]:
        """For `FastAPI(lifespan=alimi.lifespan)`: starts with the server and stops with it."""
        return self._lifespan

    @asynccontextmanager
    async def _lifespan(self, app: Any) -> AsyncIterator[None]:
        del app
        await self.start()
        try:
            yield
        finally:
            await self.close()

    async def start(self) -> None:
        """Open the database and start the relay on this event loop.

        Raises SchemaMissing, SchemaTooNew or StoreError.
        """
        await self._runtimes.here()

    async def drain(self, delay: float | None = None) -> None:
        """End all streams of this event loop and refuse new ones; call it before a server stops.

        For `delay` seconds before (`drain_delay_seconds`) only readiness says so.
        Raises ConfigurationError for a delay that the setting could not have.
        """
        seconds = self.settings.drain_delay_seconds if delay is None else delay
        LIMITS["drain_delay_seconds"].check("delay", seconds)
        runtime = await self._runtimes.running()
        if runtime is not None:
            await runtime.drain(seconds)

    async def close(self) -> None:
        """Stop on this event loop; the last loop closes the database."""
        runtime = await self._runtimes.running()
        if runtime is not None:
            await runtime.stop()
        # Known until the end: who comes meanwhile meets a store that closes, not a second life.
        if self._runtimes.is_last_loop():
            await self.store.close()
        if runtime is not None:
            self._runtimes.forget(runtime)

    async def look(self) -> Health:
        """How this node is, after a look at the store that is at most a second old."""
        runtime = None
        with contextlib.suppress(StoreError, OSError):
            runtime = await self._runtimes.here()
        if runtime is None:
            return Health({"start": "the store cannot be opened; the log says why"})
        vitals = runtime.vitals
        await vitals.look()
        return Health(self.health(), vitals.degraded(), vitals.lag, vitals.waiting.entries)

    def health(self) -> dict[str, str]:
        """What keeps this node from serving, by name, as last seen; empty when ready."""
        problems: dict[str, str] = {}
        started = self._runtimes.started()
        if not started:
            problems["starting"] = "not started yet"
        for runtime in started:
            problems.update(runtime.vitals.unavailable())
            if runtime.leaving:
                problems["draining"] = "this node is stopping"
        return problems

    # -- inside -------------------------------------------------------------------------------

    async def _write(self, entries: Sequence[Entry], within: Any) -> list[Receipt]:
        if within is not None:
            transactions = backends.transactions_for(within)
            await transactions.run(within, lambda joined: self.store.write(joined, entries))
            return self._recorded(entries)
        self._refuse_own_transaction()
        runtime = await self._runtimes.here()
        receipts = await self.store.append(entries)
        runtime.relay.wake()
        return receipts

    def _write_sync(self, entries: Sequence[Entry], within: Any) -> list[Receipt]:
        transactions = backends.transactions_for(within)
        transactions.run_sync(within, lambda joined: self.store.write(joined, entries))
        return self._recorded(entries)

    def _recorded(self, entries: Sequence[Entry]) -> list[Receipt]:
        """In a transaction that will commit, or not, at its own time."""
        self._runtimes.watch()
        return [Receipt(getattr(entry, "id", "")) for entry in entries]

    def _refuse_own_transaction(self, message: str | None = None) -> None:
        # To wait for the write lock there would be to wait for oneself.
        if self._engine is not None and self._engine.holds_write_transaction(self._database):
            raise WithinMissing(message)

    async def _publish(self, messages: Sequence[BusMessage]) -> None:
        if messages:
            await (await self._runtimes.here()).bus.publish(messages)

    async def _ready(self) -> None:
        await self._runtimes.here()

    async def _hub(self) -> Hub:
        return (await self._runtimes.here()).hub

    async def _start(self) -> Runtime:
        await self.store.open()
        identity = (await self.store.positions(())).identity
        runtime = Runtime(self.store, self._bus(identity), self.settings, self.metrics)
        await runtime.start()
        return runtime


class BoundKind:
    """A kind that knows its Alimi: `notify` for async code, `record` for sync code."""

    def __init__(self, alimi: Alimi, kind: Kind) -> None:
        self._alimi = alimi
        self.kind = kind

    async def notify(
        self, *, to: object, within: Any = None, **parts: Unpack[EventParts]
    ) -> Receipt:
        """Tell `to` (a recipient, several, or None for nobody).

        `parts` are `actor`, `object`, `target`, `data`, `key`, `about` and `expires_at`; see
        `Kind.event`.  With `within` the event is recorded in that transaction: rolled back it never
        was, committed it cannot be lost (G2).  Without it, it is durable when this returns (G1).

        Raises InvalidInput (MissingField, UnsafeUrl, …), TransactionError, KeyConflict, StoreError.
        """
        event = self.kind.event(to=to, **parts)
        if not event.recipients:
            return Receipt(event.id)
        receipt = (await self._alimi._write([event], within))[0]  # noqa: SLF001 - the same module
        if receipt.status == "conflict":
            raise KeyConflict(f"the key {event.key!r} was already used for another event")
        return receipt

    @_demands_within
    def record(self, *, to: object, within: Any, **parts: Unpack[EventParts]) -> Receipt:
        """`notify` for synchronous code: one INSERT in the transaction, no event loop needed.

        Raises what `notify` does, and WithinMissing whenever `within` is left away.
        """
        event = self.kind.event(to=to, **parts)
        if not event.recipients:
            return Receipt(event.id)
        return self._alimi._write_sync([event], within)[0]  # noqa: SLF001 - the same module


def _checked(settings: object) -> Settings:
    if settings is None:
        return Settings()
    if not isinstance(settings, Settings):
        given = type(settings).__name__
        raise ConfigurationError(f"settings= takes an alimi.Settings(…), not {given}")
    return settings


def _demand_events(events: object) -> None:
    """What is no event would only be noticed by the relay, as a dead letter."""
    strangers = [events]
    if isinstance(events, Sequence):
        strangers = [each for each in events if not isinstance(each, Event)]
    if strangers:
        given = type(strangers[0]).__name__
        raise InvalidInput(f"append takes a list of events, of Kind.event(…), not {given}")


def _retraction(about: str, to: object) -> Retraction:
    bounded_text(about, "about", MAX_KEY)
    recipients = None if to is None else normalise_recipients(to)
    return Retraction(about, now_ms(), recipients)


def _signal(to: object, name: str, data: Any) -> Signal:
    bounded_text(name, "a signal's name", MAX_NAME)
    try:
        told = msgspec.json.encode(data)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"a signal's data must be plain JSON: {error}") from None
    if len(told) > MAX_SIGNAL:
        raise InvalidInput(f"a signal's data is at most {MAX_SIGNAL} bytes, not {len(told)}")
    recipients = normalise_recipients(to)
    if len(recipients) > MAX_SIGNAL_RECIPIENTS:
        raise InvalidInput(f"a signal goes to at most {MAX_SIGNAL_RECIPIENTS} recipients")
    # As it is now: the caller may go on to change what was given.
    return Signal(name, recipients, msgspec.json.decode(told))

"""What the buses over a network share: who is followed, what waits to be said, and coming back.

A bus keeps one link to its servers and makes a new one for ever.  While there is none, nobody
waits: streams open and work, own news reaches own streams, and the position check brings the
others' (G9).  Whenever hints may have been missed, here or elsewhere, that is said: here by `lost`,
to the others by a `Look`.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Protocol

import msgspec

from alimi.metrics import BusDrop, BusWord, Metrics
from alimi.model import BusMessage, HangUp, Hint, SignalTo
from alimi.tasks import Tasks
from alimi.telegrams import Look, Said
from alimi.wire import LinkError

logger = logging.getLogger("alimi")

#: Said and not yet taken by the link; hints of one recipient count once.
_MOST_WAITING = 20_000
#: Reasons of one outage that the log tells once.
_MOST_NOTED = 100
_WHAT: dict[type[Said], BusWord] = {
    Hint: "hint", SignalTo: "signal", HangUp: "hangup", Look: "look",
}  # fmt: skip


class Patience(msgspec.Struct, frozen=True):
    """How long things may take, in seconds."""

    #: To connect and say hello.
    connect: float = 3
    #: Until the server has confirmed what we follow; a stream that opens waits no longer.
    confirm: float = 2
    #: The same for all recipients at once, after a reconnect.
    confirm_all: float = 15
    #: A link that is silent for so long is asked whether it is still there.
    probe: float = 3
    #: First and longest pause between two attempts.
    pauses: tuple[float, float] = (0.1, 5)


class Ears(Protocol):
    """What a link tells us."""

    @property
    def followed(self) -> AbstractSet[str]:
        """The recipients that concern this node."""

    def heard(self, said: Said) -> None:
        """Another node said this."""

    def dropped(self, reason: BusDrop, count: int = 1) -> None:
        """Something was not understood, or could not be sent."""

    def missed(self) -> None:
        """Something that concerns us was lost, and the link goes on."""


class Link(Protocol):
    """One connection to the servers of a bus, until it ends."""

    @property
    def gone(self) -> asyncio.Future[str]:
        """Done with the reason when it has ended."""

    def follow(self, recipients: Iterable[str]) -> None:
        """Ask to hear what concerns them."""

    def unfollow(self, recipients: Iterable[str]) -> None:
        """Ask no longer."""

    def confirm(self) -> asyncio.Future[None]:
        """Done when the server has taken in all that was asked; fails with LinkError."""

    async def probe(self) -> None:
        """Return when the server has answered; raises LinkError."""

    async def send(self, batch: Sequence[Said]) -> None:
        """Tell the other nodes; waits while the server takes too little.  Raises LinkError."""

    def close(self, reason: str = "closed") -> None:
        """End at once."""


Connect = Callable[[Ears], Awaitable[Link]]


class Carrier:
    """A bus whose links `connect` makes; `name` is for logs and metrics."""

    def __init__(
        self, name: str, connect: Connect, metrics: Metrics, patience: Patience | None = None
    ) -> None:
        self.name = name
        self._connect = connect
        self._metrics = metrics
        self._patience = patience or Patience()
        self._followed: set[str] = set()
        self._link: Link | None = None
        self._waiting: dict[str | int, Said] = {}
        self._numbers = itertools.count()
        self._woken = asyncio.Event()
        self._tried = asyncio.Event()
        self._tasks = Tasks(metrics.task_failed)
        self._closed = False
        #: Others may have missed something of ours and have not been told to look.
        self._owes_look = False
        #: Something was sent of which nobody knows yet whether the server has it; hang-ups are
        #: kept until then, because a lost one is a stream that goes on.
        self._unsure = False
        self._unsure_hangups: list[HangUp] = []
        #: Hang-ups that were too many to be kept.
        self._unkept = 0
        #: Nothing waits and nothing is being sent.
        self._rest = asyncio.Event()
        self._rest.set()
        #: What keeps it from working now, for an operator; None when it works.
        self.trouble: str | None = "not connected yet"
        #: What the log has of this outage.
        self._noted: set[str] = set()

    # -- the contract -------------------------------------------------------------------------

    async def open(self, deliver: Callable[[BusMessage], None], lost: Callable[[], None]) -> None:
        """Connect; a bus that is away now is waited for a moment, and then in the background."""
        self._deliver, self._lost = deliver, lost
        self._metrics.bus_connected.labels(self.name).set(0)
        self._tasks.start("bus", self._run)
        await self._tried.wait()

    async def close(self) -> None:
        """Say what waits, if that is quick, and let go."""
        self._closed = True
        if self._link is not None:
            with contextlib.suppress(LinkError, TimeoutError):
                async with asyncio.timeout(1):
                    await self._rest.wait()
                    await self._link.probe()
        await self._tasks.stop()

    async def publish(self, messages: Sequence[BusMessage]) -> None:
        """Never waits for a server: what it cannot take is dropped, counted, and looked up.

        An idle link has it when this returns: a relay goes on to its next batch at once, and that
        would otherwise be on its way to the database first.
        """
        for message in messages:
            self._wait(message)
        if self._waiting:
            self._rest.clear()
        self._woken.set()
        for message in messages:
            if message.recipient in self._followed:
                self._tell(message)
        await asyncio.sleep(0)  # the turn in which `_serve` wakes and sends

    async def follow(self, recipients: Collection[str]) -> None:
        """Hear what concerns them.

        While the bus is away it returns at once: `lost` will be called after it is back.
        """
        new = [recipient for recipient in recipients if recipient not in self._followed]
        self._followed.update(new)
        link = self._link
        if link is None:
            return
        link.follow(new)
        try:
            async with asyncio.timeout(self._patience.confirm):
                await asyncio.shield(link.confirm())
        except LinkError:
            return
        except TimeoutError:
            link.close("the server confirms nothing")

    def unfollow(self, recipients: Collection[str]) -> None:
        """Hear it no longer."""
        known = [recipient for recipient in recipients if recipient in self._followed]
        self._followed.difference_update(known)
        if self._link is not None:
            self._link.unfollow(known)

    # -- what a link tells --------------------------------------------------------------------

    @property
    def followed(self) -> AbstractSet[str]:
        """The recipients that concern this node."""
        return self._followed

    def heard(self, said: Said) -> None:
        """Another node said this."""
        if isinstance(said, Look):
            self._metrics.bus_received.labels("look").inc()
            self.missed()
        elif said.recipient in self._followed:
            self._metrics.bus_received.labels(_WHAT[type(said)]).inc()
            self._tell(said)

    def dropped(self, reason: BusDrop, count: int = 1) -> None:
        """Something was not understood, or could not be sent."""
        self._metrics.bus_dropped.labels(reason).inc(count)

    def missed(self) -> None:
        """Something that concerns us may have been lost."""
        if not self._closed:
            self._metrics.bus_lost.inc()
            self._lost()

    def _tell(self, message: BusMessage) -> None:
        if self._closed:
            return
        try:
            self._deliver(message)
        except Exception:
            # It would end the link, and with it what concerns everybody else.
            logger.exception("alimi: what the bus said could not be used")
            self.dropped("failed")

    # -- what waits to be said ----------------------------------------------------------------

    def _wait(self, message: BusMessage) -> None:
        """Queue it; the newest hint of a recipient replaces an older one."""
        what = _WHAT[type(message)]
        if self._link is None and what != "hangup":
            self._fail("down")
        elif what == "hint":
            if message.recipient in self._waiting or self._has_room():
                self._waiting[message.recipient] = message
        elif self._has_room():
            self._waiting[next(self._numbers)] = message

    def _has_room(self) -> bool:
        if len(self._waiting) < _MOST_WAITING:
            return True
        self._fail("full")
        return False

    def _fail(self, reason: BusDrop, count: int = 1) -> None:
        self.dropped(reason, count)
        self._owes_look = True

    def _take(self) -> list[Said]:
        """All that waits."""
        batch = list(self._waiting.values())
        self._waiting.clear()
        if self._owes_look:
            # What is dropped from here on owes another one.
            self._owes_look = False
            batch.append(Look())
        return batch

    # -- the life of links --------------------------------------------------------------------

    async def _run(self) -> None:
        clock = asyncio.get_running_loop().time
        shortest, longest = self._patience.pauses
        pause = shortest
        while True:
            began = clock()
            try:
                await self._live(await self._linked())
            except (LinkError, TimeoutError, OSError) as error:
                self._note_trouble(str(error) or "the server answers nothing")
            except Exception as error:  # a server that speaks nonsense; the task's owner logs it
                self._note_trouble(type(error).__name__)
                raise
            finally:
                known = self._tried.is_set()
                self._tried.set()
            # Not only when it is back: meanwhile the store is asked more often.
            if known:
                self.missed()
            await asyncio.sleep(pause * random.uniform(0.5, 1))
            pause = shortest if clock() - began > 2 * longest else min(pause * 2, longest)

    async def _linked(self) -> Link:
        """A new link that hears for everybody who is followed."""
        async with asyncio.timeout(self._patience.connect):
            link = await self._connect(self)
        # From here on `follow` uses it: nobody is left out between the two.
        self._link = link
        link.follow(self._followed)
        try:
            async with asyncio.timeout(self._patience.confirm_all):
                await asyncio.shield(link.confirm())
        except BaseException:
            self._unlink(link, "the server confirms nothing")
            raise
        return link

    async def _live(self, link: Link) -> None:
        """Say what waits until the link ends; raises LinkError with the reason."""
        self._greet()
        link.gone.add_done_callback(lambda _: self._woken.set())
        try:
            await self._serve(link)
            raise LinkError(link.gone.result())
        finally:
            # What was under way may or may not have arrived.
            self._owes_look = self._owes_look or self._unsure
            self._unlink(link, "closed")
            if self._unkept:
                self.dropped("full", self._unkept)
            for hangup in self._unsure_hangups:
                self._wait(hangup)
            self._settle()

    def _greet(self) -> None:
        self.trouble = None
        self._noted.clear()
        self._metrics.bus_connected.labels(self.name).set(1)
        if self._tried.is_set():
            logger.info("alimi: the %s bus is back", self.name)
            self._metrics.bus_reconnects.inc()
            self.missed()
        self._tried.set()
        self._woken.set()

    def _unlink(self, link: Link, reason: str) -> None:
        if self._link is link:
            self._link = None
        link.close(reason)
        self._metrics.bus_connected.labels(self.name).set(0)
        for key in [key for key, said in self._waiting.items() if not isinstance(said, HangUp)]:
            del self._waiting[key]
            self._fail("down")

    async def _serve(self, link: Link) -> None:
        clock = asyncio.get_running_loop().time
        probe_at = clock() + self._patience.probe
        while not link.gone.done():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(probe_at):
                    await self._woken.wait()
            if self._woken.is_set():
                self._woken.clear()
                await self._send(link)
            if clock() >= probe_at:
                await self._probe(link)
                probe_at = clock() + self._patience.probe

    async def _send(self, link: Link) -> None:
        if link.gone.done():
            return  # nobody would hear it: what waits is kept or looked up, see `_unlink`
        batch = self._take()
        if batch:
            self._unsure = True
            self._keep([said for said in batch if isinstance(said, HangUp)])
            async with asyncio.timeout(self._patience.confirm_all):
                await link.send(batch)
            self._count_sent(batch)
        if not self._waiting:
            self._rest.set()

    def _keep(self, hangups: Sequence[HangUp]) -> None:
        """Until the server has answered; of too many the newest."""
        self._unsure_hangups += hangups
        self._unkept += max(0, len(self._unsure_hangups) - _MOST_WAITING)
        del self._unsure_hangups[:-_MOST_WAITING]

    def _settle(self) -> None:
        """Nothing that was sent has to be said again."""
        self._unsure_hangups.clear()
        self._unkept = 0

    def _count_sent(self, batch: Sequence[Said]) -> None:
        for what, count in Counter(_WHAT[type(said)] for said in batch).items():
            self._metrics.bus_sent.labels(what).inc(count)

    async def _probe(self, link: Link) -> None:
        try:
            async with asyncio.timeout(self._patience.probe):
                await link.probe()
            self._unsure = False
            self._settle()
        except TimeoutError:
            link.close("the server answers no more")
        except LinkError:
            return

    def _note_trouble(self, reason: str) -> None:
        self.trouble = reason
        # Of several servers each may have a reason of its own, and all are tried for ever.
        if self._closed or reason in self._noted or len(self._noted) >= _MOST_NOTED:
            return
        self._noted.add(reason)
        logger.warning(
            "alimi: the %s bus is away (%s); streams go on and are brought up to date by the "
            "position check",
            self.name,
            reason,
        )

"""One round of the crash tests: people who work and pages that watch, while the server may die.

Each round has recipients of its own, so what one round broke is not held against the next.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from typing import Any, Protocol, Self

import httpx

from alimi.testing.checker import Checker, Consumer, Finding, Row, Truth
from tests.support.processes_wire import KNOCK, Page

#: Milliseconds that a fleeting event lives.
FLEETING = 250
#: People who work at the same time.
WORKERS = 5
STREAM, PLAIN = "/alimi/v1/inbox/stream", "/sse"


class Site(Protocol):
    """What people work on: one server, or several that share a database."""

    def entrance(self) -> int:
        """The port for the next connection."""

    def column(self, query: str) -> set[str]:
        """What the database itself answers."""


class Round:
    """`async with Round(…) as round`: pages are open; `work` goes on until it is told to stop."""

    def __init__(
        self,
        app: Site,
        name: str,
        seed: int = 0,
        *,
        people: Sequence[str] = ("ann", "bo"),
        workers: int = WORKERS,
    ) -> None:
        self.app = app
        self.checker = Checker()
        self.recipients = [f"{name}-{each}" for each in people]
        self._workers = workers
        self.done: set[str] = set()
        self._random = random.Random(f"{name}{seed}")
        self._numbers = count(1)
        self._name = name
        self._watchers: list[tuple[Page, Consumer]] = []
        self._working: list[asyncio.Task[None]] = []
        self._deeds: set[str] = set()
        self._expiring: set[str] = set()
        #: Half done: the event is there, its withdrawal was not sent.
        self._begun: set[str] = set()
        #: Set each time that somebody begins anything.
        self.acted = asyncio.Event()
        self._enough = asyncio.Event()
        self._client = httpx.AsyncClient(timeout=10)
        self._does: list[Callable[[str], Awaitable[None]]] = [
            self._notify, self._deed, self._undone_deed, self._mark, self._fleeting, self._withdraw,
        ]  # fmt: skip

    async def __aenter__(self) -> Self:
        for path in (STREAM, PLAIN):
            for recipient in self.recipients:
                page = Page(self.app.entrance, recipient, path=path)
                page.reader.notes = self.checker.consumer(recipient)
                self._watchers.append((page, page.reader.notes))
                await page.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.rest()
        for page, _consumer in self._watchers:
            await page.close()
        await self._client.aclose()

    @property
    def pages(self) -> list[Page]:
        """Two of each: one on the socket itself where the server hands it over, one over ASGI."""
        return [page for page, _ in self._watchers]

    # -- producers ----------------------------------------------------------------------------

    @property
    def working(self) -> list[asyncio.Task[None]]:
        """The people at work, while they are."""
        return self._working

    def work(self) -> None:
        """Begin; each worker does one thing after the other."""
        self._working = [asyncio.create_task(self._worker(each)) for each in range(self._workers)]

    async def rest(self) -> None:
        """Everybody finishes what they were doing."""
        tasks, self._working = self._working, []
        self._enough.set()
        await asyncio.gather(*tasks)
        self._enough.clear()

    async def _worker(self, number: int) -> None:
        for turn in count(number):
            if self._enough.is_set():
                return
            self.acted.set()
            name = f"{self._name}-e{next(self._numbers)}"
            try:
                await self._does[turn % len(self._does)](name)
            except httpx.ConnectError:
                if name not in self._begun:
                    self.checker.never_sent(name)
                    self._deeds.discard(name)
                await asyncio.sleep(KNOCK)
            except httpx.TransportError:
                await asyncio.sleep(KNOCK)  # it died; knock until it lives again

    def _to(self) -> list[str]:
        return self._random.choice([self.recipients, self.recipients[:1], self.recipients[1:]])

    def _url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.app.entrance()}{path}"

    async def _ask(self, path: str, **body: Any) -> Any:
        answer = await self._client.post(self._url(path), json=body)
        assert answer.is_success, answer.text
        return answer.json()

    async def _notify(self, name: str) -> None:
        to = self._to()
        fate = self.checker.asks(name, to)
        await self._ask("/notify", name=name, to=to)
        self.checker.told(fate)

    async def _deed(self, name: str) -> None:
        to, how = self._to(), self._random.choice(["async", "sync"])
        fate = self.checker.asks(name, to)
        self._deeds.add(name)
        await self._ask("/deed", name=name, to=to, how=how)
        self.checker.told(fate)

    async def _undone_deed(self, name: str) -> None:
        """Whatever the answer, or none: this never was."""
        to, how = self._to(), self._random.choice(["async", "sync"])
        fate = self.checker.asks(name, to)
        self.checker.told(fate, "rolled back")
        answer = await self._ask("/deed", name=name, to=to, how=how, rollback=True)
        assert answer == {"committed": False}

    async def _mark(self, name: str) -> None:
        """Somebody reads what their page shows."""
        page, _ = self._random.choice(self._watchers)
        ids = [each for each, row in page.reader.rows.items() if not row["read"]][:3]
        if not ids:
            await self._notify(name)
            return
        answer = await self._client.post(
            self._url("/alimi/v1/inbox/mark"),
            json={"action": "read", "ids": ids},
            headers={"Cookie": f"user={page.recipient}"},
        )
        assert answer.is_success, answer.text

    async def _fleeting(self, name: str) -> None:
        to = self._to()
        fate = self.checker.asks(name, to)
        fate.withdrawn = True
        self._expiring.add(name)
        await self._ask("/notify", name=name, to=to, fleeting=FLEETING)
        self.checker.told(fate)

    async def _withdraw(self, name: str) -> None:
        to = self._to()
        fate = self.checker.asks(name, to)
        fate.withdrawn = True
        await self._ask("/notify", name=name, to=to, about=name)
        self._begun.add(name)
        await self._ask("/withdraw", about=name)
        self.checker.told(fate)

    # -- the end ------------------------------------------------------------------------------

    async def judge(self) -> list[Finding]:
        """Wait until all is quiet, then compare."""
        await self._until_quiet()
        truths = {recipient: await self._truth(recipient) for recipient in self.recipients}
        for page, consumer in self._watchers:
            self._note(page, consumer)
        self._settle_deeds()
        findings = self.checker.check(truths)
        return findings + self._wrong_signals()

    async def _until_quiet(self) -> None:
        """A last event for everybody; whoever shows it has everything before it."""
        name = f"{self._name}-last"
        fate = self.checker.asks(name, self.recipients)
        await self._ask("/notify", name=name, to=self.recipients)
        self.checker.told(fate)
        await asyncio.gather(*(self._until_page_is_quiet(page, name) for page in self.pages))

    async def _until_page_is_quiet(self, page: Page, last: str) -> None:
        """The last event is there, what had to go has gone, and the cursor is the inbox's."""
        try:
            await page.until(lambda _: last in names(page) and not self._still_there(page))
        except TimeoutError:
            missing = [last] if last not in names(page) else []
            raise AssertionError(
                f"{page.recipient}: waited in vain for {missing} to come and for "
                f"{self._still_there(page)} to go, at {page.reader.cursor}"
            ) from None
        cursor = (await self._get(page.recipient, "/counts"))["cursor"]
        await page.until(lambda reader: reader.cursor == cursor)

    async def _get(self, recipient: str, path: str) -> Any:
        cookie = {"Cookie": f"user={recipient}"}
        answer = await self._client.get(self._url(f"/alimi/v1/inbox{path}"), headers=cookie)
        assert answer.is_success, answer.text
        return answer.json()

    async def _truth(self, recipient: str) -> Truth:
        rows: list[Row] = []
        after = ""
        while True:
            page = await self._get(recipient, f"?limit=200{after}")
            rows += [
                Row(
                    each["object"]["id"],
                    each["id"],
                    read=each["read_at"] is not None,
                    seen=each["seen_at"] is not None,
                )
                for each in page["items"]
            ]
            if page["next"] is None:
                return Truth(rows, page["unread"], page["unseen"])
            after = f"&after={page['next']}"

    def _note(self, page: Page, consumer: Consumer) -> None:
        reader = page.reader
        consumer.ends(names(page), reader.unread, reader.unseen)
        resets = [f"G5: {reader.resets} resets"] if reader.resets else []
        consumer.complaints = [*reader.own_complaints, *resets]

    def _settle_deeds(self) -> None:
        """What became of a deed that nobody answered, the application's own table knows (G2)."""
        self.done = self.app.column("SELECT name FROM deed")
        for name in self._deeds:
            fate = self.checker.fates[name]
            assert fate.outcome == "unknown" or name in self.done, f"the deed {name} is lost"
            fate.outcome = "acknowledged" if name in self.done else "rolled back"

    def shown_too_early(self) -> list[str]:
        """What a page was shown and the database does not hold; asked while the server is dead."""
        kept = self.app.column("SELECT id FROM alimi_notifications")
        return [
            data["object"]["id"]
            for page in self.pages
            for _, data in page.news
            if data["id"] not in kept
        ]

    def _wrong_signals(self) -> list[Finding]:
        """A signal within a transaction that rolled back is never pushed (G2)."""
        return [
            Finding("undone", page.recipient, f"the signal of {signal['data']} was pushed")
            for page, _ in self._watchers
            for signal in page.reader.signals
            if signal["data"] not in self.done
        ]

    def _still_there(self, page: Page) -> list[str]:
        """What has expired, or was withdrawn for sure while unread, and is still shown."""
        return [
            name
            for name, row in names(page).items()
            if name in self._expiring or (self._is_withdrawn(name) and not row["read"])
        ]

    def _is_withdrawn(self, name: str) -> bool:
        fate = self.checker.fates.get(name)
        return fate is not None and fate.withdrawn and fate.outcome == "acknowledged"


def names(page: Page) -> dict[str, dict[str, Any]]:
    """The rows that a page shows, by the producers' names."""
    known = {data["id"]: str(data["object"]["id"]) for _, data in page.news}
    return {known.get(each, each): row for each, row in page.reader.rows.items()}

"""People at work on a cluster, and pages that flap, stall and come back with old cursors."""

from __future__ import annotations

import asyncio
import contextlib
from itertools import count
from typing import Any

import httpx

from alimi.testing.checker import Checker, Consumer, Fate, Finding, Outcome
from tests.chaos.cluster import Cluster
from tests.chaos.witness import Witness
from tests.support.checker_round import Round, names
from tests.support.processes_wire import KNOCK, Page

#: Seconds between two tricks of one page, at the longest.
TRICKS = 1.0
#: Seconds that a stalled page reads nothing, at the longest.
STALL = 1.5
#: Events in one call.
SEVERAL = 20
#: An answer that takes longer is given up: shorter than what freezes a server here.
ANSWER = 4.0
#: So long may take what is bound to come, on a busy machine and after many faults.
PATIENCE = 60


class Refused(httpx.TransportError):
    """The node answered that it could not: what became of the event is unknown."""


class CountingChecker(Checker):
    """Knows at once how many were acknowledged."""

    def __init__(self) -> None:
        super().__init__()
        self.acknowledged = 0

    def told(self, fate: Fate, outcome: Outcome = "acknowledged") -> None:
        super().told(fate, outcome)
        self.acknowledged += outcome == "acknowledged"


class Crowd(Round):
    """A round whose pages misbehave, and whose marks race with what arrives."""

    def __init__(
        self,
        cluster: Cluster,
        name: str,
        seed: int,
        *,
        people: int,
        workers: int,
        several: int = SEVERAL,
        patience: float = PATIENCE,
    ) -> None:
        everybody = [f"p{number}" for number in range(people)]
        super().__init__(cluster, name, seed, people=everybody, workers=workers)
        self.checker: CountingChecker = CountingChecker()
        self._cluster = cluster
        self._client.timeout = httpx.Timeout(ANSWER)
        self._several = several
        self._patience = patience
        #: What was lost on purpose, by putting an older backup in place.
        self.forgotten: set[str] = set()
        self._tricks: list[asyncio.Task[None]] = []
        #: What goes on when no page misbehaves any more.
        self._lasting: list[asyncio.Task[None]] = []
        self._archived: dict[str, set[str]] = {}
        self._loads = count(1)
        self._does += [
            self._append, self._append, self._mark_all, self._unread, self._archive,
        ]  # fmt: skip

    def begin(self) -> None:
        """People work, and their pages misbehave."""
        self._witness = Witness(self._cluster, self.pages)
        self._lasting.append(asyncio.create_task(self._witness.run()))
        for page in self.pages:
            page.is_forgetful = True
            self._tricks.append(asyncio.create_task(self._misbehave(page)))
            self._lasting.append(asyncio.create_task(self._obey(page)))
        self.work()

    async def until_acknowledged(self, wanted: int) -> None:
        """Work goes on until so many events were acknowledged in all."""
        while self.checker.acknowledged < wanted:
            for task in [*self.working, *self._tricks, *self._lasting]:
                if task.done():
                    task.result()
            self.acted.clear()
            await self.acted.wait()

    async def calm_down(self) -> None:
        """Everybody finishes, no page misbehaves any more, and nothing stays put away."""
        await self.rest()
        self._client.timeout = httpx.Timeout(PATIENCE)  # nothing is frozen any more, only busy
        for task in self._tricks:
            task.cancel()
        await asyncio.gather(*self._tricks, return_exceptions=True)
        for page in self.pages:
            page.resume()
        await self._bring_back()
        await asyncio.gather(*map(self._come_back, range(len(self.pages))))

    async def _come_back(self, number: int) -> None:
        """To a place of long ago; of a person's two pages each is at another node then."""
        page, nodes = self.pages[number], self._cluster.nodes
        path, person = divmod(number, len(self.recipients))
        back_to = page.places[0] if page.places else None
        await page.move(nodes[(path + person) % len(nodes)].port, back_to, PATIENCE)

    async def judge(self) -> list[Finding]:
        """What was shown too early as well."""
        return await super().judge() + [
            Finding("undone", recipient, f"{name} was shown before it was committed")
            for name, recipient in self._witness.missed
            if name not in self.forgotten
        ]

    async def __aexit__(self, *details: object) -> None:
        for task in [*self._tricks, *self._lasting]:
            task.cancel()
        await super().__aexit__(*details)

    @property
    def resets(self) -> int:
        """How often a page was told to load its inbox anew."""
        return sum(page.reader.told_to_reload for page in self.pages)

    def forget(self, names: set[str]) -> None:
        """A backup older than these events was restored: they may be there, or seen, or neither."""
        self.forgotten |= names
        for name in names:
            self.checker.fates[name].outcome = "unknown"

    def _settle_deeds(self) -> None:
        self._deeds -= self.forgotten
        super()._settle_deeds()
        self.done |= self.forgotten

    # -- what people do -----------------------------------------------------------------------

    def _to(self) -> list[str]:
        return self._random.sample(self.recipients, self._random.randint(1, 3))

    async def _ask(self, path: str, **body: Any) -> Any:
        answer = await self._client.post(self._url(path), json=body)
        if not answer.is_success:
            raise Refused(answer.text)
        return answer.json()

    async def _append(self, name: str) -> None:
        """Several events in one call: all of them, or none."""
        to = self._to()
        fates = [self.checker.asks(f"{name}-{number}", to) for number in range(self._several)]
        try:
            await self._ask("/append", names=[fate.name for fate in fates], to=to)
        except httpx.ConnectError:
            for fate in fates:
                self.checker.never_sent(fate.name)
            raise
        for fate in fates:
            self.checker.told(fate)

    async def _mark(self, name: str) -> None:
        del name
        page = self._random.choice(self.pages)
        unread = [each for each, row in page.reader.rows.items() if not row["read"]]
        if unread:
            await self._change(page, action="read", ids=unread[:3])

    async def _mark_all(self, name: str) -> None:
        """Everything up to what a page shows is read, while more arrives."""
        del name
        page = self._random.choice(self.pages)
        await self._change(page, action="read", upto=page.reader.cursor)

    async def _unread(self, name: str) -> None:
        del name
        page = self._random.choice(self.pages)
        read = [each for each in self._settled(page) if page.reader.rows[each]["read"]]
        if read:
            await self._change(page, action="unread", ids=read)

    async def _archive(self, name: str) -> None:
        """There and back."""
        del name
        page = self._random.choice(self.pages)
        some = self._settled(page)
        if some:
            self._archived.setdefault(page.recipient, set()).update(some)
            await self._change(page, action="archive", ids=some)
            await self._change(page, action="unarchive", ids=some)

    def _settled(self, page: Page) -> list[str]:
        """A few rows that nobody withdraws: whether those go depends on being unread."""
        known = {data["id"]: str(data["object"]["id"]) for _, data in page.news[-40:]}
        fates = self.checker.fates
        return [
            each
            for each, name in known.items()
            if each in page.reader.rows and name in fates and not fates[name].withdrawn
        ][-3:]

    async def _bring_back(self) -> None:
        """What an answer that never came left in the archive."""
        for page in self.pages:
            ids = sorted(self._archived.pop(page.recipient, ()))
            for start in range(0, len(ids), 100):
                await self._insist(page, action="unarchive", ids=ids[start : start + 100])

    async def _insist(self, page: Page, **mark: Any) -> None:
        """All is healed, but a node may be slow to find its breath."""
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    await self._change(page, **mark)
                except httpx.TransportError:
                    await asyncio.sleep(KNOCK)
                else:
                    return

    async def _change(self, page: Page, **mark: Any) -> None:
        url, cookie = self._url("/alimi/v1/inbox/mark"), {"Cookie": f"user={page.recipient}"}
        answer = await self._client.post(url, json=mark, headers=cookie)
        if not answer.is_success:
            raise Refused(answer.text)

    # -- what pages do ------------------------------------------------------------------------

    async def _misbehave(self, page: Page) -> None:
        """Flap, stall, and come back as a page that slept: with an old cursor."""
        while True:
            await asyncio.sleep(self._random.uniform(0, TRICKS))  # the moment is the test
            match self._random.randrange(4):
                case 0:
                    page.cut()
                case 1 if page.places:
                    page.cut(back_to=self._random.choice(page.places))
                case 2:
                    page.stall()
                    await asyncio.sleep(self._random.uniform(0, STALL))  # see above
                    page.resume()

    async def _obey(self, page: Page) -> None:
        """Load the inbox when the stream says so, as a page does."""
        reader = page.reader
        while True:
            await page.until(lambda reader: reader.must_reload, seconds=None)
            told = reader.told_to_reload
            try:
                await self._load(page)
            except httpx.TransportError:
                await asyncio.sleep(KNOCK)
                continue
            if reader.told_to_reload == told:
                reader.must_reload = False

    async def _load(self, page: Page) -> None:
        """Merge what the inbox holds into what the page shows, by version."""
        number = -next(self._loads)
        found: set[str] = set()
        known = set(page.reader.rows)
        for archived in ("", "&archived=true"):
            after: str | None = ""
            while after is not None:
                answer = await self._get(page.recipient, f"?limit=200{archived}{after}")
                for each in answer["items"]:
                    found.add(each["id"])
                    self._show(page, each, number)
                after = None if answer["next"] is None else f"&after={answer['next']}"
        for each in known - found:
            await self._look_for(page, each, number)

    async def _look_for(self, page: Page, each: str, number: int) -> None:
        """It was gone, or moved from one list to the other while they were read."""
        url = self._url(f"/alimi/v1/inbox/{each}")
        answer = await self._client.get(url, headers={"Cookie": f"user={page.recipient}"})
        if answer.status_code == httpx.codes.NOT_FOUND:
            page.reader.rows.pop(each, None)
        elif answer.is_success:
            self._show(page, answer.json(), number)
        else:
            raise Refused(answer.text)

    @staticmethod
    def _show(page: Page, data: dict[str, Any], number: int) -> None:
        if data["id"] in page.reader.gone:
            return  # the stream was quicker than this answer
        row = page.reader.rows.get(data["id"])
        if row is None:
            page.news.append((number, data))
            page.reader.notes.loaded(data["object"]["id"], data["id"], data["version"])
        if row is None or row["version"] < data["version"]:
            page.reader.rows[data["id"]] = {
                "version": data["version"],
                "read": data["read_at"] is not None,
                "archived": data["archived_at"] is not None,
            }

    # -- the end ------------------------------------------------------------------------------

    async def _get(self, recipient: str, path: str) -> Any:
        cookie = {"Cookie": f"user={recipient}"}
        answer = await self._client.get(self._url(f"/alimi/v1/inbox{path}"), headers=cookie)
        if not answer.is_success:
            raise Refused(answer.text)
        return answer.json()

    async def _until_page_is_quiet(self, page: Page, last: str) -> None:
        def is_quiet(_: object) -> bool:
            return (
                not page.reader.must_reload and last in names(page) and not self._still_there(page)
            )

        # A page that does not come to rest is not waited for: what it lacks will be found.
        with contextlib.suppress(TimeoutError):
            await page.until(is_quiet, seconds=self._patience)
            cursor = (await self._get(page.recipient, "/counts"))["cursor"]
            await page.until(lambda reader: reader.cursor == cursor, seconds=self._patience)

    def _note(self, page: Page, consumer: Consumer) -> None:
        super()._note(page, consumer)
        consumer.complaints = page.reader.own_complaints

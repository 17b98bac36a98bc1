"""An application's database on PostgreSQL with our tables in it, and recording there."""

from collections.abc import Callable
from typing import Any

from alimi import backends
from alimi.model import Entry
from alimi.store import Joined, Recording
from alimi.stores.postgres import PostgresStore
from tests.contrib.assigned import ASSIGNED
from tests.support.postgres import PostgresServer


class Site:
    """An application's database with our tables in it, and the store on it."""

    def __init__(self, server: PostgresServer, url: str) -> None:
        self.server = server
        self.url = url
        self.store = PostgresStore(url)
        self.ask("CREATE TABLE card (id integer PRIMARY KEY, assignee integer)")
        self.ask("INSERT INTO card VALUES (1, NULL)")

    @property
    def database(self) -> str:
        return self.url.rpartition("/")[2]

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        """As another connection sees it."""
        return self.server.execute(statement, database=self.database)

    def recorded(self) -> list[tuple[Any, ...]]:
        return self.ask("SELECT kind, recipients FROM alimi_outbox ORDER BY seq")

    def assignees(self) -> list[Any]:
        return [each for (each,) in self.ask("SELECT assignee FROM card ORDER BY id")]


NEWS = [("card.assigned", ["2"])]


def writing(store: PostgresStore, *entries: Entry) -> Callable[[Joined], Recording]:
    """What notify() does inside a transaction."""
    return lambda joined: store.write(joined, entries or [ASSIGNED.event(to=2, object=1)])


async def record(within: Any, store: PostgresStore, *entries: Entry) -> None:
    await backends.transactions_for(within).run(within, writing(store, *entries))


def record_sync(within: Any, store: PostgresStore) -> None:
    backends.transactions_for(within).run_sync(within, writing(store))

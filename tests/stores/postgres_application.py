"""An application's own connection to a PostgreSQL database, as the store tests need it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

from alimi.contrib.psycopg import JoinedConnection
from alimi.store import Rows


class PostgresApplication:
    """Implements Application over psycopg, in autocommit, with its own BEGIN."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self.joined = JoinedConnection(connection)

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Rows:
        return self.joined.execute(sql, parameters)

    def begin(self) -> None:
        self.connection.execute("BEGIN")

    def commit(self) -> None:
        self.connection.execute("COMMIT")

    def rollback(self) -> None:
        self.connection.execute("ROLLBACK")


@contextmanager
def application(url: str) -> Iterator[PostgresApplication]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield PostgresApplication(connection)

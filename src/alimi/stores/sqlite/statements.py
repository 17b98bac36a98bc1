"""Few statements, whole sets: many rows written, or one JSON value read, by one call.

`sqlite3` lets go of the interpreter at every statement and at every row, and a thread that lets go
beside a busy event loop waits up to 5 ms until it is its turn again.  Row by row, a batch of 1,000
then took seconds (measured); in sets it takes a handful of turns, and SQLite really runs beside
Python.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec

from alimi.stores.sqlite.sql import SQL

#: Rows of one INSERT: few sizes, so that few statements are prepared, and large ones, because each
#: statement hands the interpreter over; 1,000 rows of 11 columns stay below SQLite's 32,766
#: variables.
_SIZES = (1000, 250, 50, 10, 1)


def insert_many(db: sqlite3.Connection, query: str, rows: Sequence[Sequence[Any]]) -> None:
    """Run an INSERT … VALUES (…) for all rows, in order."""
    at = 0
    for size in _SIZES:
        while len(rows) - at >= size:
            values = [value for row in rows[at : at + size] for value in row]
            db.execute(_repeated(query, size), values)
            at += size


@cache
def _repeated(query: str, times: int) -> str:
    before, values, after = SQL[query].partition("VALUES ")
    one, end, rest = after.partition(")")
    row = one + end
    return before + values + ", ".join([row] * times) + rest


def as_json(value: Sequence[Any]) -> str:
    """A list as a parameter: SQLite unfolds it with json_each()."""
    return msgspec.json.encode(value).decode()

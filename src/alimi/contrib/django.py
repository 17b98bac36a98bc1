"""Record inside a transaction of Django's, on SQLite or on PostgreSQL with psycopg 3.

    from django.db import connection, transaction

    with transaction.atomic():
        card.save()
        card_assigned.record(to=2, object=card, within=connection)

`connections["name"]` is taken as well.  The event is written on the driver's connection, which
Django opens when it is first needed: outside of a transaction there may be none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from alimi.backends import transactions_for
from alimi.errors import NoTransaction, UnknownTransaction
from alimi.store import Joined, Recording


async def run(within: Any, write: Callable[[Joined], Recording]) -> None:
    """As `run_sync`: Django's connections are synchronous, and block the loop."""
    run_sync(within, write)


def run_sync(within: Any, write: Callable[[Joined], Recording]) -> None:
    """Record in the open transaction of `django.db.connection`.

    Raises NoTransaction, and UnknownTransaction for another driver than sqlite3 or psycopg 3.
    """
    if not hasattr(within, "in_atomic_block"):
        raise UnknownTransaction(
            "pass django.db.connection, inside its `with transaction.atomic():`"
        )
    driver = within.connection
    if driver is None or (within.autocommit and not within.in_atomic_block):
        raise NoTransaction(
            "each statement of Django's commits by itself here: "
            "record inside `with transaction.atomic():`"
        )
    transactions_for(driver).run_sync(driver, write)

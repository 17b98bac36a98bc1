"""`alimi migrate`: make or update the tables."""

from __future__ import annotations

import asyncio
from typing import Any

from alimi.cli import configuration
from alimi.cli.database import naming, store_of
from alimi.cli.options import takes

EXAMPLES = ("alimi migrate", "alimi migrate --db sqlite:////var/lib/alimi.db")


@takes("database")
def migrate(**given: Any) -> None:
    """Make or update the tables; each step is one transaction, and nothing is done twice."""
    with naming(store_of(configuration.load(given))) as store:
        done = asyncio.run(store.migrate())
    for name in done:
        print(f"applied {name}")
    if not done:
        print("nothing to do: the tables are the newest")

"""`alimi migrate`: make or update the tables."""

from __future__ import annotations

import asyncio
from typing import Any

from alimi.cli import configuration
from alimi.cli.database import store_of
from alimi.cli.options import takes

EXAMPLES = ("alimi migrate", "alimi migrate --db sqlite:////var/lib/alimi.db")


@takes("database")
def migrate(**given: Any) -> None:
    """Make or update the tables; each step is one transaction, and nothing is done twice."""
    done = asyncio.run(store_of(configuration.load(given)).migrate())
    for name in done:
        print(f"applied {name}")
    if not done:
        print("nothing to do: the tables are the newest")

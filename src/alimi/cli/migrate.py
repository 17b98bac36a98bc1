"""`alimi migrate`: make or update the tables."""

from __future__ import annotations

import asyncio
from typing import Any

from alimi.cli import configuration, steps
from alimi.cli.database import naming, store_of
from alimi.cli.options import takes

EXAMPLES = ("alimi migrate", "alimi migrate --db sqlite:////var/lib/alimi.db")

#: The step that makes the tables; those after it change them.
_FIRST = "0001_"


@takes("database")
def migrate(**given: Any) -> None:
    """Make or update the tables; each step is one transaction, and nothing is done twice."""
    config = configuration.load(given)
    with naming(store_of(config)) as store:
        done = asyncio.run(store.migrate())
    for name in done:
        print(f"applied {name}")
    if not done:
        print("nothing to do: the tables are the newest")
    elif done[0].startswith(_FIRST):
        print(f"Next: start your application, or alimi serve{steps.flags(config, 'database')}")

"""`alimi sql`: what `migrate` would run."""

from __future__ import annotations

from typing import Any

from alimi.cli import configuration
from alimi.cli.database import naming, store_of
from alimi.cli.options import takes

EXAMPLES = ("alimi sql", "alimi sql --db app.db > alimi.sql")


@takes("database")
def sql(**given: Any) -> None:
    """Print the SQL that `alimi migrate` would run now; run nothing."""
    with naming(store_of(configuration.load(given))) as store:
        script = store.pending_sql()
    print(script.rstrip() or "-- nothing to do: the tables are the newest")

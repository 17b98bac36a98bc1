"""`alimi epoch`: the identity of the database."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated, Any

import typer

from alimi.backends import FullStore
from alimi.cli import configuration
from alimi.cli.database import demand_file, naming, store_of
from alimi.cli.options import takes
from alimi.errors import InvalidInput

EXAMPLES = ("alimi epoch", "alimi epoch --new", "alimi epoch --new --yes")

_QUESTION = "Every open page will reload its inbox. Give the database a new epoch?"


@takes("database")
def epoch(
    new: Annotated[
        bool, typer.Option("--new", help="Give it a new one: after every restore of a backup.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    **given: Any,
) -> None:
    """Show the database's epoch, or renew it after a restore.

    Cursors of another epoch are worthless: whoever comes back with one reloads the inbox instead of
    missing what the backup does not know.
    """
    store = store_of(configuration.load(given))
    demand_file(store)
    if new and not yes:
        if not sys.stdin.isatty():
            raise InvalidInput("nobody can be asked here: repeat it with --yes")
        typer.confirm(_QUESTION, abort=True)
    with naming(store):
        print(asyncio.run(store.renew_epoch() if new else _shown(store)))


async def _shown(store: FullStore) -> str:
    return (await store.inspect()).epoch

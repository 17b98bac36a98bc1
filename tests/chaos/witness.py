"""Looks for everything that pages are shown, in the database itself (G2)."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg

from tests.chaos.cluster import Cluster
from tests.support.processes_wire import KNOCK, Page

#: Seconds between two looks: all that was shown meanwhile is looked for at once.
OFTEN = 0.03
# What it looks for is written down, so that a breakage can wait until it was.
_LOOK = """
WITH shown AS (SELECT * FROM unnest(%(ids)s::text[], %(recipients)s::text[]) AS _ (id, recipient)),
noted AS (INSERT INTO looked_for SELECT DISTINCT id FROM shown ON CONFLICT DO NOTHING)
SELECT id, recipient FROM shown WHERE NOT EXISTS (
    SELECT FROM alimi_notifications n WHERE n.id = shown.id AND n.recipient = shown.recipient)
"""


class Witness:
    """Compares what pages show with what is committed, at the moment and not in the end.

    What was pushed too early is mostly committed a moment later, and nothing tells any more.
    """

    def __init__(self, cluster: Cluster, pages: list[Page]) -> None:
        #: The producers' name of what was not there, and to whom it was shown.
        self.missed: list[tuple[str, str]] = []
        self._cluster = cluster
        self._has_news = asyncio.Event()
        #: How much of each page's news was looked for.
        self._known = dict.fromkeys(pages, 0)
        for page in pages:
            page.has_news = self._has_news

    async def run(self) -> None:
        """Look for ever; while the database is away what was shown waits."""
        while True:
            try:
                where = self._cluster.postgres.url(self._cluster.database)
                async with await psycopg.AsyncConnection.connect(where, autocommit=True) as asked:
                    while True:
                        await self._look(asked)
                        await asyncio.sleep(OFTEN)  # the database has other work to do
                        await self._has_news.wait()
            except psycopg.Error:
                await asyncio.sleep(KNOCK)

    async def _look(self, asked: psycopg.AsyncConnection[Any]) -> None:
        self._has_news.clear()
        upto = {page: len(page.news) for page in self._known}
        shown = {
            (data["id"], page.recipient): data["object"]["id"]
            for page, known in self._known.items()
            for _, data in page.news[known : upto[page]]
        }
        ids, recipients = ([key[part] for key in shown] for part in (0, 1))
        rows = await asked.execute(_LOOK, {"ids": ids, "recipients": recipients})
        self.missed += [(shown[key], key[1]) for key in await rows.fetchall()]
        self._known = upto

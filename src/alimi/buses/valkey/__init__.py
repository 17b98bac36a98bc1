"""The bus over Valkey's (or Redis 7's) sharded pub/sub: a node hears only what concerns it.

The usual client knows sharded channels only without asyncio and without pipelining, so 10,000 of
them are 10,000 round trips; what we need of the protocol fits a page.
"""

from alimi.buses.valkey.dialling import make

__all__ = ["make"]

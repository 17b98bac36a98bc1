"""Several processes or machines: one PostgreSQL database, over asyncpg."""

from alimi.stores.postgres.store import PostgresStore

__all__ = ["PostgresStore"]

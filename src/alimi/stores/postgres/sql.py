"""The store's named queries, loaded once."""

from __future__ import annotations

from alimi.sqlfiles import load_queries

#: By name; each is explained in its file under `queries/`.
SQL = load_queries("alimi.stores.postgres")

"""Every error that Alimi raises on purpose.

    AlimiError
    ├── InvalidInput            the caller's fault: a value that cannot be accepted
    │   ├── InvalidRecipient
    │   ├── InvalidKind
    │   ├── MissingField        a text or url names a field the event does not have
    │   ├── UnsafeUrl
    │   ├── InvalidCursor
    │   └── InvalidIdentity
    ├── TransactionError        `within=` cannot be honoured
    │   ├── WithinMissing       the caller did not pass the transaction that it writes in
    │   ├── NoTransaction       the connection is not in a transaction
    │   ├── UnpreparedEngine    the driver would commit behind the application's back
    │   ├── ForeignDatabase     the transaction is on another database than the inbox
    │   └── UnknownTransaction  nothing here can join an object of that type
    ├── KeyConflict             the same key was used with another body
    ├── NotFound                no such notification in this inbox
    ├── StoreError              the database's fault
    │   ├── StoreBusy           somebody else kept the write lock too long
    │   ├── StoreClosed
    │   ├── StoreReadOnly       the server is a standby
    │   ├── SchemaMissing
    │   ├── SchemaTooNew
    │   └── StoreFull           the queue of writes, or of reads, is at its bound
    └── ConfigurationError      a setting that cannot work

The docstring of a class is its default message and says what to do next.
"""

from __future__ import annotations

import inspect


class AlimiError(Exception):
    """Alimi could not do what was asked."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or inspect.getdoc(type(self)) or type(self).__name__)


class InvalidInput(AlimiError, ValueError):
    """A value cannot be accepted."""


class InvalidRecipient(InvalidInput):
    """A recipient is an int or a string of 1 to 128 characters without control characters."""


class InvalidKind(InvalidInput):
    """A kind is named like "card.assigned" and has a text in at least one locale."""


class MissingField(InvalidInput):
    """A text or url names a field that the event does not have: pass it, or change the text."""


class UnsafeUrl(InvalidInput):
    """A url must be http(s) or begin with one slash."""


class InvalidCursor(InvalidInput):
    """The cursor is not one of this inbox: read the inbox again from its beginning."""


class InvalidIdentity(InvalidInput):
    """who() must answer a recipient (str or int), an Identity, or None."""


class TransactionError(AlimiError):
    """That cannot be done inside, or beside, this transaction."""


class WithinMissing(TransactionError):
    """You hold an open write transaction on this database: pass it as within=, or commit first."""


class NoTransaction(TransactionError):
    """within= needs an open transaction: begin one (BEGIN IMMEDIATE on SQLite) and pass it."""


class UnpreparedEngine(TransactionError):
    """Call alimi.contrib.sqlalchemy.prepare(engine) when you create the engine.

    Without it the SQLite driver starts transactions late and commits at the release of a savepoint.
    """


class ForeignDatabase(TransactionError):
    """The transaction is on another database than Alimi's tables: it cannot be atomic with them."""


class UnknownTransaction(TransactionError):
    """within= takes a session of SQLAlchemy, or its, Django's or a driver's connection."""


class KeyConflict(AlimiError):
    """This key was already used for another event: use a new key, or send the same body."""


class NotFound(AlimiError):
    """There is no such notification in this inbox."""


class StoreError(AlimiError):
    """The database could not do what was asked."""


class StoreBusy(StoreError):
    """The database stayed locked by another writer.

    If it is your own transaction, pass it as within=; else keep write transactions short.
    """


class StoreClosed(StoreError):
    """The store is closed: start Alimi before using it."""


class StoreReadOnly(StoreError):
    """The server is a standby and takes no writes: promote it, or name the primary in the URL."""


class StoreFull(StoreError):
    """Too many writes are waiting: slow down and try again."""


class SchemaMissing(StoreError):
    """The tables are missing or old: run `alimi migrate` with your --db; it needs alimi[server]."""


class SchemaTooNew(StoreError):
    """The tables were made by a newer Alimi: install it, or restore a backup from before it."""


class ConfigurationError(AlimiError):
    """A setting cannot work."""

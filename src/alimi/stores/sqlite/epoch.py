"""The epoch: whether this file is still the one whose cursors are out there.

A restored backup contains its own epoch and cannot tell by itself.  So each write transaction
counts, and a small file beside the database remembers, after every commit, the epoch and the
highest count.  A database that at the next start is behind that memory, or has another epoch, or
came here without it, is an older or a foreign copy: it gets a new epoch, every cursor becomes
worthless and clients reload instead of missing changes without a word (G5).
"""

from __future__ import annotations

import logging
import os
import secrets
import sqlite3
import struct
from functools import lru_cache
from pathlib import Path

from alimi.model import cursor_tag
from alimi.stores.sqlite.sql import SQL

log = logging.getLogger("alimi.sqlite")

_SIZE = 64
_MAGIC = b"alimi/1\0"
_EPOCH = slice(8, 40)
_COUNT = struct.Struct("<Q")
_COUNT_AT = 40
#: What makes an inbox's cursors its own.  One digest takes 2 µs, and the same readers come again.
tag_of = lru_cache(maxsize=65_536)(cursor_tag)


def sidecar_path(database: Path) -> Path:
    """Where the memory of a database lies."""
    return database.with_name(database.name + "-alimi")


#: The epoch and the highest count.
Memory = tuple[str, int]


class Sidecar:
    """The memory beside the file; written whole by one call after each commit, never mapped.

    In a mapped file a full disk or a truncation is a signal that ends the whole application.  What
    fails here is told once and costs no more than the memory.  Of two processes the slower may
    write last; the next commit of either puts that right.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            self._give_up(error)

    def recall(self) -> Memory | None:
        """What is remembered, or None when there is no memory."""
        return _decoded(self._read())

    @property
    def works(self) -> bool:
        """Whether anything can be remembered here."""
        return self._file is not None

    def remember(self, epoch: str, count: int) -> None:
        """What the database holds now."""
        if self._file is None:
            return
        data = (_MAGIC + epoch.encode() + _COUNT.pack(count)).ljust(_SIZE, b"\0")
        try:
            written = os.pwrite(self._file, data, 0)
        except OSError as error:
            self._give_up(error)
        else:
            if written < _SIZE:
                self._give_up("the disk is full")

    def _read(self) -> bytes:
        try:
            return b"" if self._file is None else os.pread(self._file, _SIZE, 0)
        except OSError as error:
            self._give_up(error)
            return b""

    def _give_up(self, reason: object) -> None:
        log.warning(
            "cannot use %s (%s): a restored older file will go unnoticed", self._path, reason
        )
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _decoded(data: bytes) -> Memory | None:
    if len(data) < _SIZE or not data.startswith(_MAGIC):
        return None
    return data[_EPOCH].decode("ascii", "replace"), _COUNT.unpack_from(data, _COUNT_AT)[0]


def glance(database: Path) -> Memory | None:
    """What is remembered beside a database; creates nothing.

    To be read before the database: what is committed in between is then no sign of anything.
    """
    try:
        return _decoded(sidecar_path(database).read_bytes())
    except OSError:
        return None


def check(db: sqlite3.Connection, sidecar: Sidecar) -> None:
    """Compare file and memory; call it inside a write transaction, so that neither moves."""
    remembered = sidecar.recall()
    if not sidecar.works:
        return
    doubt = doubts(db, remembered)
    if doubt is not None:
        if was_used(db):
            log.warning(
                "this database is an older or a foreign copy (%s): clients will reload their"
                " inboxes",
                doubt,
            )
        renew(db, sidecar)


def doubts(db: sqlite3.Connection, remembered: Memory | None) -> str | None:
    """Why this file is not the one that is remembered; None when it is."""
    epoch, count = db.execute(SQL["identity"]).fetchone()
    if remembered is None:
        return "it came without its -alimi file"
    if remembered[0] != epoch:
        return "its epoch is another"
    return "commits are missing" if remembered[1] > count else None


def was_used(db: sqlite3.Connection) -> bool:
    """Whether anything was ever written to it: a new file without a memory is no copy."""
    _, count = db.execute(SQL["identity"]).fetchone()
    return bool(count > 0)


def renew(db: sqlite3.Connection, sidecar: Sidecar) -> str:
    """A new identity for the store, in the file and in the memory; inside a write transaction."""
    epoch = secrets.token_hex(16)
    db.execute(SQL["set_epoch"], (epoch,))
    _, count = db.execute(SQL["identity"]).fetchone()
    sidecar.remember(epoch, count)
    return epoch

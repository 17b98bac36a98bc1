"""The epoch: whether this file is still the one whose cursors are out there.

A restored backup contains its own epoch and cannot tell by itself.  So each write transaction
counts, and a small file beside the database remembers, after every commit, the epoch and the
highest count.  A database that at the next start is behind that memory, or has another epoch, or
came here without it, is an older or a foreign copy: it gets a new epoch, every cursor becomes
worthless and clients reload instead of missing changes without a word (G5).
"""

from __future__ import annotations

import logging
import mmap
import os
import secrets
import sqlite3
import struct
from pathlib import Path

from alimi.stores.sqlite.sql import SQL

log = logging.getLogger("alimi.sqlite")

_SIZE = 64
_MAGIC = b"alimi/1\0"
_EPOCH = slice(8, 40)
_COUNT = struct.Struct("<Q")
_COUNT_AT = 40


def sidecar_path(database: Path) -> Path:
    """Where the memory of a database lies."""
    return database.with_name(database.name + "-alimi")


class Sidecar:
    """The memory beside the file, mapped, so that remembering a commit is not a system call."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._map: mmap.mmap | None = None
        try:
            self._map = _open(path)
        except OSError as error:
            log.warning(
                "cannot write %s (%s): a restored older file will go unnoticed", path, error
            )

    def recall(self) -> tuple[str, int] | None:
        """The remembered epoch and count, or None when there is no memory."""
        data = self._map
        if data is None or data[:8] != _MAGIC:
            return None
        return data[_EPOCH].decode("ascii", "replace"), _COUNT.unpack_from(data, _COUNT_AT)[0]

    @property
    def works(self) -> bool:
        """Whether anything can be remembered here."""
        return self._map is not None

    def begin(self, epoch: str, count: int) -> None:
        """Remember a new epoch; only under the database's write lock."""
        if self._map is not None:
            self._map[:_SIZE] = (_MAGIC + epoch.encode() + _COUNT.pack(count)).ljust(_SIZE, b"\0")

    def rise(self, count: int) -> None:
        """Remember a commit; another process may have remembered a later one."""
        if self._map is not None and count > _COUNT.unpack_from(self._map, _COUNT_AT)[0]:
            _COUNT.pack_into(self._map, _COUNT_AT, count)

    def close(self) -> None:
        """Let go of the file."""
        if self._map is not None:
            self._map.close()
            self._map = None


def _open(path: Path) -> mmap.mmap:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o644)
    try:
        if os.fstat(descriptor).st_size < _SIZE:
            os.ftruncate(descriptor, _SIZE)
        return mmap.mmap(descriptor, _SIZE)
    finally:
        os.close(descriptor)


def check(db: sqlite3.Connection, sidecar: Sidecar) -> None:
    """Compare file and memory; call it inside a write transaction, so that neither moves."""
    if not sidecar.works:
        return
    epoch, count = db.execute(SQL["identity"]).fetchone()
    remembered = sidecar.recall()
    if remembered is not None and remembered[0] == epoch and remembered[1] <= count:
        return
    if count > 0:
        log.warning(
            "this database is an older or a foreign copy (%s): clients will reload their inboxes",
            _reason(remembered, epoch),
        )
    renew(db, sidecar)


def _reason(remembered: tuple[str, int] | None, epoch: str) -> str:
    if remembered is None:
        return "it came without its -alimi file"
    return "commits are missing" if remembered[0] == epoch else "its epoch is another"


def renew(db: sqlite3.Connection, sidecar: Sidecar) -> str:
    """A new identity for the store, in the file and in the memory; inside a write transaction."""
    epoch = secrets.token_hex(16)
    db.execute(SQL["set_epoch"], (epoch,))
    _, count = db.execute(SQL["identity"]).fetchone()
    sidecar.begin(epoch, count)
    return epoch

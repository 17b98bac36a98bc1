"""Counts the fsyncs of a connection's write-ahead log, by standing between SQLite and the file."""

from __future__ import annotations

import _sqlite3
import ctypes
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_FCNTL_JOURNAL_POINTER = 28
_POINTER = ctypes.sizeof(ctypes.c_void_p)
#: sqlite3_io_methods: an int, then xClose, xRead, xWrite, xTruncate, xSync and 13 more.
_METHODS_SIZE = 19 * _POINTER
_SYNC_AT = 5 * _POINTER
_Sync = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int)


class Fsyncs:
    """How many there were."""

    count = 0


@contextmanager
def counted_fsyncs(db: sqlite3.Connection) -> Iterator[Fsyncs]:
    """Count while the body runs; the connection must be in WAL mode and have been used."""
    file = _log_file(db)
    table = ctypes.c_void_p.from_address(file)
    original = table.value or 0
    methods = ctypes.create_string_buffer(ctypes.string_at(original, _METHODS_SIZE), _METHODS_SIZE)
    slot = ctypes.c_void_p.from_buffer(methods, _SYNC_AT)
    really_sync = _Sync(slot.value or 0)
    counted = Fsyncs()

    def sync(handle: int, flags: int) -> int:
        counted.count += 1
        return int(really_sync(handle, flags))

    replacement = _Sync(sync)
    slot.value = ctypes.cast(replacement, ctypes.c_void_p).value
    table.value = ctypes.addressof(methods)
    try:
        yield counted
    finally:
        table.value = original


def _log_file(db: sqlite3.Connection) -> int:
    library: Any = ctypes.CDLL(getattr(_sqlite3, "__file__", None))
    handle = ctypes.c_void_p.from_address(id(db) + object.__basicsize__)
    control = library.sqlite3_file_control
    control.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p]
    file = ctypes.c_void_p()
    assert control(handle, b"main", _FCNTL_JOURNAL_POINTER, ctypes.byref(file)) == 0
    assert file.value
    return file.value

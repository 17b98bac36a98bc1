"""Many sends in one system call: Linux's io_uring, used like a loop over `send()`.

To enter and leave the kernel is a third of what a small send costs, and a turn of Python is more on
top.  Nothing is ever left under way: each send is one that does not wait, and the call returns with
all results.  So no buffer outlives it, and no descriptor can become another's meanwhile.

Through ctypes, as nothing else is needed of it.  Containers usually forbid it; then there is none.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import socket
import struct
import sys
import weakref
from array import array
from collections.abc import Sequence
from pathlib import Path

#: Sends in one system call; the ring takes 40 KB.
ENTRIES = 256
#: The same on all processors that Linux got after 2019 began.
_SETUP, _ENTER = 425, 426
#: One thread submits, and results are gathered when it asks (Linux 6.1).
_FLAGS = 1 << 12 | 1 << 13
_GET_EVENTS = 1
_SUBMISSIONS = 0x1000_0000
_PARAMETERS = 120
#: A submission and a completion, in bytes.
_SQE, _CQE = 64, 16
_SEND = 26
_STATUS = Path("/proc/self/status")


class Ring:
    """Sends; only for the thread that made it.  Raises OSError where there is no io_uring."""

    def __init__(self) -> None:
        _demand_leave()
        self._call = ctypes.CDLL(None, use_errno=True).syscall
        self._call.restype = ctypes.c_long
        parameters = bytearray(_PARAMETERS)
        struct.pack_into("<I", parameters, 8, _FLAGS)
        buffer = (ctypes.c_char * _PARAMETERS).from_buffer(parameters)
        self._fd = self._call(ctypes.c_long(_SETUP), ctypes.c_long(ENTRIES), buffer)
        if self._fd < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        self.close = weakref.finalize(self, os.close, self._fd)
        self._map(parameters)

    def _map(self, parameters: bytearray) -> None:
        entries, completions = struct.unpack_from("<II", parameters)
        _, tail, _, _, _, _, order = struct.unpack_from("<7I", parameters, 40)
        head, ready, _, _, _, results = struct.unpack_from("<6I", parameters, 80)
        size = max(order + 4 * entries, results + _CQE * completions)
        rings, slots = self._memory(size, 0), self._memory(_SQE * entries, _SUBMISSIONS)
        self._tail = rings[tail : tail + 4].cast("I")
        self._order = rings[order : order + 4 * entries].cast("I")
        self._head = rings[head : head + 4].cast("I")
        self._ready = rings[ready : ready + 4].cast("I")
        self._results = rings[results : results + _CQE * completions].cast("i")
        self._completions = completions
        flags = socket.MSG_NOSIGNAL | socket.MSG_DONTWAIT
        for number in range(entries):
            parts = (_SEND, 0, 0, -1, 0, 0, 0, flags, number, 0, 0, 0)
            struct.pack_into("<BBHiQQIIQQQQ", slots, number * _SQE, *parts)
        self._fds, self._lengths, self._addresses = (
            slots.cast("i"),
            slots.cast("I"),
            slots.cast("Q"),
        )
        self._numbers = array("I", range(entries))
        self._in_order = list(range(entries))

    def _memory(self, size: int, offset: int) -> memoryview:
        return memoryview(mmap.mmap(self._fd, size, offset=offset))

    def send(self, descriptors: Sequence[int], data: bytes) -> list[int]:
        """What the kernel took of `data` for each: bytes, or minus an errno; never waits.

        -1 is nobody's descriptor, and gets -EBADF.  Raises OSError when the ring is broken: then it
        is not known who got what.
        """
        took: list[int] = []
        for start in range(0, len(descriptors), ENTRIES):
            took += self._send(array("i", descriptors[start : start + ENTRIES]), data)
        return took

    def _send(self, descriptors: array[int], data: bytes) -> list[int]:
        count, tail = len(descriptors), self._tail[0]
        self._fill(descriptors, data, tail % ENTRIES)
        self._tail[0] = (tail + count) % 2**32
        taken = max(0, self._enter(count, count))
        # What it did not take in, for want of memory, is as if its socket were full.
        self._tail[0] = (tail + taken) % 2**32
        while (self._ready[0] - self._head[0]) % 2**32 < taken:
            if self._enter(0, taken) < 0 and ctypes.get_errno() != errno.EINTR:
                raise OSError(ctypes.get_errno(), "io_uring keeps what it did to itself")
        return self._gather(count, taken)

    def _fill(self, descriptors: array[int], data: bytes, at: int) -> None:
        count = len(descriptors)
        address = ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value
        self._fds[1 : 16 * count : 16] = descriptors
        self._addresses[2 : 8 * count : 8] = array("Q", (address or 0,)) * count
        self._lengths[6 : 16 * count : 16] = array("I", (len(data),)) * count
        before = min(count, ENTRIES - at)
        self._order[at : at + before] = self._numbers[:before]
        self._order[: count - before] = self._numbers[before:count]

    def _gather(self, count: int, taken: int) -> list[int]:
        head = self._head[0]
        at = head % self._completions
        wrapped = max(0, taken - (self._completions - at))
        first, last = 4 * at, 4 * (at + taken - wrapped)
        numbers = [*self._results[first:last:4], *self._results[: 4 * wrapped : 4]]
        results = [*self._results[first + 2 : last : 4], *self._results[2 : 4 * wrapped : 4]]
        self._head[0] = (head + taken) % 2**32
        if numbers == self._in_order[:count]:
            return results
        took = [0] * count
        for number, result in zip(numbers, results, strict=True):
            took[number] = result
        return took

    def _enter(self, submit: int, wait: int) -> int:
        words = (_ENTER, self._fd, submit, wait, _GET_EVENTS, 0, 0)
        return int(self._call(*map(ctypes.c_long, words)))


def _demand_leave() -> None:
    """Raises OSError where it cannot be had, without asking where asking could end the process."""
    if sys.platform != "linux" or sys.byteorder != "little":
        raise OSError("only on Linux")
    # A filter may kill who makes a call that it does not know.
    if "\nSeccomp:\t0\n" not in _STATUS.read_text():
        raise OSError("this process runs under a filter of system calls")

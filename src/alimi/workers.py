"""Several processes on one port, and the small parent that keeps them going.

The parent binds, forks and waits; it opens no database and runs no loop, so that there is nothing
in it that could fail.

On Linux each worker has a listening socket of its own (SO_REUSEPORT), because streams live long and
one socket for all spreads them badly: 4 workers got 177, 262, 562 and 999 of 2,000 connections, and
472 to 518 of them this way (measured; uvloop: 257 to 715).  The parent keeps all sockets open, so
that what waits at a worker that dies waits for its successor; and it kills a worker whose loop
takes no turn any more.  Elsewhere the workers share one socket.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

logger = logging.getLogger("alimi")

#: First and longest pause before a worker that died soon is started again, in seconds; meanwhile
#: its part of the newcomers waits.
_PAUSES = (0.5, 4.0)
#: A worker that lived so long died of something new.
_WELL_SECONDS = 60.0
#: So many quick deaths of every worker, with none ready: somebody else has to look.
_MOST_DEATHS = 8
#: A worker that has once said that its loop turns, and then says nothing for so long, hangs.
_HUNG_SECONDS = 30.0
#: Signals are waited for; this is the net under them.
_LOOK_SECONDS = 1.0
#: Far fewer than the descriptors that `alimi.uvicorn` spares, and enough for 10,000 a second.
_ACCEPTED_AT_ONCE = 8
_HANDLED = tuple(
    getattr(signal, name) for name in ("SIGCHLD", "SIGTERM", "SIGINT") if hasattr(signal, name)
)
#: 130 is how programs say that Ctrl-C ended them.
_ORDERLY = {0, 130, -signal.SIGTERM, -signal.SIGINT}


class Worker:
    """What a worker knows of itself: its number from 1, and its own listening sockets."""

    def __init__(self, number: int, sockets: list[socket.socket], said: int) -> None:
        self.number = number
        self.sockets = sockets
        self._said = said

    def ready(self) -> None:
        """It accepts connections."""
        self._say(b"r")

    def turn(self) -> None:
        """Its loop turns; said once, it has to be said every few seconds until it ends."""
        self._say(b"t")

    def _say(self, word: bytes) -> None:
        with contextlib.suppress(OSError):  # the parent may be gone
            os.write(self._said, word)


Serve = Callable[[Worker], int]


class _Slot:
    """A worker's place, in which one process follows another."""

    def __init__(self, number: int, sockets: list[socket.socket]) -> None:
        self.number = number
        self.sockets = sockets
        self.pid: int | None = None
        self.is_ready = False
        #: Where the process says how it is (-1: nowhere), and when it last said that its loop
        #: turns.
        self.ear = -1
        self.turned_at: float | None = None
        self.deaths = 0
        self.started_at = 0.0
        self.due_at = 0.0

    def __str__(self) -> str:
        return f"worker {self.number} (process {self.pid})"

    def deafen(self) -> None:
        """Nothing more is heard there."""
        if self.ear != -1:
            os.close(self.ear)
            self.ear = -1

    def pause(self, now: float) -> float:
        """It has died: how long to wait before the next."""
        self.deaths = 0 if now - self.started_at > _WELL_SECONDS else self.deaths + 1
        if self.deaths < 2:
            return 0.0  # the first may have been the kernel's or an operator's doing
        return float(min(_PAUSES[0] * 2 ** (self.deaths - 2), _PAUSES[1]))


def run_workers(
    count: int,
    serve: Serve,
    sockets: Sequence[socket.socket] = (),
    *,
    ready: Callable[[], None],
    stop_seconds: float,
) -> int:
    """Run `serve(worker)` in `count` processes until SIGTERM or SIGINT; answers the exit status.

    Call it from the main thread of a process without other threads, with `sockets` bound; it takes
    them over.  `serve` accepts on `worker.sockets`, calls `worker.ready()`, returns a status, and
    ends in order on SIGTERM and SIGINT, for which it has `stop_seconds`.  `ready` is called once
    all of them are.  A worker that dies is started again, later and later; one that dies before all
    were ready ends everything, and so does an address that somebody else has taken meanwhile: the
    log says which, and the status is 1.
    """
    try:
        spread = _spread(sockets, count)
    except OSError as error:
        logger.error("alimi: cannot listen on %s", error.strerror)  # noqa: TRY400 - for a person
        return 1
    slots = [_Slot(number, each) for number, each in enumerate(spread, 1)]
    return _Supervisor(slots, serve, ready, stop_seconds).run()


def _spread(sockets: Sequence[socket.socket], count: int) -> list[list[socket.socket]]:
    """Sockets for each worker, on the same addresses."""
    if sys.platform != "linux" or any(each.family == socket.AF_UNIX for each in sockets):
        return [list(sockets)] * count
    places = [(each.family, each.getsockname()) for each in sockets]
    for each in sockets:
        each.close()  # without SO_REUSEPORT it found out whether somebody else is there
    return [[bind(*place, shared=True) for place in places] for _ in range(count)]


class Listener(socket.socket):
    """A socket that says now and then, to who asks without waiting, that nobody else is there.

    asyncio accepts thousands before it begins any of them, and so before a protocol can refuse one.
    At the limit of open files it then writes thousands of tracebacks, and does so without end
    (Python 3.11).  The rest is accepted in the loop's next turns.
    """

    _accepted = 0

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept one; without waiting, BlockingIOError after each few and when there is none."""
        if self.gettimeout() != 0:
            return super().accept()
        if self._accepted == _ACCEPTED_AT_ONCE:
            self._accepted = 0
            raise BlockingIOError
        self._accepted += 1
        try:
            return super().accept()
        except BlockingIOError:
            self._accepted = 0
            raise
        except OSError:
            self._accepted = _ACCEPTED_AT_ONCE  # asyncio tries on in this turn, but pauses after it
            raise


def bind(family: int, address: tuple[Any, ...], *, shared: bool = False) -> socket.socket:
    """A bound socket, for who listens later; `shared` with others that are shared.

    Raises OSError whose text names the address.
    """
    # Without the protocol asyncio sets no TCP_NODELAY, and each answer waits 40 ms (measured).
    bound = Listener(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(address)
    except OSError as error:
        bound.close()
        raise OSError(error.errno, f"{address[0]} port {address[1]}: {error.strerror}") from error
    return bound


class _Supervisor:
    def __init__(
        self, slots: list[_Slot], serve: Serve, ready: Callable[[], None], stop_seconds: float
    ) -> None:
        self._slots = slots
        self._serve = serve
        self._ready: Callable[[], None] | None = ready
        self._stop_seconds = stop_seconds
        self._wake = socket.socketpair()
        #: Nothing is ever said here: that it ends tells the workers that the parent is gone.
        self._alive = os.pipe()
        self._kill_at: float | None = None
        self._status = 0

    def run(self) -> int:
        """Until the last worker has ended."""
        with self._hearing_signals():
            while self._kill_at is None or self._running():
                self._look()
        return self._status

    def _running(self) -> list[_Slot]:
        return [slot for slot in self._slots if slot.pid is not None]

    def _look(self) -> None:
        """One turn: start what is due, wait for news, take them."""
        now = time.monotonic()
        if self._kill_at is not None and now >= self._kill_at:
            self._kill()
        for slot in self._slots:
            if self._kill_at is None and slot.pid is None and slot.due_at <= now:
                self._start(slot)
        for slot in self._wait():
            self._hear(slot)
        for number in self._signals():
            if number != signal.SIGCHLD:
                self._stop(number)
        for slot in self._running():
            self._look_after(slot)

    def _wait(self) -> list[_Slot]:
        """Workers that said something; returns early for a signal and for what is due."""
        now = time.monotonic()
        due = [slot.due_at for slot in self._slots if slot.pid is None and self._kill_at is None]
        until = min([now + _LOOK_SECONDS, *due, *([self._kill_at] if self._kill_at else [])])
        talking = {slot.ear: slot for slot in self._running() if slot.ear != -1}
        poll = select.poll()  # select() knows no descriptor above 1,023
        for each in (self._wake[0].fileno(), *talking):
            poll.register(each, select.POLLIN)
        found = poll.poll(max(0.0, until - now) * 1_000)
        return [talking[each] for each, _ in found if each in talking]

    def _hear(self, slot: _Slot) -> None:
        words = os.read(slot.ear, 256)
        if not words:
            slot.deafen()  # it is about to end: SIGCHLD says when
        if b"r" in words:
            slot.is_ready = True
        if b"t" in words:
            slot.turned_at = time.monotonic()
        if self._ready is not None and all(each.is_ready for each in self._slots):
            ready, self._ready = self._ready, None
            ready()

    def _signals(self) -> bytes:
        with contextlib.suppress(BlockingIOError):
            return self._wake[0].recv(256)
        return b""

    # -- lives --------------------------------------------------------------------------------

    def _start(self, slot: _Slot) -> None:
        slot.is_ready, slot.turned_at, slot.started_at = False, None, time.monotonic()
        try:
            slot.pid = self._fork(slot)
        except OSError as error:  # the machine has no memory, process or descriptor left
            slot.deafen()
            self._replace(slot, 1, f"worker {slot.number} was not started: {error.strerror}")

    def _fork(self, slot: _Slot) -> int:
        slot.ear, said = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        # A signal in between must find either the parent's handlers or none of them.
        signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)
        try:
            pid = os.fork()
            if pid == 0:
                self._be(slot, said)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
            os.close(said)
        return pid

    def _be(self, slot: _Slot, said: int) -> NoReturn:
        """The worker's whole life."""
        status = 1
        try:
            os.setpgid(0, 0)  # Ctrl-C is for the parent, which tells the workers once
            signal.set_wakeup_fd(-1)
            for number in _HANDLED:
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.close(self._alive[1])
            for other in (slot, *self._running()):
                other.deafen()
            for each in self._wake:
                each.close()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
            threading.Thread(target=self._watch_parent, daemon=True).start()
            status = self._serve(Worker(slot.number, slot.sockets, said))
        except KeyboardInterrupt:
            status = 0
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else 1
        except BaseException:
            logger.exception("alimi: worker %d failed", slot.number)
        finally:
            with contextlib.suppress(OSError, ValueError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(status)

    def _watch_parent(self) -> None:
        """No orphans: a worker whose parent was killed ends in order, or else at once."""
        os.read(self._alive[0], 1)
        logger.error("alimi: the parent process is gone: this worker stops")
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(self._stop_seconds)  # the bound; a worker that ends by then ends this thread too
        os._exit(1)

    def _look_after(self, slot: _Slot) -> None:
        """See whether it has ended or hangs, and decide what comes next."""
        assert slot.pid is not None  # noqa: S101 - narrows the type
        pid, code = os.waitpid(slot.pid, os.WNOHANG)
        if not pid:
            if slot.turned_at is not None and self._kill_at is None:
                self._end_hung(slot, time.monotonic() - slot.turned_at)
            return
        slot.deafen()
        status = os.waitstatus_to_exitcode(code)
        told = f"{slot} {_told(status)}"
        slot.pid, slot.is_ready = None, False
        if self._kill_at is None:
            self._replace(slot, status, told)
        elif status not in _ORDERLY:
            logger.error("alimi: %s while it was stopping", told)
            self._status = self._status or 1

    def _end_hung(self, slot: _Slot, silent: float) -> None:
        if silent > _HUNG_SECONDS:
            logger.error("alimi: %s took no turn for %.0f s and is killed", slot, silent)
            slot.turned_at = None
            _send(slot, signal.SIGKILL)

    def _replace(self, slot: _Slot, status: int, told: str) -> None:
        now = time.monotonic()
        pause = slot.pause(now)
        slot.due_at = now + pause
        if self._ready is None and not self._is_hopeless():
            logger.error("alimi: %s; it is started again in %.1f s", told, pause)
            return
        logger.error("alimi: %s and cannot be kept running: all stop", told)
        self._status = max(status, 1)
        self._stop(signal.SIGTERM)

    def _is_hopeless(self) -> bool:
        return all(not each.is_ready and each.deaths >= _MOST_DEATHS for each in self._slots)

    def _stop(self, number: int) -> None:
        """Tell all workers; the second Ctrl-C means now."""
        if self._kill_at is not None:
            if number == signal.SIGINT:
                self._kill_at = time.monotonic()
            return
        self._kill_at = time.monotonic() + self._stop_seconds
        for slot in self._slots:
            for each in slot.sockets:
                each.close()  # else connections would wait here that nobody takes any more
            _send(slot, number)

    def _kill(self) -> None:
        self._kill_at = time.monotonic() + _LOOK_SECONDS
        for slot in self._running():
            logger.error("alimi: %s did not stop in time and is killed", slot)
            self._status = 1
            _send(slot, signal.SIGKILL)

    @contextlib.contextmanager
    def _hearing_signals(self) -> Iterator[None]:
        """Python-level handlers that do nothing: what counts is the byte on the socket."""
        for each in self._wake:
            each.setblocking(False)
        kept = {number: signal.signal(number, _nothing) for number in _HANDLED}
        waked = signal.set_wakeup_fd(self._wake[1].fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(waked)
            for number, handler in kept.items():
                signal.signal(number, handler)
            for each in self._wake:
                each.close()
            for end in self._alive:
                os.close(end)


def _send(slot: _Slot, number: int) -> None:
    if slot.pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(slot.pid, number)


def _told(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"


def _nothing(number: int, frame: object) -> None:
    del number, frame

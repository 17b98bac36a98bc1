"""The parent of several workers: real processes on one real socket."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from alimi.workers import Worker, _Slot, run_workers
from tests.support.processes import PATIENCE
from tests.support.servers import state, wait_until

SCRIPT = Path(__file__).parents[1] / "support/worker_parent.py"


class Parent:
    """A running parent and what it says."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(SCRIPT), *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.port = 0

    def wait_ready(self) -> None:
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def ask(self, word: str = "hello") -> tuple[int, int]:
        """Who answers: its number and its process."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as connection:
            connection.sendall(word.encode())
            number, pid = connection.makefile().readline().split()
        return int(number), int(pid)

    def workers(self, count: int) -> dict[int, int]:
        """All of them, found by asking until each has answered."""
        found: dict[int, int] = {}

        def all_have_answered() -> bool:
            found.update([self.ask()])
            return len(found) == count

        wait_until(all_have_answered, "all of them to answer")
        return found

    def wait(self) -> tuple[int, str]:
        """Its exit status and its log."""
        _, errors = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, errors


def is_gone(pid: int) -> bool:
    """Ended, whoever has to reap it; with its other threads, which hold the sockets as well."""
    threads = list(Path(f"/proc/{pid}").glob("task/*"))
    return len(threads) <= 1 and state(pid) in {"", "Z"}


@pytest.fixture
def start() -> Iterator[Callable[..., Parent]]:
    started: list[Parent] = []

    def one(*arguments: str) -> Parent:
        started.append(Parent(*arguments))
        return started[-1]

    yield one
    for each in started:
        each.process.kill()
        each.process.communicate()


def test_several_workers_answer_on_one_port(start: Callable[..., Parent]) -> None:
    """Each is a process of its own, and newcomers are spread evenly."""
    parent = start("2")
    parent.wait_ready()
    found = parent.workers(2)
    assert sorted(found) == [1, 2]
    assert len({*found.values(), parent.process.pid}) == 3
    first = sum(parent.ask()[0] == 1 for _ in range(400))
    assert 120 < first < 280  # of a fair coin once in 10**14 runs not


def test_a_worker_that_dies_is_replaced_and_the_log_says_so(start: Callable[..., Parent]) -> None:
    """The other one serves on, and who came to the dead one meanwhile is served by the next."""
    parent = start("2")
    parent.wait_ready()
    before = parent.workers(2)
    killed, _ = parent.ask("die")
    wait_until(lambda: parent.workers(2)[killed] != before[killed], "another in its place")
    assert parent.workers(2)[3 - killed] == before[3 - killed]
    parent.process.terminate()
    status, log = parent.wait()
    assert status == 0
    assert f"worker {killed} (process {before[killed]}) was ended by SIGKILL; it is started" in log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_ends_all_and_leaves_nobody(
    start: Callable[..., Parent], number: signal.Signals
) -> None:
    """The status is 0, the log is silent, and no process is left, not even as a zombie."""
    parent = start("3")
    parent.wait_ready()
    found = parent.workers(3)
    parent.process.send_signal(number)
    assert parent.wait() == (0, "")
    assert all(is_gone(pid) for pid in found.values())


def test_g8_a_worker_that_does_not_stop_is_killed(start: Callable[..., Parent]) -> None:
    """G8: a stop has a bound; past it the status says that it was not an orderly one."""
    parent = start("1", "stubborn")
    parent.wait_ready()
    _, pid = parent.ask()
    parent.process.terminate()
    status, log = parent.wait()
    assert status == 1
    assert f"worker 1 (process {pid}) did not stop in time and is killed" in log
    assert is_gone(pid)


def test_a_second_ctrl_c_means_now(start: Callable[..., Parent]) -> None:
    """Who waits at a terminal need not wait for the bound."""
    parent = start("1", "stubborn")
    parent.wait_ready()
    _, pid = parent.ask()
    parent.process.send_signal(signal.SIGTERM)
    parent.process.send_signal(signal.SIGINT)
    wait_until(lambda: is_gone(pid), "its end")
    assert parent.wait()[0] == 1


def test_a_worker_whose_loop_hangs_is_replaced(start: Callable[..., Parent]) -> None:
    """Its part of the newcomers would wait for ever; who never promised a turn is left alone."""
    parent = start("1", "hanging")
    parent.wait_ready()
    _, pid = parent.ask()

    def another_answers() -> bool:
        with contextlib.suppress(ConnectionError, ValueError):  # it was killed while it answered
            return parent.ask()[1] != pid
        return False

    wait_until(another_answers, "another")
    parent.process.terminate()
    status, log = parent.wait()
    assert status == 0
    assert f"worker 1 (process {pid}) took no turn for 1 s and is killed" in log


def test_somebody_elses_port_is_not_shared(start: Callable[..., Parent]) -> None:
    """SO_REUSEPORT would let two servers have one port, each with half of the visitors."""
    parent = start("2")
    parent.wait_ready()
    with pytest.raises(OSError, match="in use"):
        socket.create_server(("127.0.0.1", parent.port))


def test_a_port_that_is_taken_before_all_are_bound_is_one_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whoever begins to listen there meanwhile: the log names the port, and nobody is started."""

    def serve(worker: Worker) -> int:
        raise AssertionError(worker.number)

    with socket.socket() as ours, socket.socket() as theirs:
        for each in (ours, theirs):
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        ours.bind(("127.0.0.1", 0))
        theirs.bind(ours.getsockname())
        theirs.listen()
        assert run_workers(2, serve, [ours], ready=lambda: None, stop_seconds=1) == 1
        (record,) = caplog.records
        port = theirs.getsockname()[1]
    assert record.getMessage() == (
        f"alimi: cannot listen on 127.0.0.1 port {port}: Address already in use"
    )


def test_a_machine_that_cannot_fork_now_is_asked_again(start: Callable[..., Parent]) -> None:
    """Short of memory or processes, the parent tells it and tries again; it never leaves them."""
    parent = start("2", "poor")
    parent.wait_ready()
    before = parent.workers(2)
    killed, _ = parent.ask("die")
    wait_until(lambda: parent.workers(2)[killed] != before[killed], "another in its place")
    parent.process.terminate()
    status, log = parent.wait()
    assert status == 0
    assert (
        f"worker {killed} was not started: Resource temporarily unavailable; it is started" in log
    )


def test_a_machine_that_cannot_fork_at_the_start_ends_all(start: Callable[..., Parent]) -> None:
    """As any other worker that cannot start: in one line, and the others are not begun."""
    status, log = start("2", "poorest").wait()
    (line,) = log.splitlines()
    assert status == 1
    assert line.startswith("alimi: worker 1 was not started: Resource temporarily unavailable")
    assert line.endswith("cannot be kept running: all stop")


def test_workers_do_not_outlive_their_parent(start: Callable[..., Parent]) -> None:
    """`kill -9` of the parent ends them in order: the next start finds the port free."""
    parent = start("2")
    parent.wait_ready()
    found = parent.workers(2)
    os.kill(parent.process.pid, signal.SIGKILL)
    wait_until(lambda: all(is_gone(pid) for pid in found.values()), "their ends")
    with socket.create_server(("127.0.0.1", parent.port)):
        pass


def test_one_that_cannot_start_ends_all_with_its_status(start: Callable[..., Parent]) -> None:
    """What is wrong at the first start will be wrong again: say it once, and stop."""
    parent = start("2", "failing")
    status, log = parent.wait()
    assert status == 7
    assert "worker 2" in log
    assert "ended with status 7 and cannot be kept running: all stop" in log


def test_deaths_are_answered_later_and_later() -> None:
    """At once, then half a second, twice that each time, 4 s at most; a long life forgets them."""
    slot = _Slot(1, [])
    assert [slot.pause(1.0) for _ in range(10)] == [0, 0.5, 1, 2, 4, 4, 4, 4, 4, 4]
    slot.started_at = 1.0
    assert slot.pause(62.0) == 0
    slot.started_at = 62.0
    assert [slot.pause(62.5) for _ in range(2)] == [0, 0.5]

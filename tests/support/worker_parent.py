"""A parent with workers that answer their number, for the tests of `run_workers`.

    python worker_parent.py COUNT [stubborn|failing|hanging|poor|poorest]

It prints its port once all are ready.  A connection is answered "NUMBER PID"; who sends `die` kills
the worker.  On a poor machine the next fork fails once all are ready, on the poorest the first.
"""

from __future__ import annotations

import errno
import logging
import os
import signal
import socket
import sys

from alimi import Worker, run_workers, workers

STOP_SECONDS = 2.0


def answer(worker: Worker, connection: socket.socket) -> None:
    with connection:
        connection.sendall(f"{worker.number} {os.getpid()}\n".encode())
        asked = connection.recv(10)
    if asked == b"die":
        os.kill(os.getpid(), signal.SIGKILL)


def fail_one_fork() -> None:
    fork = os.fork

    def fail() -> int:
        os.fork = fork
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    os.fork = fail


def main() -> int:
    count, how = int(sys.argv[1]), (sys.argv[2:] or [""])[0]
    logging.basicConfig(format="%(message)s")
    if how == "poorest":
        fail_one_fork()
    if how == "hanging":
        workers._HUNG_SECONDS = 0.5
    bound = socket.create_server(("127.0.0.1", 0))
    port = bound.getsockname()[1]

    def serve(worker: Worker) -> int:
        if how == "failing" and worker.number == count:
            return 7
        if how == "stubborn":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        (listener,) = worker.sockets
        listener.listen()
        worker.ready()
        if how == "hanging":
            worker.turn()
        while True:
            answer(worker, listener.accept()[0])

    def ready() -> None:
        if how == "poor":
            fail_one_fork()
        sys.stdout.write(f"{port}\n")
        sys.stdout.flush()

    return run_workers(count, serve, [bound], ready=ready, stop_seconds=STOP_SECONDS)


if __name__ == "__main__":
    sys.exit(main())

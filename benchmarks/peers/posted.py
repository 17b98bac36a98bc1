"""Servers of their own that take events over HTTP, one a request: Nchan, Mercure, Centrifugo."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

import jwt

from benchmarks.asking import Line, post
from benchmarks.entrants import Command, Entrant
from benchmarks.peers.tools import FOLDER, HERE, run, tool

_MODULE = Path("usr/lib/nginx/modules/ngx_nchan_module.so")
#: One event's data: `~` occurs once and is what the load counts.
EVENT = '{"n": 0, "mark": "~%s"}' % ("x" * 360)
#: Signs tokens and opens the publish API of servers that live as long as one measure.
KEY = "benchmark-key-0123456789-0123456789"


@dataclass(frozen=True, kw_only=True)
class Posted(Entrant):
    """Takes its events over HTTP, one a request, as it always does; so it paces none."""

    #: The request that publishes one event to a recipient.
    publish: Callable[[int], bytes]
    paces: bool = False

    def fire(self, line: Line, count: int, of: int, how: str = "") -> Callable[[], bytes]:
        numbers = range(count)
        line.send(b"".join(self.publish(number * 7919 % of) for number in numbers))
        return lambda: [line.answer() for _ in numbers][-1]


def _configured(template: str, parts: dict[str, object], words: list[str]) -> Command:
    """Fill the template into the folder of the run; `{config}` in the command is that file."""

    def command(folder: Path, port: int) -> list[str]:
        text = (HERE / template).read_text()
        for name, value in {**parts, "folder": folder, "port": port}.items():
            text = text.replace(f"{{{name}}}", str(value))
        config = folder / template
        config.write_text(text)
        return [word.format(folder=folder, config=config) for word in words]

    return command


def _try(name: str, check: Command) -> None:
    """Whether the program takes its configuration; Missing with its last word otherwise."""
    trial = FOLDER / f"{name}-trial"
    trial.mkdir(parents=True, exist_ok=True)
    run(check(trial, 1), trial)


def _nchan_module() -> Path:
    """Of the machine, or unpacked from Debian's package without installing it."""
    unpacked = FOLDER / "nchan"
    for root in (Path("/"), unpacked):
        if (root / _MODULE).is_file():
            return root / _MODULE
    unpacked.mkdir(exist_ok=True)
    run([tool("apt-get"), "download", "libnginx-mod-nchan"], unpacked)
    for package in unpacked.glob("*.deb"):
        run([tool("dpkg"), "-x", package, unpacked], unpacked)
    return unpacked / _MODULE


def nchan() -> Entrant:
    """One channel for each recipient, the last events in memory."""
    parts: dict[str, object] = {"module": _nchan_module()}
    words = [tool("nginx", "/usr/sbin"), "-p", "{folder}", "-c", "{config}"]
    _try("nchan", _configured("nchan.conf", parts, [*words, "-t"]))
    return Posted(
        "nginx + Nchan", _configured("nchan.conf", parts, words), "in memory, events over HTTP",
        ready=b"\r\n\r\n",
        publish=lambda recipient: post(f"/pub/{recipient}", EVENT.encode()),
    )  # fmt: skip


def mercure() -> Entrant:
    """One topic for each recipient; whoever asks may read it, and nothing is kept."""
    program = tool("mercure", source="https://mercure.rocks/docs/hub/install")
    parts: dict[str, object] = {"key": KEY}
    words = ["--adapter", "caddyfile", "--config", "{config}"]
    _try("mercure", _configured("mercure.caddyfile", parts, [program, "validate", *words]))
    token = _signed({"mercure": {"publish": ["*"]}})
    headers = [f"Authorization: Bearer {token}", "Content-Type: application/x-www-form-urlencoded"]

    def publish(recipient: int) -> bytes:
        body = urlencode({"topic": recipient, "data": EVENT})
        return post("/.well-known/mercure", body.encode(), *headers)

    return Posted(
        "Mercure", _configured("mercure.caddyfile", parts, [program, "run", *words]),
        "no history, events over HTTP", ready=b"\r\n\r\n",
        path="/.well-known/mercure?topic={}".format, publish=publish,
    )  # fmt: skip


def centrifugo() -> Entrant:
    """One channel for each recipient, named in the token that a stream is opened with."""
    program = tool("centrifugo", source="https://centrifugal.dev/docs/getting-started/installation")
    parts: dict[str, object] = {"key": KEY}
    words = ["--config", "{config}"]
    check = [program, "checkconfig", "--strict", *words]
    _try("centrifugo", _configured("centrifugo.json", parts, check))

    def path(recipient: int) -> str:
        token = _signed({"sub": str(recipient), "channels": [str(recipient)]})
        return f"/connection/uni_sse?cf_connect={quote(json.dumps({'token': token}))}"

    def publish(recipient: int) -> bytes:
        body = f'{{"channel": "{recipient}", "data": {EVENT}}}'
        return post("/api/publish", body.encode(), f"X-API-Key: {KEY}")

    return Posted(
        "Centrifugo", _configured("centrifugo.json", parts, [program, *words]),
        "no history, events over HTTP", ready=b'"connect":', path=path, publish=publish,
    )  # fmt: skip


def _signed(claims: dict[str, object]) -> str:
    return jwt.encode(claims, KEY, "HS256")

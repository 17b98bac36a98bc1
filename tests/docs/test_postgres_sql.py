"""Each statement of docs/postgres-sql.md, run on a server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.docs import pages

CHECKS = pages.checks(pages.DOCS / "postgres-sql.md")
Db = psycopg.Connection[Any]


@pytest.fixture
def db(postgres_url: str) -> Iterator[Db]:
    """A database with the table that the page speaks of, and a role."""
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE cards (id integer, title text, assignee_id integer)")
        connection.execute("INSERT INTO cards VALUES (12, 'Search forgives', 2)")
        connection.execute("CREATE ROLE clerk")
        yield connection
        connection.rollback()  # a role belongs to the whole server


def run(db: Db, name: str) -> list[Any]:
    """What each statement of a block answers."""
    cursor = db.cursor()
    answers = []
    between = ";\n\n" if name == "trigger" else ";\n"
    for statement in filter(str.strip, f"{CHECKS[name]}\n".split(between)):
        cursor.execute(statement.encode())
        answers.append(cursor.fetchone() if cursor.description else None)
    return answers


def waiting(db: Db) -> list[tuple[Any, ...]]:
    rows = "SELECT type, kind, category, recipients, about FROM alimi_outbox ORDER BY seq"
    return db.execute(rows.encode()).fetchall()


def test_every_block_is_run() -> None:
    """A new example has a test too."""
    assert set(CHECKS) == {"notify", "trigger", "once", "retract", "refused", "rights"}


def test_the_first_statement(db: Db) -> None:
    """It records the event and answers its id."""
    assert len(run(db, "notify")) == 1
    assert waiting(db) == [("event", "card.assigned", "cards", ["2"], "card:12")]


def test_g2_the_trigger(db: Db) -> None:
    """G2: the new assignee is told and the old one no longer, in the transaction of the change."""
    run(db, "trigger")
    db.execute("UPDATE cards SET assignee_id = 3; UPDATE cards SET title = 'x'")
    db.execute("UPDATE cards SET assignee_id = NULL")
    assert waiting(db) == [
        ("retract", None, None, ["2"], "card:12"),
        ("event", "card.assigned", "cards", ["3"], "card:12"),
        ("retract", None, None, ["3"], "card:12"),
    ]


def test_once(db: Db) -> None:
    """Both answer one id."""
    first, second = run(db, "once")
    assert first == second
    assert [row[2] for row in waiting(db)] == ["card", "card"]


def test_withdrawing(db: Db) -> None:
    """From one, from everybody."""
    run(db, "retract")
    assert [row[3] for row in waiting(db)] == [["2"], None]


def test_the_error_is_the_one_shown(db: Db) -> None:
    """Message and hint are those of the page."""
    with pytest.raises(psycopg.errors.InvalidParameterValue) as caught:
        run(db, "refused")
    shown = caught.value.diag
    assert (
        f"-- ERROR:  {shown.message_primary}\n-- HINT:  {shown.message_hint}" in CHECKS["refused"]
    )


def test_the_rights_suffice(db: Db) -> None:
    """With nothing else granted the functions work."""
    run(db, "rights")
    db.execute("SET LOCAL ROLE clerk")
    run(db, "notify")
    run(db, "retract")
    db.execute("RESET ROLE")
    assert len(waiting(db)) == 3

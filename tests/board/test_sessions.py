"""Who may come in, how often they may try, and what the demo's password opens."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from sqlalchemy import text, update

from board.accounts import add_user
from board.clock import now_ms
from board.models import Login
from board.settings import Settings
from tests.board.harness import EMMA, JIWOO, Bench, Person, log_in, open_bench


async def test_tokens_are_kept_as_hashes(bench: Bench, emma: Person) -> None:
    """Who reads the database cannot log in with what is in it."""
    token = emma.client.cookies["board_session"]
    async with bench.board.database.reading() as session:
        rows = (await session.execute(text("SELECT * FROM logins"))).all()
    assert len(rows) == 1
    assert token not in str(rows)


async def test_passwords_are_kept_as_argon2(bench: Bench) -> None:
    """And no two are alike, though the passwords are."""
    async with bench.board.database.reading() as session:
        kept = (await session.scalars(text("SELECT password_hash FROM users"))).all()
    assert len(set(kept)) == 3
    assert all(each.startswith("$argon2id$") for each in kept)


async def test_a_session_ends_by_itself(bench: Bench, emma: Person) -> None:
    """After its time the cookie is worthless."""
    async with bench.board.database.writing() as session:
        await session.execute(update(Login).values(expires_at=now_ms() - 1))
    assert (await emma.client.get("/api/session")).status_code == 401
    assert (await emma.client.get("/alimi/v1/inbox")).status_code == 401
    await bench.person(JIWOO)
    async with bench.board.database.reading() as session:
        assert (await session.scalar(text("SELECT count(*) FROM logins"))) == 1


async def test_logging_in_again_ends_the_former_session(bench: Bench, emma: Person) -> None:
    """One browser, one session: somebody else's log-in leaves nothing of the first open."""
    former = emma.client.cookies["board_session"]
    await log_in(emma.client, JIWOO)
    assert (await emma.get("/api/session"))["user_id"] == JIWOO
    stranger = await bench.stranger(cookie=f"board_session={former}")
    assert (await stranger.get("/api/session")).status_code == 401


async def test_a_page_acts_only_for_whom_it_was_made(emma: Person) -> None:
    """A tab left open while somebody else logs in with its browser is told, and changes nothing."""
    stale, own = {"X-Board-User": str(JIWOO)}, {"X-Board-User": str(EMMA)}
    wanted = {"user_id": JIWOO}
    path = "/api/cards/12/assignee"
    for method, where in (("GET", "/api/session"), ("PATCH", path), ("DELETE", "/api/session")):
        body = wanted if method == "PATCH" else None
        answer = await emma.client.request(method, where, json=body, headers=stale)
        assert answer.status_code == 409
        assert answer.json()["type"] == "urn:alimi-board:problem:session-changed"
    card = await emma.get("/api/cards/12")
    assert card["assignee_id"] == EMMA
    answer = await emma.client.patch(path, json=wanted, headers=own)
    assert answer.status_code == 200


@pytest.mark.parametrize("token", ["", "x", "가", "a" * 5000, '"quoted"'])
async def test_a_made_up_cookie_is_nobody(bench: Bench, token: str) -> None:
    """Whatever stands in the cookie, it opens nothing and breaks nothing."""
    stranger = await bench.stranger()
    headers = {b"cookie": b"board_session=" + token.encode()}
    assert (await stranger.get("/api/session", headers=headers)).status_code == 401
    assert (await stranger.get("/", headers=headers)).status_code == 303


async def test_demo_passwords_open_nothing_without_the_demo(tmp_path: Path) -> None:
    """The same file served with --no-demo: neither the password nor an open session works."""
    database = tmp_path / "board.db"
    async with open_bench(database) as bench:
        cookie = f"board_session={(await bench.person(EMMA)).client.cookies['board_session']}"
    async with open_bench(database, demo=False) as bench:
        assert (await log_in(await bench.stranger(), EMMA)).status_code == 401
        stranger = await bench.stranger(cookie=cookie)
        for path in ("/api/session", "/alimi/v1/inbox", "/sse/1"):
            assert (await stranger.get(path)).status_code == 401
        page = (await stranger.get("/login")).text
        assert "Emma" not in page
    async with open_bench(database) as bench:
        stranger = await bench.stranger(cookie=cookie)
        assert (await stranger.get("/api/session")).status_code == 200


async def test_a_board_without_the_demo_has_no_users(tmp_path: Path) -> None:
    """Nothing but three lists, and nobody who could log in."""
    async with open_bench(tmp_path / "board.db", demo=False) as bench:
        assert (await log_in(await bench.stranger(), EMMA)).status_code == 401
        async with bench.board.database.reading() as session:
            assert (await session.scalar(text("SELECT count(*) FROM users"))) == 0
            assert (await session.scalar(text("SELECT count(*) FROM lists"))) == 3


async def test_users_of_ones_own(tmp_path: Path) -> None:
    """Added from the command line they log in, by number or by name, with and without the demo."""
    database = tmp_path / "board.db"
    said = await add_user(Settings(database), "  Ada  Lovelace ", "enchantress", "en")
    assert said == "Ada Lovelace is user 1 and can log in."
    async with open_bench(database, demo=False) as bench:
        await bench.person(1, "enchantress")
        stranger = await bench.stranger()
        wanted = {"name": "Ada Lovelace", "password": "enchantress"}
        assert (await stranger.post("/api/session", json=wanted)).status_code == 204
    async with open_bench(database) as bench:
        # A board that is in use gets no demo.
        assert (await log_in(await bench.stranger(), EMMA)).status_code == 401
        assert (await log_in(await bench.stranger(), 2)).status_code == 401


async def test_another_password_ends_all_sessions(tmp_path: Path) -> None:
    """A demo user with a password of their own is a user like any other; old sessions are over."""
    database = tmp_path / "board.db"
    async with open_bench(database) as bench:
        emma = await bench.person(EMMA)
        await add_user(Settings(database), "Emma Reid", "secret", "ko")
        assert (await emma.client.get("/api/session")).status_code == 401
        assert (await log_in(emma.client, EMMA)).status_code == 401
    async with open_bench(database, demo=False) as bench:
        emma = await bench.person(EMMA, "secret")
        assert (await emma.get("/api/session"))["locale"] == "ko"


@pytest.mark.parametrize(
    "name",
    ["", "  ", "a@b", "x" * 61, "a\x00b", "\u3164", "\u2800", "a\u200bb", "김\u3164", "\u0301"],
)
async def test_names_that_nobody_can_have(tmp_path: Path, name: str) -> None:
    """A name has to be seen, and to be mentioned."""
    with pytest.raises(ValueError, match="visible characters"):
        await add_user(Settings(tmp_path / "board.db"), name, "secret", "en")


async def test_one_name_however_it_was_typed(tmp_path: Path) -> None:
    """Decomposed Hangul, as some systems store it, is the same person."""
    settings = Settings(tmp_path / "board.db", demo=False)
    await add_user(settings, "김하나", "secret", "ko")
    said = await add_user(settings, unicodedata.normalize("NFD", "김하나"), "other", "ko")
    assert "another password" in said
    async with open_bench(tmp_path / "board.db", demo=False) as bench:
        wanted = {"name": unicodedata.normalize("NFD", "김하나"), "password": "other"}
        stranger = await bench.stranger()
        assert (await stranger.post("/api/session", json=wanted)).status_code == 204

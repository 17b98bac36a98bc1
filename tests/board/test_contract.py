"""The contract that other programs rely on, row by row."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.board.harness import DOHYUN, EMMA, JIWOO, PROBLEM, Bench, Person, detail, log_in


@pytest.fixture
def database(each_database: Path | str) -> Path | str:
    """All of it on SQLite and on PostgreSQL."""
    return each_database


async def test_log_in_sets_a_cookie_that_scripts_cannot_read(bench: Bench) -> None:
    """POST /api/session answers 204 and a cookie that is HttpOnly and SameSite=Lax."""
    answer = await log_in(await bench.stranger(), JIWOO)
    assert (answer.status_code, answer.content) == (204, b"")
    name, *flags = answer.headers["set-cookie"].split("; ")
    assert name.startswith("board_session=")
    assert {flag.lower() for flag in flags} >= {"httponly", "samesite=lax", "path=/"}
    assert "Secure" not in flags


async def test_the_cookie_is_secure_over_https(bench: Bench) -> None:
    """With the scheme https the cookie never travels in the open."""
    client = await bench.stranger()
    client.base_url = "https://board.test"
    answer = await log_in(client, JIWOO)
    assert "Secure" in answer.headers["set-cookie"].split("; ")


@pytest.mark.parametrize(
    ("user_id", "password"), [(JIWOO, "wrong"), (JIWOO, ""), (99, "demo"), (2**70, "demo")]
)
async def test_a_wrong_login_is_401(bench: Bench, user_id: int, password: str) -> None:
    """A wrong password and a user who does not exist look the same."""
    answer = await log_in(await bench.stranger(), user_id, password)
    assert detail(answer, 401) == "The user or the password is wrong."
    assert "set-cookie" not in answer.headers


async def test_who_am_i(bench: Bench, emma: Person) -> None:
    """GET /api/session tells who is logged in, and 401 to everybody else."""
    me = await emma.get("/api/session")
    assert (me["user_id"], me["name"], me["locale"]) == (EMMA, "Emma Reid", "en")
    detail(await (await bench.stranger()).get("/api/session"), 401)


async def test_log_out(emma: Person) -> None:
    """DELETE /api/session ends it, and a second time does no harm."""
    token = emma.client.cookies["board_session"]
    assert (await emma.client.delete("/api/session")).status_code == 204
    emma.client.cookies.set("board_session", token)
    detail(await emma.client.get("/api/session"), 401)
    assert (await emma.client.delete("/api/session")).status_code == 204


async def test_the_board_in_one_answer(emma: Person) -> None:
    """GET /api/board holds lists, cards and users; card numbers begin with 1."""
    board = await emma.get("/api/board")
    assert board.keys() >= {"lists", "cards", "users"}
    assert {user["id"] for user in board["users"]} == {EMMA, JIWOO, DOHYUN}
    assert sorted(card["id"] for card in board["cards"]) == list(range(1, len(board["cards"]) + 1))
    lists = {each["id"] for each in board["lists"]}
    assert {card["list_id"] for card in board["cards"]} <= lists


async def test_a_card_is_made(emma: Person) -> None:
    """POST /api/cards answers 201 and the card with its number."""
    answer = await emma.client.post("/api/cards", json={"list_id": 1, "title": "  A window  "})
    assert answer.status_code == 201
    card = answer.json()
    assert (card["title"], card["list_id"], card["author_id"]) == ("A window", 1, EMMA)
    assert await emma.get(f"/api/cards/{card['id']}") == card
    assert card["watching"] is True


async def test_a_card_is_read_and_edited(emma: Person) -> None:
    """PATCH /api/cards/{id} changes what is given and nothing else."""
    before = await emma.get("/api/cards/4")
    after = await emma.edit(4, title="Search forgives", description="a\nb")
    assert (after["title"], after["description"]) == ("Search forgives", "a\nb")
    assert after["assignee_id"] == before["assignee_id"]
    assert await emma.get("/api/cards/4") == after


async def test_a_comment_is_made(emma: Person) -> None:
    """POST /api/cards/{id}/comments answers 201 and the comment."""
    comment = await emma.comment(4, "Hello")
    assert (comment["text"], comment["author_id"], comment["card_id"]) == ("Hello", EMMA, 4)
    comments = (await emma.client.get("/api/cards/4/comments")).json()
    assert comments[-1] == comment
    assert (await emma.get("/api/cards/4"))["comment_count"] == len(comments)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/api/cards/999", None),
        ("GET", f"/api/cards/{2**80}", None),
        ("PATCH", "/api/cards/0", {"title": "x"}),
        ("POST", "/api/cards/999/comments", {"text": "x"}),
        ("PUT", "/api/cards/-1/watching", {"watching": True}),
    ],
)
async def test_a_missing_card_is_404(
    jiwoo: Person, method: str, path: str, body: dict[str, object] | None
) -> None:
    """Whatever one wants of a card that does not exist, it is the same problem."""
    answer = await jiwoo.client.request(method, path, json=body)
    assert detail(answer, 404) == "존재하지 않는 카드입니다."


async def test_a_list_that_is_missing_is_404(emma: Person) -> None:
    """A card cannot go where there is nothing."""
    for answer in (
        await emma.client.post("/api/cards", json={"list_id": 99, "title": "x"}),
        await emma.client.patch("/api/cards/4", json={"list_id": 99}),
    ):
        assert detail(answer, 404) == "This list does not exist."


async def test_handing_a_card_over_answers_in_korean(jiwoo: Person) -> None:
    """A Korean reader gets the exact Korean sentence, and the card."""
    answer = await jiwoo.assign(12, JIWOO)
    assert answer.status_code == 200
    assert answer.json()["message"] == "12번 카드의 담당자를 2번 사용자로 변경했습니다."
    assert answer.json()["card"]["assignee_id"] == JIWOO
    assert answer.json()["card"] == await jiwoo.get("/api/cards/12")


async def test_handing_a_card_over_answers_in_english(emma: Person) -> None:
    """An English reader gets it in English."""
    answer = await emma.assign(12, JIWOO)
    assert answer.json()["message"] == "Changed the assignee of card 12 to user 2."
    answer = await emma.assign(12, None)
    assert answer.json()["message"] == "Removed the assignee of card 12."
    assert answer.json()["card"]["assignee_id"] is None


async def test_a_missing_user_is_404(emma: Person, jiwoo: Person) -> None:
    """Nobody can be given a card who does not exist."""
    for user in (99, 0, -1, 2**70):
        assert detail(await jiwoo.assign(12, user), 404) == "존재하지 않는 사용자입니다."
        assert detail(await emma.assign(12, user), 404) == "This user does not exist."
    assert (await emma.get("/api/cards/12"))["assignee_id"] == EMMA


async def test_handing_over_a_missing_card_is_404(emma: Person, jiwoo: Person) -> None:
    """A card that does not exist cannot be given to anybody."""
    assert detail(await jiwoo.assign(999, JIWOO), 404) == "존재하지 않는 카드입니다."
    assert detail(await emma.assign(999, JIWOO), 404) == "This card does not exist."


async def test_the_stream_of_somebody_else(bench: Bench, emma: Person) -> None:
    """GET /sse/{user_id}: 401 without a session, 403 for another's number, before any byte (G7)."""
    stranger = await bench.stranger(**{"accept-language": "ko"})
    assert detail(await stranger.get("/sse/1"), 401) == "먼저 로그인해 주세요."
    for other in ("2", "01", "1x", "%31%00"):
        detail(await emma.client.get(f"/sse/{other}"), 403)


async def test_head_of_the_stream(emma: Person) -> None:
    """HEAD answers with the headers of a stream and nothing else."""
    answer = await emma.client.head("/sse/1")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/event-stream"


async def test_everything_needs_a_session(bench: Bench) -> None:
    """Nobody reads or writes the board without having logged in."""
    stranger = await bench.stranger()
    for method, path in (
        ("GET", "/api/board"),
        ("GET", "/api/cards/1"),
        ("GET", "/api/cards/1/comments"),
        ("POST", "/api/cards"),
        ("POST", "/api/lists"),
        ("PATCH", "/api/lists/1"),
        ("PATCH", "/api/cards/1"),
        ("PATCH", "/api/cards/1/assignee"),
        ("PUT", "/api/cards/1/watching"),
        ("POST", "/api/cards/1/comments"),
        ("PATCH", "/api/comments/1"),
        ("GET", "/alimi/v1/inbox"),
    ):
        answer = await stranger.request(method, path)
        assert answer.status_code == 401, (method, path)
        assert answer.headers["content-type"] == PROBLEM

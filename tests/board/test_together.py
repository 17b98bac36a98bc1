"""Several people at once, and changes that fail half-way."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from board import cards
from board.acts import Act
from board.etags import Expected
from board.models import Card
from board.notices import Notices
from board.users import Member
from tests.board.harness import DOHYUN, EMMA, JIWOO, Bench, Json, Person

NOBODY_ASKED = Expected(None)


@pytest.fixture
def database(each_database: Path | str) -> Path | str:
    """All of it on SQLite and on PostgreSQL."""
    return each_database


class Stumble(Exception):
    """Something after the notice went wrong."""


async def member(bench: Bench, person: Person) -> Member:
    """The person, as the services see them."""
    found = await bench.board.member(person.client.cookies["board_session"])
    assert found is not None
    return found


async def test_g2_a_failure_after_the_notice_takes_both_back(
    bench: Bench, emma: Person, jiwoo: Person
) -> None:
    """G2: rolled back after notify(), neither the card has changed nor was anybody told, ever."""
    actor = await member(bench, emma)

    async def assign_and_stumble() -> None:
        async with bench.board.act(actor) as act:
            await cards.assign(act, 12, JIWOO, NOBODY_ASKED)
            raise Stumble

    with pytest.raises(Stumble):
        await assign_and_stumble()
    assert (await emma.get("/api/cards/12"))["assignee_id"] == EMMA
    assert await jiwoo.inbox() == []
    # And what is told later is not preceded by a ghost.
    await emma.assign(12, JIWOO)
    assert [each["version"] for each in await jiwoo.inbox()] == [1]


async def test_g2_a_notice_that_cannot_be_recorded_takes_the_change_back(
    bench: Bench, emma: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G2: the card does not change hands when nobody could be told; the answer is a problem."""

    async def stumble(self: Notices, card: Card, before: int | None) -> None:
        raise Stumble

    monkeypatch.setattr(Notices, "assigned", stumble)
    answer = await emma.assign(12, JIWOO)
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await emma.get("/api/cards/12"))["assignee_id"] == EMMA


async def test_two_who_assign_at_once_take_turns(
    emma: Person, jiwoo: Person, dohyun: Person
) -> None:
    """Both succeed one after the other; who lost the card hears so, and only one holds it."""
    answers = await asyncio.gather(emma.assign(6, JIWOO), emma.assign(6, DOHYUN))
    assert [answer.status_code for answer in answers] == [200, 200]
    holder = (await emma.get("/api/cards/6"))["assignee_id"]
    assert (await emma.get("/api/cards/6"))["version"] == 3
    people = {JIWOO: jiwoo, DOHYUN: dohyun}
    assert await people.pop(holder).heard() == ["card.assigned"]
    (loser,) = people.values()
    assert await loser.heard() == ["card.unassigned"]


async def test_many_at_once_lose_nothing(emma: Person, jiwoo: Person, dohyun: Person) -> None:
    """Twenty hand-overs at the same time: versions count each, and the last is what bells say."""
    people = [None, EMMA, JIWOO, DOHYUN]
    before = (await emma.get("/api/cards/7"))["version"]
    answers = await asyncio.gather(*(emma.assign(7, people[i % 4]) for i in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    versions = {answer.json()["card"]["version"] for answer in answers}
    card = await emma.get("/api/cards/7")
    assert card["version"] == max(versions) == before + len(versions - {before})
    for user, person in ((JIWOO, jiwoo), (DOHYUN, dohyun)):
        newest = (await person.inbox())[:1]
        assert (card["assignee_id"] == user) == ([n["kind"] for n in newest] == ["card.assigned"])


async def test_if_match_tells_first(emma: Person, jiwoo: Person) -> None:
    """Who sends the ETag they read gets 412 when somebody was quicker, and nothing happens."""
    read = await emma.client.get("/api/cards/12")
    await jiwoo.assign(12, DOHYUN)
    late = await emma.assign(12, JIWOO, **{"if-match": read.headers["etag"]})
    assert late.status_code == 412
    assert late.json()["detail"] == "The card has changed in the meantime: read it again."
    card = await emma.client.get("/api/cards/12")
    assert card.json()["assignee_id"] == DOHYUN
    assert late.headers["etag"] == card.headers["etag"]
    now = await emma.assign(12, JIWOO, **{"if-match": f'"0", {card.headers["etag"]}'})
    assert now.status_code == 200


@pytest.mark.parametrize(("tag", "status"), [("*", 200), ('"1"', 200), ('W/"1"', 412), ("1", 412)])
async def test_if_match_compares_strongly(emma: Person, tag: str, status: int) -> None:
    """A star is any card that exists; a weak tag never matches."""
    headers = {"if-match": tag}
    answer = await emma.client.patch("/api/cards/12", json={"title": "New"}, headers=headers)
    assert answer.status_code == status


async def test_a_comment_does_not_make_an_edit_fail(emma: Person, jiwoo: Person) -> None:
    """The ETag is of the card's own fields: talk about it is no conflict."""
    read = await emma.client.get("/api/cards/12")
    await jiwoo.comment(12, "By the way")
    headers = {"if-match": read.headers["etag"]}
    answer = await emma.client.patch("/api/cards/12", json={"title": "New"}, headers=headers)
    assert answer.status_code == 200


async def order(person: Person, list_id: int) -> list[int]:
    """The cards of a list, from top to bottom."""
    found: list[Json] = (await person.get("/api/board"))["cards"]
    return [card["id"] for card in found if card["list_id"] == list_id]


async def test_cards_go_where_they_are_put(emma: Person) -> None:
    """Top, middle, end, beyond the end, and into another list."""
    assert await order(emma, 3) == [8, 9, 10, 11]
    await emma.edit(10, position=0)
    assert await order(emma, 3) == [10, 8, 9, 11]
    await emma.edit(10, position=2)
    assert await order(emma, 3) == [8, 9, 10, 11]
    await emma.edit(8, position=999)
    assert await order(emma, 3) == [9, 10, 11, 8]
    await emma.edit(1, list_id=3, position=1)
    assert await order(emma, 3) == [9, 1, 10, 11, 8]
    await emma.edit(1, list_id=2)
    assert (await order(emma, 2))[-1] == 1


async def test_order_survives_without_gaps(emma: Person) -> None:
    """Forty moves to the same place use up the gap twice, and the order still holds."""
    expected = await order(emma, 3)
    for number in range(40):
        card = expected.pop(-1 - number % 2)
        expected.insert(1, card)
        await emma.edit(card, position=1)
    assert await order(emma, 3) == expected


async def test_moving_to_where_it_is_changes_nothing(emma: Person) -> None:
    """The same place again: no new version, and no signal to look."""
    before = await emma.get("/api/cards/9")
    await emma.edit(9, list_id=3, position=1)
    await emma.edit(9, list_id=3)
    await emma.edit(9, archived=False)
    assert await emma.get("/api/cards/9") == before


async def test_a_board_has_a_bound(
    emma: Person, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full board says so, and says what helps."""
    monkeypatch.setattr(cards, "MAX_CARDS", 16)
    answer = await emma.client.post("/api/cards", json={"list_id": 1, "title": "one more"})
    assert answer.status_code == 409
    assert answer.json()["detail"] == "The board is full: archive some cards first."
    await emma.edit(1, archived=True)
    answer = await emma.client.post("/api/cards", json={"list_id": 1, "title": "one more"})
    assert answer.status_code == 201


async def test_lists_are_made_and_renamed(emma: Person) -> None:
    """A new list stands at the right; a name can change."""
    answer = await emma.client.post("/api/lists", json={"name": "Later"})
    assert answer.status_code == 201
    path = f"/api/lists/{answer.json()['id']}"
    renamed = await emma.client.patch(path, json={"name": "Much later"})
    assert renamed.json()["name"] == "Much later"
    assert (await emma.get("/api/board"))["lists"][-1]["name"] == "Much later"
    assert (await emma.client.patch("/api/lists/99", json={"name": "x"})).status_code == 404


async def test_comments_come_in_pages(emma: Person) -> None:
    """The last fifty, and those before a number."""
    made = [(await emma.comment(3, str(number)))["id"] for number in range(55)]
    last = (await emma.client.get("/api/cards/3/comments")).json()
    assert [each["id"] for each in last] == made[5:]
    path = f"/api/cards/3/comments?before={made[5]}"
    assert [each["id"] for each in (await emma.client.get(path)).json()] == made[:5]


async def test_an_act_is_one_transaction(bench: Bench, emma: Person) -> None:
    """What one act does is seen by nobody before it has ended well."""
    actor = await member(bench, emma)
    async with bench.board.act(actor) as act:
        assert isinstance(act, Act)
        await cards.edit(act, 12, cards.Edit(title="Changed"), NOBODY_ASKED)
        assert (await emma.get("/api/cards/12"))["title"].startswith("Checkout")
    assert (await emma.get("/api/cards/12"))["title"] == "Changed"

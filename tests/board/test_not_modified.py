"""A board that has not changed is not sent again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from tests.board.harness import JIWOO, Person

Act = Callable[[Person], Awaitable[object]]


async def test_who_has_the_board_is_told_so(emma: Person, jiwoo: Person) -> None:
    """304 without a body, as long as nothing on the board has changed; weakened by a proxy, too."""
    tag = (await emma.client.get("/api/board")).headers["etag"]
    await emma.watch(3, watching=True)
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        answer = await jiwoo.client.get("/api/board", headers={"If-None-Match": known})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == tag


async def add_list(person: Person) -> None:
    """One more list."""
    await person.client.post("/api/lists", json={"name": "Later"})


async def rename(person: Person) -> None:
    """Another name for one."""
    await person.client.patch("/api/lists/1", json={"name": "Dreams"})


async def add_card(person: Person) -> None:
    """One more card."""
    await person.client.post("/api/cards", json={"list_id": 1, "title": "x"})


CHANGES: dict[str, Act] = {
    "title": lambda person: person.edit(3, title="Another"),
    "place": lambda person: person.edit(3, position=0),
    "list": lambda person: person.edit(3, list_id=2),
    "archived": lambda person: person.edit(3, archived=True),
    "assignee": lambda person: person.assign(3, JIWOO),
    "comment": lambda person: person.comment(3, "Hm."),
    "card": add_card,
    "new list": add_list,
    "list's name": rename,
}


@pytest.mark.parametrize("change", CHANGES)
async def test_whatever_shows_is_sent(emma: Person, change: str) -> None:
    """Each kind of change makes another tag, and going back to what it was makes a third."""
    before = (await emma.client.get("/api/board")).headers["etag"]
    await CHANGES[change](emma)
    answer = await emma.client.get("/api/board", headers={"If-None-Match": before})
    assert answer.status_code == 200
    assert answer.headers["etag"] != before


async def test_there_and_back_is_a_change(emma: Person) -> None:
    """Who missed what was between still looks again: versions have risen."""
    before = (await emma.client.get("/api/board")).headers["etag"]
    title = (await emma.get("/api/cards/3"))["title"]
    await emma.edit(3, title="Another")
    await emma.edit(3, title=title)
    assert (await emma.client.get("/api/board")).headers["etag"] != before

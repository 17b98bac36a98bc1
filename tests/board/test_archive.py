"""What was put away can be found again."""

from __future__ import annotations

import pytest

from board import cards
from tests.board.harness import Bench, Person


async def test_the_archive_lists_what_was_put_away(emma: Person, jiwoo: Person) -> None:
    """The latest first, for everybody; restored, a card leaves it and is on the board again."""
    for card in (3, 9):
        await emma.edit(card, archived=True)
    found = await jiwoo.get("/api/archive")
    assert [each["id"] for each in found["cards"]] == [9, 3]
    assert found["next"] is None
    assert found["cards"][0]["archived_at"] >= found["cards"][1]["archived_at"]
    await jiwoo.edit(9, archived=False)
    assert [each["id"] for each in (await emma.get("/api/archive"))["cards"]] == [3]
    assert 9 in [each["id"] for each in (await emma.get("/api/board"))["cards"]]


async def test_the_archive_comes_in_pages(emma: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """G8: a page has a bound; following `next` shows each card once, also of one millisecond."""
    monkeypatch.setattr(cards, "ARCHIVE_PAGE", 2)
    monkeypatch.setattr(cards, "now_ms", lambda: 1_800_000_000_000)
    for card in (1, 2, 3, 4, 5):
        await emma.edit(card, archived=True)
    seen: list[int] = []
    path = "/api/archive"
    while True:
        page = await emma.get(path)
        seen += [each["id"] for each in page["cards"]]
        if page["next"] is None:
            break
        path = f"/api/archive?after={page['next']}"
    assert seen == [5, 4, 3, 2, 1]


@pytest.mark.parametrize("after", ["x", "1", "1-", "-1-1", "9" * 19 + "-1", "1-1\x00"])
async def test_a_made_up_place_is_refused(emma: Person, after: str) -> None:
    """Never a 5xx."""
    answer = await emma.client.get("/api/archive", params={"after": after})
    assert answer.status_code == 422


async def test_strangers_see_no_archive(bench: Bench) -> None:
    """G7: only who is logged in."""
    assert (await (await bench.stranger()).get("/api/archive")).status_code == 401

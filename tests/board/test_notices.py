"""Who hears of what: directly, once, with the strongest reason, and never of one's own doing."""

from __future__ import annotations

from tests.board.harness import DOHYUN, EMMA, JIWOO, Person


async def test_the_new_assignee_hears_directly(emma: Person, jiwoo: Person, dohyun: Person) -> None:
    """Who gets a card is told in their language, with the card and a link; nobody else is."""
    await emma.assign(12, JIWOO)
    (told,) = await jiwoo.inbox()
    assert told["kind"] == "card.assigned"
    assert told["message"] == "카드의 담당자가 사용자님으로 변경되었습니다."
    assert told["url"] == "/cards/12"
    assert told["object"]["name"] == "Checkout remembers the delivery address"
    assert told["actor"]["name"] == "Emma Reid"
    assert await emma.inbox() == await dohyun.inbox() == []


async def test_an_english_reader_is_told_in_english(emma: Person, jiwoo: Person) -> None:
    """The same kind, in the other language."""
    await jiwoo.assign(5, EMMA)
    (told,) = await emma.inbox()
    assert told["message"] == "You are now the assignee of a card."


async def test_taking_a_card_oneself_notifies_nobody_of_it(emma: Person, dohyun: Person) -> None:
    """The actor is never notified of their own act; the one who lost the card is, quietly."""
    await emma.assign(5, EMMA)
    assert await emma.inbox() == []
    (told,) = await dohyun.inbox()
    assert (told["kind"], told["data"]["quiet"]) == ("card.unassigned", True)


async def test_the_present_assignee_again(emma: Person, jiwoo: Person) -> None:
    """Assigning whom it is assigned to changes and notifies nothing."""
    await emma.assign(12, JIWOO)
    before = await emma.get("/api/cards/12")
    answer = await emma.assign(12, JIWOO)
    assert answer.status_code == 200
    assert await emma.get("/api/cards/12") == before
    assert await jiwoo.heard() == ["card.assigned"]


async def test_assigned_is_withdrawn_while_unread(
    emma: Person, jiwoo: Person, dohyun: Person
) -> None:
    """Given on before it was read: the first "assigned" disappears, and its owner hears so."""
    await emma.assign(12, JIWOO)
    await emma.assign(12, DOHYUN)
    assert await jiwoo.heard() == ["card.unassigned"]
    assert await dohyun.heard() == ["card.assigned"]


async def test_assigned_stays_when_it_was_read(emma: Person, jiwoo: Person) -> None:
    """What was read is history."""
    await emma.assign(12, JIWOO)
    await jiwoo.read((await jiwoo.inbox())[0]["id"])
    await emma.assign(12, DOHYUN)
    assert await jiwoo.heard() == ["card.assigned", "card.unassigned"]


async def test_there_and_back_again(emma: Person, jiwoo: Person, dohyun: Person) -> None:
    """1 → 2 → 1: at the end each has one true notice, and none that contradicts the board."""
    await dohyun.assign(12, JIWOO)
    assert await emma.heard() == ["card.unassigned"]
    await dohyun.assign(12, EMMA)
    assert await emma.heard() == ["card.assigned"]
    assert await jiwoo.heard() == ["card.unassigned"]
    counts = await emma.get("/alimi/v1/inbox/counts")
    assert (counts["unread"], counts["unseen"]) == (1, 1)


async def test_followers_hear_of_comments(emma: Person, jiwoo: Person, dohyun: Person) -> None:
    """Author, assignee and earlier commenters follow by themselves."""
    card = (await emma.client.post("/api/cards", json={"list_id": 1, "title": "x"})).json()["id"]
    await emma.assign(card, JIWOO)
    await dohyun.comment(card, "First!")
    assert await emma.heard() == ["card.commented"]
    assert await jiwoo.heard() == ["card.assigned", "card.commented"]
    await emma.comment(card, "Second")
    assert await dohyun.heard() == ["card.commented"]
    (told, *_) = await jiwoo.inbox()
    assert told["message"] == "Emma Reid님이 댓글을 남겼습니다: Second"
    assert told["data"]["reason"] == "assigned"


async def test_one_notice_with_the_strongest_reason(
    emma: Person, jiwoo: Person, dohyun: Person
) -> None:
    """Mentioned, assigned and following at once: one notice, and it says "mentioned"."""
    await emma.assign(12, JIWOO)
    await jiwoo.read((await jiwoo.inbox())[0]["id"])
    await emma.comment(12, "@김지우님, and once more @김지우: please look. @박도현 too")
    assert await jiwoo.heard() == ["card.assigned", "card.mentioned"]
    told = (await jiwoo.inbox())[0]
    assert told["data"]["reason"] == "mentioned"
    assert told["message"].startswith("Emma Reid님이 사용자님을 언급했습니다: ")
    assert await dohyun.heard() == ["card.mentioned"]
    assert await emma.inbox() == []


async def test_mentioning_oneself_is_no_news(emma: Person) -> None:
    """The actor is never notified, whatever they write."""
    await emma.comment(12, "Note to self: @Emma Reid")
    assert await emma.inbox() == []


async def test_an_edit_tells_only_the_newly_mentioned(
    emma: Person, jiwoo: Person, dohyun: Person
) -> None:
    """Who was mentioned before has heard it; followers hear nothing of an edit."""
    comment = await emma.comment(3, "@김지우")
    await dohyun.watch(3, watching=True)
    before = await dohyun.heard()
    path = f"/api/comments/{comment['id']}"
    await emma.client.patch(path, json={"text": "@김지우 and @박도현"})
    assert await jiwoo.heard() == ["card.mentioned"]
    assert await dohyun.heard() == [*before, "card.mentioned"]
    answer = await dohyun.client.patch(path, json={"text": "mine now"})
    assert answer.status_code == 403


async def test_a_description_mentions(emma: Person, jiwoo: Person) -> None:
    """A name in a description is a mention, once."""
    await emma.edit(3, description="Ask @김지우")
    await emma.edit(3, description="Ask @김지우 soon")
    assert await jiwoo.heard() == ["card.mentioned"]


async def test_followers_hear_of_moves(emma: Person, jiwoo: Person, dohyun: Person) -> None:
    """From one list to another is news; up and down in a list is not."""
    await emma.edit(9, position=0)
    assert await jiwoo.heard() == []
    await emma.edit(9, list_id=4)
    (told,) = await jiwoo.inbox()
    assert (told["kind"], told["data"]["from"], told["data"]["to"]) == (
        "card.moved",
        "Doing",
        "Review",
    )
    assert told["message"] == "Emma Reid님이 카드를 옮겼습니다: Doing → Review"
    assert await emma.heard() == await dohyun.heard() == []


async def test_one_act_one_notice(emma: Person, jiwoo: Person) -> None:
    """Moved and mentioned by the same request: the mention is all there is to hear."""
    await emma.edit(9, list_id=4, description="@김지우 look")
    assert await jiwoo.heard() == ["card.mentioned"]


async def test_who_turns_watching_off_hears_only_what_is_said_to_them(
    emma: Person, jiwoo: Person
) -> None:
    """Neither comments nor moves, and nothing turns it on again; mentions still come."""
    await jiwoo.watch(9, watching=False)
    await emma.comment(9, "Hello?")
    await emma.edit(9, list_id=4)
    await jiwoo.comment(9, "I am busy")
    await emma.comment(9, "Sure")
    assert await jiwoo.heard() == []
    await emma.comment(9, "@김지우 urgent")
    assert await jiwoo.heard() == ["card.mentioned"]


async def test_archiving_withdraws_what_is_unread(emma: Person, jiwoo: Person) -> None:
    """A card that was put away leaves nothing to read behind; what was read stays."""
    await emma.comment(9, "One")
    await jiwoo.read((await jiwoo.inbox())[0]["id"])
    await emma.comment(9, "Two")
    await emma.assign(9, EMMA)
    await emma.edit(9, archived=True)
    (told,) = await jiwoo.inbox()
    assert told["message"].endswith(": One")
    assert 9 not in {card["id"] for card in (await emma.get("/api/board"))["cards"]}
    await emma.edit(9, archived=False)
    assert 9 in {card["id"] for card in (await emma.get("/api/board"))["cards"]}


async def test_long_comments_are_cut_in_the_bell(emma: Person, jiwoo: Person) -> None:
    """A row has room for a line or two, and no line breaks."""
    await emma.comment(9, "word\n" * 500)
    (told,) = await jiwoo.inbox()
    assert told["data"]["excerpt"].endswith("…")
    assert "\n" not in told["message"]
    assert len(told["message"]) < 200


async def test_braces_in_titles_and_comments_are_only_text(emma: Person, jiwoo: Person) -> None:
    """What people write is data, never a template."""
    await emma.edit(9, title="{actor.name} {0} {{x}}")
    await emma.comment(9, "{data} {object.__class__}")
    (told,) = await jiwoo.inbox()
    assert told["object"]["name"] == "{actor.name} {0} {{x}}"
    assert told["message"].endswith(": {data} {object.__class__}")

"""The values: ids, recipients and cursors."""

from __future__ import annotations

import os
import unicodedata
import uuid

import pytest

from alimi.errors import InvalidCursor, InvalidRecipient
from alimi.model import (
    Cursor,
    Snapshot,
    cursor_tag,
    event_id,
    normalise_recipient,
    normalise_recipients,
)


def test_an_id_is_one_recipient_however_it_is_given() -> None:
    """A number and its text are one person; who is named twice counts once, in order."""
    assert normalise_recipient(7) == normalise_recipient("7") == "7"
    assert normalise_recipients([3, "1", "3", 1, 2]) == ("3", "1", "2")
    assert normalise_recipients("12") == normalise_recipients(12) == ("12",)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (unicodedata.normalize("NFC", "김하나"), unicodedata.normalize("NFD", "김하나")),
        ("emma", "Emma"),
        ("emma", "emma "),
        ("1", "01"),
        ("a", "\uff41"),
    ],
)
def test_g7_ids_that_look_alike_are_two_people(one: str, other: str) -> None:
    """G7: an id is opaque; whether two spellings are one person only the application can know."""
    assert normalise_recipients([one, other]) == (one, other)
    assert cursor_tag("epoch", one) != cursor_tag("epoch", other)


@pytest.mark.parametrize(
    "bad",
    [None, True, 1.5, "", "x" * 129, 10**128, 10**5_000, "a\nb", "\ud800", b"2", {"id": 2}, ["2"]],
    ids=lambda bad: repr(bad)[:20] if not isinstance(bad, int) else f"{bad.bit_length()} bits",
)
def test_g7_what_is_no_id_is_refused_at_the_door(bad: object) -> None:
    """G7: with one error, whatever it is."""
    with pytest.raises(InvalidRecipient):
        normalise_recipient(bad)


@pytest.mark.parametrize("text", ["7fQ2abcd.0", "a-_9.43", "x.999999999999999999", "x.9.0"])
def test_a_cursor_is_read_back(text: str) -> None:
    """What stands in an `id:` line is the cursor it was made from."""
    assert str(Cursor.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "43",
        ".43",
        "a.",
        "a.-1",
        "a.1.2",
        "a.2.2",
        "a.3.2.1",
        "a.１",
        "a b.1",
        "a.1\n",
        "a." + "9" * 19,
    ],
)
def test_g7_what_is_no_cursor_is_refused(text: str) -> None:
    """G7: nothing is guessed."""
    with pytest.raises(InvalidCursor):
        Cursor.parse(text)


def test_ids_are_uuids_that_rise_with_time() -> None:
    """An event's id is a UUID of version 7: its moment in front, random behind."""
    made = [event_id(now=1_785_000_000_000 + n) for n in range(2_000)]
    assert made == sorted(made)
    assert len({each[14:] for each in made}) == 2_000
    for each in map(uuid.UUID, made):
        assert (each.version, each.variant) == (7, uuid.RFC_4122)
    keyed = uuid.UUID(event_id("k"))
    assert (keyed.version, keyed.variant, str(keyed)) == (8, uuid.RFC_4122, event_id("k"))


def test_a_forked_process_gives_other_ids() -> None:
    """G4: random digits that were fetched before a fork are not used on both sides of it."""
    event_id()
    there, here = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(here, "\n".join(event_id()[14:] for _ in range(50)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(there, 65_536).decode().split("\n")
    os.close(there)
    os.close(here)
    assert len(theirs) == 50
    assert not {event_id()[14:] for _ in range(600)} & set(theirs)


@pytest.mark.parametrize(
    "to", [uuid.uuid4(), Snapshot("1"), [uuid.uuid4()]], ids=["uuid", "object", "list"]
)
def test_a_recipient_of_another_type_is_told_how_to_pass_it(to: object) -> None:
    """Ids of many sorts are common; how one is written is for the caller to choose."""
    with pytest.raises(InvalidRecipient, match=r"pass str\(value\)"):
        normalise_recipients(to)

"""The door for values of the application: snapshots and plain data."""

import enum
import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alimi.errors import InvalidInput
from alimi.kinds import Kind
from alimi.model import Event, Snapshot
from alimi.plain import MAX_DATA, MAX_NAME, snapshot


def event(**parts: Any) -> Event:
    return Kind("card.assigned", "cards", {"en": "x"}).event(to=2, **parts)


@dataclass
class Card:
    """As an application has it: more than a snapshot needs, and nothing of Alimi."""

    id: int | None
    title: str
    secret: str = "hunter2"


class Described:
    """An object that describes itself."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def __alimi__(self) -> Any:
        return self.answer


class Level(enum.StrEnum):
    HIGH = "high"


class Photo:
    """Like a file field: no str."""


@dataclass
class Person:
    id: uuid.UUID
    name: str
    image: Any = None
    url: Any = None


UUID = uuid.UUID(int=5)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (12, Snapshot("12")),
        ("a", Snapshot("a")),
        (Level.HIGH, Snapshot("high")),
        (UUID, Snapshot(str(UUID))),
        (Snapshot("1", "Ann"), Snapshot("1", "Ann")),
        ({"id": 1, "name": "Ann", "email": "x"}, Snapshot("1", "Ann")),
        ({"id": 1, "title": "Tea", "image": "/a.png"}, Snapshot("1", "Tea", "/a.png")),
        (Described({"id": 1, "url": "/1"}), Snapshot("1", None, None, "/1")),
        (Described(Snapshot("1", "Ann")), Snapshot("1", "Ann")),
        (Card(1, "Tea"), Snapshot("1", "Tea")),
        (Person(UUID, "Ann", "/a.png", "/ann"), Snapshot(str(UUID), "Ann", "/a.png", "/ann")),
        (Person(UUID, "Ann", Photo(), print), Snapshot(str(UUID), "Ann")),
    ],
)
def test_what_can_be_a_snapshot(value: Any, expected: Snapshot | None) -> None:
    """Ids, mappings, objects that describe themselves, and what has an id and a name."""
    assert snapshot(value) == expected


@pytest.mark.parametrize(
    "value",
    [True, 1.5, b"1", [1], object(), "", "x" * 129, "a\nb", {}, {"id": None}, {"id": True},
     {"id": 1, "name": 1.5}, {"id": 1, "name": "\ud800"}, {"id": 1, "name": "\0"}, Card,
     Card(None, "x"), Described(1), Described({}), Described, {"id": 1, "url": 5}],
)  # fmt: skip
def test_what_cannot_be_a_snapshot(value: Any) -> None:
    """A sentence in the caller's face, naming the role."""
    with pytest.raises(InvalidInput, match=r"^object: "):
        event(object=value)


def test_a_new_row_without_an_id_is_told_what_to_do() -> None:
    """The usual mistake: the object was added and not flushed."""
    with pytest.raises(InvalidInput, match="flush"):
        snapshot(Card(None, "x"))


def test_g8_a_long_name_is_cut() -> None:
    """G8: a card with a long title can still change hands."""
    cut = snapshot(Card(1, "x" * 5000))
    assert cut is not None
    assert cut.name == "x" * (MAX_NAME - 1) + "…"


# data


def test_data_is_a_copy_of_plain_values() -> None:
    """What the caller changes afterwards does not change the event; subclasses become plain."""
    inner = [1, Level.HIGH, (True, None)]
    made = event(data={"a": inner})
    inner.clear()
    assert made.content.data == {"a": [1, "high", [True, None]]}
    assert type(made.content.data["a"][1]) is str


def deep(levels: int) -> Any:
    data: Any = 1
    for _ in range(levels):
        data = [data]
    return {"a": data}


@pytest.mark.parametrize(
    "data",
    [{"a": object()}, {"a": float("nan")}, {"a": b"x"}, {"a": {1: 2}}, {"a": datetime.now(UTC)},
     {"a": "\ud800"}, {"\ud800": 1}, {"a": "\0"}, {"a": {1, 2}}, {"a": UUID},
     {"a": "x" * MAX_DATA}, deep(32), deep(100_000), [1], "text"],
)  # fmt: skip
def test_data_must_be_plain_and_small(data: Any) -> None:
    """G8: what JSON would change silently, or cannot hold, is refused where it is passed."""
    with pytest.raises(InvalidInput, match="data"):
        event(data=data)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from("abc"), json_values))
def test_data_comes_out_as_it_went_in(data: dict[str, Any]) -> None:
    """Any JSON survives the event and its storage."""
    made = event(data=data)
    assert made.content.data == data
    assert json.loads(msgspec.json.encode(made)).get("content").get("data", {}) == data

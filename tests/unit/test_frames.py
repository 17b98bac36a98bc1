"""The blocks of a stream: what a reader makes of them is what the store said."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alimi import frames
from alimi.errors import InvalidInput
from alimi.model import BulkChange, Changes, Content, Counts, Cursor, Notification
from alimi.sse import Decoder

COUNTS = {"unread": 3, "unseen": 2}
Told = tuple[str, dict[str, Any], str]


def told(data: bytes) -> list[Told]:
    """Each event with its data, and the id as the block itself had it ("" for none)."""
    blocks = data.split(b"\n\n")
    assert blocks.pop() == b""
    events = [event for block in blocks for event in Decoder().feed(block + b"\n\n")]
    return [(event.event, json.loads(event.data), event.id) for event in events]


def row(id: str, version: int, born: int | None = None, **state: Any) -> Notification:
    return Notification(
        id=id,
        version=version,
        born=version if born is None else born,
        content_version=version if born is None else born,
        kind="card.assigned",
        category="cards",
        content=Content(texts={"ko": "안녕", "en": "hello"}),
        created_at=1000,
        **state,
    )


def changes(*items: Notification | BulkChange, after: int | None = 40, **other: Any) -> Changes:
    upto = other.pop("upto", max([item.version for item in items], default=after or 0))
    given: dict[str, Any] = {"floor": 0, "seen_upto": 0, "seen_version": 0, "head": upto, **other}
    return Changes("2", "7fQ2", after, upto, counts=Counts(3, 2), items=items, **given)


def render(read: Changes, base: int = 40, shown: Any = (), locales: Any = ()) -> list[Told]:
    return told(frames.render(read, base=base, shown=shown, locales=locales)[0])


def test_hello_begins_where_the_stream_begins() -> None:
    """G5: the id is the start and not the head; a cut in the replay would skip its rest."""
    (hello,) = told(frames.hello(Cursor("7fQ2", 41), changes(upto=43, seen_upto=9)))
    data = {"cursor": "7fQ2.43", "version": 43, **COUNTS, "seen_upto": 9}
    assert hello == ("hello", data, "7fQ2.41")


def test_reset_goes_on_from_the_head() -> None:
    """The reader reloads and then follows from the head."""
    (reset,) = told(frames.reset(changes(upto=43), "epoch"))
    data = {"cursor": "7fQ2.43", "version": 43, **COUNTS, "seen_upto": 0, "reason": "epoch"}
    assert reset == ("reset", data, "7fQ2.43")


def test_signal_ping_and_bye_have_no_id() -> None:
    """What is not in the inbox never moves the cursor."""
    assert told(frames.signal("board.changed", {"card": 12})) == [
        ("signal", {"name": "board.changed", "data": {"card": 12}}, "")
    ]
    assert told(frames.PING) == [("ping", {}, "")]
    decoder = Decoder()
    (bye,) = decoder.feed(frames.bye("drain", 1234))
    assert (bye.event, bye.data, bye.id) == ("bye", '{"reason":"drain"}', "")
    assert decoder.retry == 1234


def test_bye_tells_the_wait_first() -> None:
    """A reader that leaves at `bye` knows already when to come back."""
    assert frames.bye("age", 7).startswith(frames.retry(7))


@pytest.mark.parametrize("data", [object(), {1, object()}, "\ud800"])
def test_a_signal_of_no_json_is_refused(data: object) -> None:
    """The caller's error, not the stream's."""
    with pytest.raises(InvalidInput):
        frames.signal("x", data)


def test_a_new_row_has_no_event_name() -> None:
    """A plain onmessage hears it, in the reader's language, with the counts."""
    ((event, data, id_),) = render(changes(row("a", 41)), locales=("en",))
    assert (event, id_) == ("message", "7fQ2.41")
    assert data["message"] == "hello"
    assert data["version"] == 41
    assert {**data, **COUNTS} == data


@pytest.mark.parametrize(
    ("item", "base", "shown"),
    [
        (row("a", 45, born=39), 40, ()),
        (row("a", 45, born=40), 40, ()),
        (row("a", 45, born=41), 40, {41}),
        (row("a", 45, born=41, deleted=True), 40, ()),
    ],
)
def test_g4_what_was_told_before_is_a_change(item: Notification, base: int, shown: Any) -> None:
    """G4: a row is new once; born before the stream, shown or deleted, it is a change."""
    ((event, data, id_),) = render(changes(item), base=base, shown=shown)
    assert (event, data["ids"], id_) == ("change", ["a"], "7fQ2.45")


def test_a_row_changed_since_its_birth_is_still_new() -> None:
    """A row that this stream has not shown is new, in its latest state."""
    ((event, data, id_),) = render(changes(row("a", 45, born=41, read_at=0)))
    assert (event, data["read_at"], id_) == ("message", "1970-01-01T00:00:00.000Z", "7fQ2.45")


def test_a_change_tells_every_flag() -> None:
    """The full state, so that a reader needs no earlier one."""
    ((_, data, _),) = render(changes(row("a", 45, born=1, read_at=0, seen_at=0)))
    epoch = "1970-01-01T00:00:00.000Z"
    flags = {"seen_at": epoch, "read_at": epoch, "archived_at": None}
    assert data == {"ids": ["a"], "version": 45, **flags, **COUNTS}


def test_a_deletion_is_a_change() -> None:
    """Only that it is gone."""
    ((_, data, _),) = render(changes(row("a", 45, born=1, deleted=True)))
    assert data == {"ids": ["a"], "version": 45, "deleted": True, **COUNTS}


def test_rows_of_one_version_are_told_by_state() -> None:
    """Rows in one state share a block; only the last block of the version has its id."""
    read = changes(
        row("a", 45, born=1, read_at=0),
        row("b", 45, born=2, read_at=5),
        row("c", 45, born=3, read_at=0),
        row("d", 46, born=4),
    )
    assert [(data["ids"], id_) for _, data, id_ in render(read)] == [
        (["a", "c"], ""),
        (["b"], "7fQ2.45"),
        (["d"], "7fQ2.46"),
    ]


def test_new_and_changed_rows_of_one_version() -> None:
    """New rows come first, and the version ends with its last block."""
    read = changes(row("a", 45), row("b", 45), row("c", 45, born=3))
    assert [(event, id_) for event, _, id_ in render(read)] == [
        ("message", ""),
        ("message", ""),
        ("change", "7fQ2.45"),
    ]


@pytest.mark.parametrize("count", [100, 101])
def test_g8_more_than_a_hundred_rows_are_told_as_a_whole(count: int) -> None:
    """G8: a block names at most 100 rows."""
    rows = [row(f"r{i}", 205, born=i + 1, read_at=0) for i in range(count)]
    ((event, data, id_),) = render(changes(*rows), base=204)
    assert (event, id_) == ("change", "7fQ2.205")
    if count == 100:
        assert data["ids"] == [f"r{i}" for i in range(100)]
    else:
        assert data == {"all": True, "upto": 101, "version": 205, **COUNTS}


def test_a_bulk_change_claims_no_flag() -> None:
    """A sweep or an undo touches some rows of many; a flag would be said of all of them."""
    ((_, data, id_),) = render(changes(BulkChange(45, upto=39)))
    assert data == {"all": True, "upto": 39, "version": 45, **COUNTS}
    assert id_ == "7fQ2.45"


@pytest.mark.parametrize(
    ("seen_version", "order"),
    [
        (40, "41 43 44 45"),
        (41, "41 seen@41 43 44 45"),
        (42, "41 seen@42 43 44 45"),
        (44, "41 43 44 seen@44 45"),
        (45, "41 43 44 seen@45"),
        (46, "41 43 44 45"),
    ],
)
def test_the_watermark_takes_its_place(seen_version: int, order: str) -> None:
    """Seen is told between the versions it happened between, only if this read covers it."""
    moved = {"seen_upto": 41, "seen_version": seen_version}
    events = render(changes(row("a", 41), row("b", 43), row("c", 44), upto=45, head=50, **moved))
    watermark = {"seen_upto": 41, "version": seen_version, **COUNTS}
    told_as = [
        ("seen@" if data == watermark else "") + str(data["version"]) for _, data, _ in events
    ]
    assert " ".join(told_as) == order
    last_of_version = {data["version"]: id_ for _, data, id_ in events}
    assert last_of_version == {version: f"7fQ2.{version}" for version in last_of_version}


def test_g5_versions_without_news_still_move_the_cursor() -> None:
    """G5: what a read covered is never read again, and the counts are told."""
    ((event, data, id_),) = render(changes(upto=43))
    assert (event, id_) == ("change", "7fQ2.43")
    assert data == {"ids": [], "version": 43, **COUNTS}


@pytest.mark.parametrize("after", [43, None])
def test_nothing_to_tell_is_no_bytes(after: int | None) -> None:
    """A read that covers nothing writes nothing."""
    assert frames.render(changes(after=after, upto=43), base=0, shown=(), locales=())[0] == b""


@pytest.mark.parametrize(
    ("read", "reason"),
    [(changes(floor=41, upto=50), "floor"), (changes(after=60, upto=60, head=50), "ahead")],
)
def test_g5_a_gap_is_a_reset(read: Changes, reason: str) -> None:
    """G5: a read from below the floor or ahead of the head never looks like a whole one."""
    ((event, data, id_),) = render(read)
    assert (event, data["reason"], id_) == ("reset", reason, f"7fQ2.{read.head}")


flags = st.none() | st.integers(0, 3)
items = st.builds(
    lambda name, version, age, **state: row(str(name), version, version - age, **state),
    st.uuids(),
    st.integers(41, 48),
    st.integers(0, 12),
    seen_at=flags,
    read_at=flags,
    archived_at=flags,
    deleted=st.booleans(),
)


@given(
    st.lists(items, max_size=12),
    st.integers(36, 48),
    st.sets(st.integers(30, 48)),
    st.integers(0, 50),
)
def test_g3_g4_any_read_is_told_rising_and_whole(
    rows: list[Notification], base: int, shown: set[int], seen_version: int
) -> None:
    """G3, G4: ids only rise and end at upto; every row is told once, in the state it has."""
    rows.sort(key=lambda each: each.version)
    read = changes(*rows, upto=50, seen_version=seen_version)
    events = render(read, base=base, shown=shown)
    ids = [Cursor.parse(id_) for _, _, id_ in events if id_]
    versions = [cursor.version for cursor in ids]
    assert versions == sorted({data["version"] for _, data, _ in events})
    assert ids[-1] == Cursor("7fQ2", 50)
    for cursor in ids:
        to_come = [each for each in rows if each.version > cursor.version and not each.deleted]
        unmet = [each.born for each in to_come if each.born > base and each.born not in shown]
        told = cursor.version if cursor.base is None else cursor.base
        assert all(born > told for born in unmet)
    assert all({**data, **COUNTS} == data for _, data, _ in events)
    mentioned = [id_ for _, data, _ in events for id_ in data.get("ids", [data.get("id")]) if id_]
    assert sorted(mentioned) == sorted(each.id for each in rows)
    new = {data["id"] for event, data, _ in events if event == "message"}
    unknown = {each.id for each in rows if each.born > base and each.born not in shown}
    assert new == unknown - {each.id for each in rows if each.deleted}


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(), st.text())
def test_no_text_breaks_the_framing(text: str, name: str, value: str) -> None:
    """Any text, name or value is data of one block, whatever line ends it holds."""
    content = Content(texts={"ko": text}, data={"value": text})
    item = msgspec.structs.replace(row("a", 41), content=content)
    ((event, data, id_),) = render(changes(item))
    assert (event, data["message"], data["data"], id_) == (
        "message",
        text,
        {"value": text},
        "7fQ2.41",
    )
    try:
        block = frames.signal(name, value)
    except InvalidInput:
        return
    assert told(block) == [("signal", {"name": name, "data": value}, "")]

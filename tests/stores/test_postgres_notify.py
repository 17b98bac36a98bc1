"""`SELECT alimi_notify(…)`: the same door as Python's, for any language and for triggers."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row
from psycopg.types.json import Json, Jsonb

from alimi.kinds import event_from_parts
from alimi.model import Content, Event
from alimi.model import event_id as id_of
from alimi.stores.postgres.outbox import part_of, prepare

Db = psycopg.Connection[dict[str, Any]]
TEXTS = {"ko": "카드의 담당자가 사용자님으로 변경되었습니다.", "en": "You are now its assignee."}
PLAIN: dict[str, Any] = {"kind": "card.assigned", "to": ["2"], "texts": TEXTS}


@pytest.fixture
def db(postgres_url: str) -> Iterator[Db]:
    """An application's connection."""
    with psycopg.connect(postgres_url, autocommit=True, row_factory=dict_row) as connection:
        yield connection


def notify(db: Db, **parts: Any) -> str:
    """Call the function with parts named as in Python; answers the id."""
    parts = PLAIN | parts
    values = {
        "kind": parts.pop("kind"),
        "recipients": parts.pop("to"),
        "texts": Json(parts.pop("texts")),
    }
    for name, value in parts.items():
        plain = name in {"actor", "object", "target", "data"} and value is not None
        values[name] = Jsonb(value) if plain else value
    arguments = ", ".join(f"{name} => %({name})s" for name in values)
    row = db.execute(f"SELECT alimi_notify({arguments}) AS id".encode(), values).fetchone()
    assert row is not None
    return str(row["id"])


def waiting(db: Db) -> list[dict[str, Any]]:
    return db.execute("SELECT * FROM alimi_outbox ORDER BY seq").fetchall()


def refused(db: Db, **parts: Any) -> str:
    """The message of the error, which has the SQLSTATE and a hint."""
    with pytest.raises(psycopg.errors.InvalidParameterValue) as caught:
        notify(db, **parts)
    assert caught.value.sqlstate == "22023"
    assert caught.value.diag.message_hint
    assert caught.value.diag.message_primary is not None
    return caught.value.diag.message_primary


# -- the same as Python -----------------------------------------------------------------------

FULL: dict[str, Any] = {
    "kind": "card.moved",
    "category": "cards",
    "to": ["7", "나", "2", "7", "1"],
    "texts": TEXTS | {"en-GB": 'A "quoted" text, \\ and\na line\x7f.'},
    "url": "https://board.test/cards/12?a=1#x",
    "actor": {"id": 1, "name": "Emma Reid", "image": "/faces/1", "url": None},
    "object": {"id": 12, "title": "Search\tforgives"},
    "target": "doing",
    "data": {"from": "Next", "가": [1, -2.5, None, True, {"b": {}, "a": []}], "_": "\x01\u2028/"},
    "key": "move:12:3",
    "about": "card:12",
    "expires_at": datetime(2030, 1, 2, 3, 4, 5, 250_000, UTC),
}
#: Whatever JSON says the same way in every language: numbers with an exponent are not among it.
_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
)
_names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5)
_data = st.dictionaries(
    _names,
    st.recursive(
        _scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner),
        max_leaves=8,
    ),
    max_size=4,
)


def test_the_row_is_the_one_of_python(db: Db) -> None:
    """Every column, and the content, are what `notify()` in Python writes for the same event."""
    said = notify(db, **FULL)
    (row,) = waiting(db)
    event = event_from_parts(**FULL, now=row["created_at"])
    (mine,) = prepare([event])
    (expected,) = mine.rows
    assert said == row["event_id"] == event.id
    for name in ("part", "lane", "size", "rest", "type", "key", "fingerprint", "kind", "category",
                 "about", "created_at", "expires_at"):  # fmt: skip
        assert row[name] == getattr(expected, name), name
    assert row["recipients"] == list(event.recipients) == ["7", "나", "2"]
    assert msgspec.convert(row["content"], Content) == event.content
    assert list(row["content"]["texts"]) == ["ko", "en", "en-GB"]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=_data)
def test_fingerprints_agree_whatever_the_data(db: Db, data: dict[str, Any]) -> None:
    """The same key with the same body is a repeat, whichever door it came through."""
    with db.transaction(force_rollback=True):
        notify(db, data=data, key="k", category="cards")
        (row,) = waiting(db)
    event = event_from_parts(**PLAIN, category="cards", data=data, key="k")
    assert row["fingerprint"] == event.fingerprint()
    assert row["content"].get("data", {}) == data


def test_the_id_follows_from_the_key(db: Db) -> None:
    """A repeat answers the same id, and Python answers the same."""
    for key in ("card:12:assigned:3", "키", "x" * 256):
        assert notify(db, key=key) == notify(db, key=key, to=["9"]) == id_of(key)


def test_an_id_without_a_key_rises_with_time(db: Db) -> None:
    """UUID version 7, its moment that of the call."""
    before = datetime.now(UTC) - timedelta(seconds=1)
    ids = [uuid.UUID(notify(db)) for _ in range(3)]
    for each in ids:
        assert (each.version, each.variant) == (7, uuid.RFC_4122)
        at = datetime.fromtimestamp((each.int >> 80) / 1000, UTC)
        assert before < at < datetime.now(UTC) + timedelta(seconds=1)
    assert len(set(ids)) == 3


def test_recipients_are_normalised(db: Db) -> None:
    """Doubles count once, the order stays, NULL and the actor are told nothing."""
    notify(db, to=["3", None, "2", "3", "1"], actor={"id": 1})
    notify(db, to=["1"], actor="1", notify_actor=True)
    assert [row["recipients"] for row in waiting(db)] == [["3", "2"], ["1"]]


@pytest.mark.parametrize("to", [None, [], [None], ["1"]])
def test_nobody_is_no_event(db: Db, to: list[str | None] | None) -> None:
    """NULL, an empty array or only the actor: nothing is recorded, and an id is answered."""
    assert uuid.UUID(notify(db, to=to, actor="1")).version == 7
    assert waiting(db) == []


def test_very_many_go_to_the_bulk_lane(db: Db) -> None:
    """The pieces are those of Python; only the first claims the key."""
    to = [f"user-{n}" for n in range(1_700)]
    notify(db, to=to, key="k", category="cards")
    notify(db, to=to[:1000])
    *pieces, one = waiting(db)
    (mine,) = prepare([event_from_parts(**PLAIN | {"to": to}, category="cards", key="k")])
    columns = ("lane", "size", "rest", "key", "fingerprint", "event_id")
    assert [[row[name] for name in columns] for row in pieces] == [
        [getattr(row, name) for name in columns] for row in mine.rows
    ]
    assert [name for row in pieces for name in row["recipients"]] == to
    assert (one["lane"], one["size"], one["rest"]) == (0, 1000, 0)


def test_partitions_are_those_of_python(db: Db) -> None:
    """Each partition has a row with its own recipients; a retraction for all has one in each."""
    db.execute("UPDATE alimi_meta SET value = '3' WHERE name = 'partitions'")
    to = [f"사용자-{n}" for n in range(40)]
    notify(db, to=to)
    db.execute("SELECT alimi_retract('x', %s), alimi_retract('y')", (to,))
    rows = waiting(db)
    assert [row["part"] for row in rows] == [0, 1, 2] * 3
    for row in rows[:6]:
        assert row["recipients"] == [each for each in to if part_of(each, 3) == row["part"]]
    assert [row["recipients"] for row in rows[6:]] == [None] * 3


def test_a_retraction(db: Db) -> None:
    """What is about a matter is withdrawn, from some or from everybody."""
    db.execute("SELECT alimi_retract('card:12', ARRAY['2', '3', '2']), alimi_retract('card:13')")
    db.execute("SELECT alimi_retract('card:14', '{}')")
    found = [(row["type"], row["about"], row["recipients"]) for row in waiting(db)]
    assert found == [("retract", "card:12", ["2", "3"]), ("retract", "card:13", None)]
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        db.execute("SELECT alimi_retract('')")


# -- what is refused --------------------------------------------------------------------------

DEEP: Any = 1
for _ in range(33):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"kind": None}, "kind NULL"),
        ({"kind": "Card assigned"}, "kind 'Card assigned'"),
        ({"category": ""}, "category ''"),
        ({"texts": None}, "texts"),
        ({"texts": []}, "texts"),
        ({"texts": {}}, "texts has 0"),
        ({"texts": {"english": "x", "e": "x"}}, "texts: 'e'"),
        ({"texts": {"en": " \n"}}, "texts: 'en'"),
        ({"texts": {"en": 7}}, "texts: 'en'"),
        ({"texts": {"en": "x" * 2_001}}, "texts: 'en'"),
        ({"to": [""]}, "a recipient"),
        ({"to": ["a\nb"]}, "a recipient"),
        ({"to": ["x" * 129]}, "a recipient"),
        ({"key": ""}, "key"),
        ({"key": "x" * 257}, "key"),
        ({"about": "a\tb"}, "about"),
        ({"expires_at": "infinity"}, "expires_at"),
        ({"expires_at": "1969-12-31 UTC"}, "expires_at"),
        ({"url": "javascript:alert(1)"}, "url is no web address"),
        ({"url": "//evil.test"}, "url begins with two slashes"),
        ({"url": "/a\\b"}, "url holds"),
        ({"url": "/a/../b"}, "url has a segment"),
        ({"url": "https:///x"}, "url is no web address"),
        ({"url": "cards/12"}, "url is no web address"),
        ({"url": ""}, "url is no web address"),
        ({"url": "/" + "x" * 2_000}, "url is longer"),
        ({"actor": {"name": "x"}}, "actor needs an id"),
        ({"actor": {"id": None}}, "actor needs an id"),
        ({"actor": {"id": 1.5}}, "actor needs an id"),
        ({"object": True}, "object needs an id"),
        ({"object": {"id": ""}}, "object.id"),
        ({"object": {"id": 1, "name": {}}}, "object.name"),
        ({"target": {"id": 1, "url": "data:x"}}, "target.url"),
        ({"target": {"id": 1, "image": 7}}, "target.image"),
        ({"data": [1]}, "data is a JSON object"),
        ({"data": {"x": DEEP}}, "data is more than 32"),
        ({"data": {"x": 10**400}}, "data holds a number"),
        ({"data": {"x": "y" * 16_384}}, "data is 16392 bytes"),
    ],
)
def test_refused_as_in_python(db: Db, parts: dict[str, Any], said: str) -> None:
    """What Python's door refuses is refused, names what is wrong, and records nothing."""
    assert said in refused(db, **parts)
    assert waiting(db) == []


def test_a_locale_twice_is_refused(db: Db) -> None:
    """JSON may say a name twice; which text was meant cannot be guessed."""
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="1 of them different"):
        db.execute("""SELECT alimi_notify('a', '{1}', '{"en": "x", "en": "y"}')""")


@pytest.mark.parametrize("url", ["/cards/12", "/", "/a?x=../..#//", "http://u@h:1/x", "HTTPS://h"])
def test_urls_that_pass(db: Db, url: str) -> None:
    """What Python's door takes."""
    notify(db, url=url)
    event_from_parts(**PLAIN, category="card", url=url)


def test_a_long_name_is_cut(db: Db) -> None:
    """As in Python: what cannot be shown ends in an ellipsis."""
    notify(db, object={"id": "1", "name": "n" * 501})
    assert waiting(db)[0]["content"]["object"]["name"] == "n" * 499 + "…"


# -- inside the application's transaction -----------------------------------------------------

TRIGGER = """
CREATE TABLE cards (id integer PRIMARY KEY, title text NOT NULL, assignee integer);
INSERT INTO cards VALUES (12, 'Search forgives typing mistakes', NULL);
CREATE FUNCTION card_was_assigned() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM alimi_notify('card.assigned', ARRAY[new.assignee::text],
        json_build_object('en', format('You are now the assignee of “%s”.', new.title)),
        url => '/cards/' || new.id, object => to_jsonb(new), about => 'card:' || new.id);
    RETURN new;
END
$$;
CREATE TRIGGER card_was_assigned AFTER UPDATE OF assignee ON cards FOR EACH ROW
    WHEN (new.assignee IS DISTINCT FROM old.assignee) EXECUTE FUNCTION card_was_assigned();
"""


@pytest.mark.parametrize(("end", "told"), [("COMMIT", 1), ("ROLLBACK", 0)])
def test_g2_a_trigger_tells_the_new_assignee(db: Db, end: str, told: int) -> None:
    """G2: the row and the notification commit together; nobody is told of NULL or of no change."""
    db.execute(TRIGGER)
    db.execute("BEGIN; UPDATE cards SET assignee = 2; UPDATE cards SET assignee = 2")
    db.execute("UPDATE cards SET assignee = NULL")
    db.execute(end.encode())
    rows = waiting(db)
    assert [row["recipients"] for row in rows] == [["2"]] * told
    for row in rows:
        text = row["content"]["texts"]["en"]
        assert text == "You are now the assignee of “Search forgives typing mistakes”."
        assert json.dumps(row["content"]["object"]["name"]) == '"Search forgives typing mistakes"'


def test_a_search_path_of_its_own_does_not_matter(db: Db) -> None:
    """A trigger or a caller may have any search path; ours is the one of the migration."""
    db.execute("SET search_path = pg_catalog")
    db.execute("""SELECT public.alimi_notify('a', '{1}', '{"en": "x"}', data => '{"a": [1]}')""")
    db.execute("SET search_path = public")
    assert len(waiting(db)) == 1


def test_nothing_of_the_callers_schemas_stands_in_for_ours(db: Db) -> None:
    """What comes first in the caller's search path is neither asked nor filled."""
    notify(db)  # plans are made and kept
    db.execute("CREATE SCHEMA other")
    db.execute("CREATE TABLE other.alimi_outbox (LIKE alimi_outbox INCLUDING ALL)")
    db.execute(
        "CREATE FUNCTION other.alimi_short(text, text, integer) RETURNS text LANGUAGE sql "
        "AS $$ SELECT 'stands in' $$"
    )
    db.execute("SET search_path = other, public")
    call = b"""SELECT public.alimi_notify('a', %s, '{"en": "x"}')"""
    db.execute(call, [["9"]])
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="a recipient is a text"):
        db.execute(call, [["a\nb"]])
    assert waiting(db) == []
    db.execute("SET search_path = public")
    assert [row["recipients"] for row in waiting(db)] == [["2"], ["9"]]


def test_backslashes_are_ours_whatever_the_session_says(db: Db) -> None:
    """G4: under an old application's standard_conforming_strings a key means the same event."""
    db.execute("SET standard_conforming_strings = off")
    notify(db, **FULL)
    db.execute("RESET standard_conforming_strings")
    assert waiting(db)[0]["event_id"] == event_from_parts(**FULL).id


def test_it_notifies_nobody_before_the_commit(db: Db) -> None:
    """No NOTIFY: PostgreSQL can prepare only a transaction without one."""
    db.execute("BEGIN")
    notify(db)
    db.execute("PREPARE TRANSACTION 'notify'")
    db.execute("COMMIT PREPARED 'notify'")
    assert len(waiting(db)) == 1


def test_an_ordinary_role_needs_little(db: Db) -> None:
    """INSERT on the outbox and SELECT on what the store remembers of itself, and nothing else."""
    db.execute("CREATE ROLE clerk")
    try:
        db.execute("GRANT INSERT ON alimi_outbox TO clerk; GRANT SELECT ON alimi_meta TO clerk")
        db.execute("SET ROLE clerk")
        notify(db, **FULL)
        db.execute("RESET ROLE")
        assert len(waiting(db)) == 1
    finally:
        db.execute("RESET ROLE; DROP OWNED BY clerk; DROP ROLE clerk")


def test_a_repeat_through_the_other_door_is_known(db: Db) -> None:
    """G4: one key, two doors, one event: the bodies have one fingerprint."""
    event: Event = event_from_parts(**FULL)
    notify(db, **FULL)
    assert waiting(db)[0]["fingerprint"] == event.fingerprint()
    assert waiting(db)[0]["event_id"] == event.id

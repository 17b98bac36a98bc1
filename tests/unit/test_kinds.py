"""Kinds: what they promise at definition, and what an event of them holds."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alimi.errors import (
    InvalidInput,
    InvalidKind,
    InvalidRecipient,
    MissingField,
    UnsafeUrl,
)
from alimi.kinds import MAX_TEXT, Kind, event_from_parts
from alimi.model import Event, Snapshot

TEXTS = {"ko": "{actor.name}님이 맡겼습니다", "en": "{actor.name} gave you {object.name}"}


def kind(texts: dict[str, str] | None = None, **other: Any) -> Kind:
    return Kind("card.assigned", "cards", TEXTS if texts is None else texts, **other)


def event(text: str = "x", url: str | None = None, **parts: Any) -> Event:
    return kind({"en": text}, url=url).event(**{"to": 2, **parts})


def text(template: str, **parts: Any) -> str:
    return event(template, **parts).content.texts["en"]


@dataclass
class Card:
    """As an application has it: more than a snapshot needs, and nothing of Alimi."""

    id: int | None
    title: str
    secret: str = "hunter2"


def test_an_event_has_all_that_is_needed_later() -> None:
    """Texts of every locale, url, snapshots and data are in the event itself."""
    made = kind(url="/cards/{object.id}").event(
        to=[2, "3", 2],
        actor={"id": 1, "name": "Ann"},
        object=Card(12, "Tea"),
        data={"n": 1},
        key="k",
        about="card:12",
        now=1000,
    )
    assert made.content.texts == {"ko": "Ann님이 맡겼습니다", "en": "Ann gave you Tea"}
    assert list(made.content.texts) == ["ko", "en"]
    assert made.content.url == "/cards/12"
    assert made.content.actor == Snapshot("1", "Ann")
    assert made.content.object == Snapshot("12", "Tea")
    assert made.content.data == {"n": 1}
    assert (made.kind, made.category, made.recipients) == ("card.assigned", "cards", ("2", "3"))
    assert (made.key, made.about, made.created_at, made.expires_at) == ("k", "card:12", 1000, None)
    assert msgspec.json.decode(msgspec.json.encode(made), type=Event) == made


def test_the_id_follows_from_the_key() -> None:
    """A repeat with the same key is the same event; without a key every event is its own."""
    assert event(key="k").id == event("other", key="k").id
    assert event().id != event().id


@pytest.mark.parametrize(
    ("name", "category", "texts"),
    [
        ("", "c", {"ko": "x"}),
        ("Card Assigned", "c", {"ko": "x"}),
        ("a\n", "c", {"ko": "x"}),
        ("a" * 101, "c", {"ko": "x"}),
        (7, "c", {"ko": "x"}),
        ("a", "", {"ko": "x"}),
        ("a", "c", {}),
        ("a", "c", None),
        ("a", "c", "text"),
        ("a", "c", {"": "x"}),
        ("a", "c", {"ko\r": "x"}),
        ("a", "c", {"ko": ""}),
        ("a", "c", {"ko": " "}),
        ("a", "c", {"ko": None}),
        ("a", "c", {"ko": "x" * (MAX_TEXT + 1)}),
        ("a", "c", {f"a{chr(97 + i // 26)}{chr(97 + i % 26)}": "x" for i in range(51)}),
        ("a", "c", {"ko": "{"}),
        ("a", "c", {"ko": "}"}),
        ("a", "c", {"ko": "{}"}),
        ("a", "c", {"ko": "{a b}"}),
        ("a", "c", {"ko": "{a.}"}),
        ("a", "c", {"ko": "{a!r}"}),
        ("a", "c", {"ko": "{a:>99999999}"}),
        ("a", "c", {"ko": "{a[0]}"}),
        ("a", "c", {"ko": "{a{b}}"}),
    ],
)
def test_a_kind_that_cannot_work_is_refused(name: Any, category: str, texts: Any) -> None:
    """Mistakes show where the kind is defined, not when the first event happens."""
    with pytest.raises(InvalidKind):
        Kind(name, category, texts)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), 1e300])
def test_expires_in_is_a_time_to_come(seconds: float) -> None:
    """A kind cannot expire before it happened, nor after the calendar."""
    with pytest.raises(InvalidKind):
        kind(expires_in=seconds)


def test_a_kind_does_not_change() -> None:
    """The caller's dict may change later; the kind keeps what was checked.  Kinds can be keys."""
    texts = {"ko": "x"}
    made = kind(texts)
    texts["ko"] = "{"
    assert made.event(to=2).content.texts == {"ko": "x"}
    assert {made: 1}[kind({"ko": "x"})] == 1
    with pytest.raises(AttributeError):
        made.name = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{literal}}", "{literal}"),
        ("{{{n}}}", "{1}"),
        ("{n} {data.n} {data.deep.er} {deep.er}", "1 1 x x"),
        ("{yes} {half} {zero}", "true 0.5 0"),
        ("{braces}", "{n} {{"),
        ("{2-nd_x}", "y"),
        ("{actor.id} {actor.name}", "1 Ann"),
    ],
)
def test_substitution(template: str, expected: str) -> None:
    """Fields are replaced once; what they hold is never read as a template again."""
    data = {
        "n": 1,
        "deep": {"er": "x"},
        "yes": True,
        "half": 0.5,
        "zero": 0,
        "braces": "{n} {{",
        "2-nd_x": "y",
        "actor": "an impostor",
        "texts": "mine",
    }
    actor = {"id": 1, "name": "Ann"}
    assert text(template, data=data, actor=actor) == expected
    assert text("{texts}", data=data) == "mine"


@pytest.mark.parametrize(
    ("field", "parts"),
    [
        ("{nothing}", {}),
        ("{actor.name}", {}),
        ("{actor.name}", {"actor": 1}),
        ("{actor.url}", {"actor": {"id": 1, "email": "a@b"}}),
        ("{a.b.c}", {"data": {"a": {"b": "text"}}}),
        ("{a}", {"data": {"a": None}}),
        ("{a.__class__}", {"data": {"a": "text"}}),
        ("{actor.id}", {"data": {"actor": {"id": "an impostor"}}}),
    ],
)
def test_a_missing_field_names_kind_locale_and_field(field: str, parts: dict[str, Any]) -> None:
    """The caller reads what to repair; attributes of objects are out of reach."""
    with pytest.raises(MissingField) as caught:
        kind({"ko": "fine", "en-GB": f"x {field}"}).event(to=2, **parts)
    for word in ("card.assigned", "en-GB", field):
        assert word in str(caught.value)


@pytest.mark.parametrize("field", ["{list}", "{data.list}"])
def test_only_a_text_or_number_can_be_shown(field: str) -> None:
    """Nobody wants to read a list."""
    with pytest.raises(InvalidInput, match="no text or number"):
        text(field, data={"list": [1]})


@pytest.mark.parametrize(
    "field",
    ["{actor}", "{actor.nmae}", "{actor.email}", "{object.secret}", "{object.__class__}",
     "{target.name.first}", "{data}"],
)  # fmt: skip
@pytest.mark.parametrize("place", ["text", "url"])
def test_what_no_event_can_have_is_refused_when_the_kind_is_defined(field: str, place: str) -> None:
    """A snapshot has four fields; the error names the wrong one and those that there are."""
    texts, url = {"en": f"x {field}"}, f"/x/{field}"
    with pytest.raises(InvalidKind) as caught:
        kind(texts) if place == "text" else kind(url=url)
    for word in ("card.assigned", field, place):
        assert word in str(caught.value)
    assert ".name}" in str(caught.value) or field == "{data}"


def test_g8_a_rendered_text_is_cut() -> None:
    """G8: somebody's long comment shortens the text; it does not fail their request."""
    shown = text("{comment}", data={"comment": "x" * 5000})
    assert shown == "x" * (MAX_TEXT - 1) + "…"


# urls


@pytest.mark.parametrize(
    "url",
    ["/", "/cards/{object.id}", "https://example.com/{object.id}", "HTTP://example.com",
     "https://{object.id}.example.com/", "/a?next=../x#..", "/한글", "/a b"],
)  # fmt: skip
def test_a_web_url_is_fine(url: str) -> None:
    """Absolute web urls and paths of the application itself."""
    assert event(url=url, object={"id": 1}).content.url == url.replace("{object.id}", "1")


BAD_URLS = [
    "",
    "cards/1",
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/a\\b",
    "/\t/evil.example",
    "/a\r\nb",
    "/a\x7f",
    " /a",
    "javascript:alert(1)",
    "data:text/html,x",
    "http:evil",
    "https://",
    "https:///evil.example",
    "http://[",
    "ftp://example.com",
    "/cards/../admin",
    "/.",
    "/" + "a" * 2000,
    "/\ud800",
]


@pytest.mark.parametrize("url", [*BAD_URLS, "{object.url}", "{object.id}/x", "x{object.id}", 7])
def test_an_unsafe_url_is_refused_at_definition(url: Any) -> None:
    """A click in the bell leads to a web page or nowhere, whatever the event holds."""
    with pytest.raises(UnsafeUrl):
        kind({"ko": "x"}, url=url)


@pytest.mark.parametrize("url", BAD_URLS)
@pytest.mark.parametrize("field", ["url", "image"])
def test_an_unsafe_url_of_a_snapshot_is_refused(field: str, url: str) -> None:
    """The same for pictures and links of people and things; the error names whose."""
    with pytest.raises(UnsafeUrl, match=r"actor"):
        event(actor={"id": 1, field: url})


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_no_value_leaves_its_place_in_a_url(value: str) -> None:
    """Slashes, dots, queries, hosts and line ends in a value stay that value."""
    try:
        url = event(url="/a/{v}/b?q={v}#end", data={"v": value}).content.url
    except UnsafeUrl:
        assert value in {".", ".."} or len(value) > 100
        return
    assert url is not None
    assert url.isascii()
    assert url.count("/") == 3
    assert (url.count("?"), url.count("#")) == (1, 1)


@pytest.mark.parametrize("value", ["", ".", ".."])
def test_a_value_cannot_shorten_a_path(value: str) -> None:
    """`/{v}/x` becomes neither another host nor the folder above."""
    with pytest.raises(UnsafeUrl, match=r"card\.assigned"):
        event(url="/{v}/x", data={"v": value})


def test_a_missing_field_of_the_url_is_named() -> None:
    """As in texts."""
    with pytest.raises(MissingField, match=r"url names \{object.id\}"):
        event(url="/{object.id}")


# recipients, times, keys


@pytest.mark.parametrize(
    ("notify_actor", "recipients"), [(False, ("2", "3")), (True, ("1", "2", "3"))]
)
def test_the_actor_is_not_told(notify_actor: bool, recipients: tuple[str, ...]) -> None:
    """Who did it knows it, however the id is written, unless the kind says otherwise."""
    made = kind({"ko": "x"}, notify_actor=notify_actor)
    for actor in (1, "1", {"id": 1}, Snapshot("1"), Card(1, "x")):
        assert made.event(to=[1, 2, "3"], actor=actor).recipients == recipients


@pytest.mark.parametrize("nobody", [None, [], (), iter(())])
def test_nobody_is_an_event_without_recipients(nobody: Any) -> None:
    """Not an error: a card may have no assignee."""
    assert event(to=nobody).recipients == ()


@pytest.mark.parametrize("bad", [True, "", "x" * 129, 1.5, b"2", {"id": 2}, "a\nb", [None]])
def test_a_bad_recipient_is_refused(bad: Any) -> None:
    """G7: what is no id reaches nobody."""
    with pytest.raises(InvalidRecipient):
        event(to=bad)


def test_expiry() -> None:
    """The event's own time wins over the kind's; both become milliseconds."""
    made = kind({"ko": "x"}, expires_in=1.5)
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    assert made.event(to=2, now=10**12).expires_at == 10**12 + 1_500
    assert made.event(to=2, now=1000, expires_at=10**12).expires_at == 10**12
    assert event(expires_at=moment).expires_at == round(moment.timestamp() * 1000)


SECONDS = 1_785_000_000
NOWHERE = datetime(2026, 1, 2)  # noqa: DTZ001 - the mistake


@pytest.mark.parametrize("bad", [0, -1, True, 1.5, "2026", SECONDS, 10**18, NOWHERE])
def test_a_bad_expiry_is_refused(bad: Any) -> None:
    """A time without a zone means another moment on another machine."""
    with pytest.raises(InvalidInput, match="expires_at"):
        event(expires_at=bad)


@pytest.mark.parametrize("bad", ["", "x" * 257, "a\nb", "\ud800", 7, b"k"])
@pytest.mark.parametrize("field", ["key", "about"])
def test_a_bad_key_is_refused(field: str, bad: Any) -> None:
    """Keys are indexed and compared."""
    with pytest.raises(InvalidInput, match=field):
        event(**{field: bad})


# events that bring their own texts


def parts(**other: Any) -> dict[str, Any]:
    given = {"kind": "a.b", "category": "c", "texts": {"en": "{not} a template"}, "to": [1, 2]}
    return {**given, **other}


def test_event_from_parts() -> None:
    """Finished texts are taken as they are; all else is as with a kind."""
    made = event_from_parts(**parts(url="/a", actor=1, key="k", now=5, expires_at=10**12))
    assert made.content.texts == {"en": "{not} a template"}
    assert (made.recipients, made.content.url, made.created_at) == (("2",), "/a", 5)
    assert (made.key, made.expires_at) == ("k", 10**12)
    assert made.id == event(key="k").id
    assert event_from_parts(**parts(actor=1, notify_actor=True)).recipients == ("1", "2")


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"kind": "A B"}, InvalidKind),
        ({"category": ""}, InvalidKind),
        ({"texts": {}}, InvalidKind),
        ({"texts": {"en": "x" * (MAX_TEXT + 1)}}, InvalidKind),
        ({"texts": {"en": "\ud800"}}, InvalidInput),
        ({"url": "//evil"}, UnsafeUrl),
        ({"url": 5}, UnsafeUrl),
        ({"to": True}, InvalidRecipient),
        ({"data": {"a": object()}}, InvalidInput),
        ({"object": {"id": 1, "image": "javascript:x"}}, UnsafeUrl),
    ],
)
def test_event_from_parts_refuses(wrong: dict[str, Any], error: type[InvalidInput]) -> None:
    """What comes over HTTP meets the same door."""
    with pytest.raises(error):
        event_from_parts(**parts(**wrong))


anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@pytest.mark.parametrize("make", [event, lambda **some: event_from_parts(**parts(**some))])
@given(
    some=st.dictionaries(
        st.sampled_from(["to", "actor", "object", "target", "data", "key", "about", "expires_at"]),
        anything,
    )
)
def test_anything_is_an_event_or_invalid_input(
    make: Callable[..., Event], some: dict[str, Any]
) -> None:
    """No value crashes with another error; what is accepted can be stored and read again."""
    try:
        made = make(**some)
    except InvalidInput:
        return
    assert msgspec.json.decode(msgspec.json.encode(made), type=Event) == made

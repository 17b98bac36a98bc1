"""The JSON shape, the language, the time."""

import json
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alimi.model import Content, Notification, Snapshot
from alimi.views import parse_accept_language, pick_text, rfc3339, view


def test_a_view_has_the_agreed_fields() -> None:
    """Every field is there, also when empty, so that a reader need not guess."""
    content = Content(
        texts={"ko": "안녕", "en": "hello"},
        url="/cards/12",
        actor=Snapshot("1", "Ann", url="/users/1"),
        data={"card": 12},
    )
    row = Notification(
        id="n1",
        version=4,
        born=2,
        content_version=2,
        kind="card.assigned",
        category="cards",
        content=content,
        created_at=1_785_000_000_123,
        read_at=0,
    )
    assert json.loads(msgspec.json.encode(view(row, ("en",)))) == {
        "id": "n1",
        "version": 4,
        "kind": "card.assigned",
        "category": "cards",
        "message": "hello",
        "url": "/cards/12",
        "actor": {"id": "1", "name": "Ann", "image": None, "url": "/users/1"},
        "object": None,
        "target": None,
        "data": {"card": 12},
        "created_at": "2026-07-25T17:20:00.123Z",
        "seen_at": None,
        "read_at": "1970-01-01T00:00:00.000Z",
        "archived_at": None,
        "expires_at": None,
    }


@given(st.integers(0, 253_402_300_799_999))
def test_rfc3339_keeps_every_millisecond(moment: int) -> None:
    """The text says the same moment, and texts sort as moments do."""
    text = rfc3339(moment)
    assert text is not None
    assert len(text) == len("2026-07-25T17:20:00.123Z")
    parsed = datetime.fromisoformat(text)
    assert parsed.tzinfo == UTC
    assert round(parsed.timestamp() * 1000) == moment


TEXTS = {"ko": "ko", "en-GB": "en-GB", "zh-Hant": "zh-Hant", "pt-BR": "pt-BR", "pt": "pt"}


@pytest.mark.parametrize(
    ("locales", "expected"),
    [
        ((), "ko"),
        (("fr",), "ko"),
        (("ko-KR",), "ko"),
        (("KO",), "ko"),
        (("ko_KR",), "ko"),
        (("en",), "en-GB"),
        (("en-US",), "en-GB"),
        (("EN-gb",), "en-GB"),
        (("zh-Hant-TW",), "zh-Hant"),
        (("zh",), "zh-Hant"),
        (("pt",), "pt"),
        (("pt-br",), "pt-BR"),
        (("pt-PT",), "pt"),
        (("fr", "en"), "en-GB"),
        (("e",), "ko"),
        (("", "-", "en"), "en-GB"),
    ],
)
def test_pick_text(locales: tuple[str, ...], expected: str) -> None:
    """Exact before shorter before a sister language; else the kind's default, its first text."""
    assert pick_text(TEXTS, locales) == expected


def test_a_tombstone_reads_as_nothing() -> None:
    """No text is an empty text."""
    assert pick_text({}, ("ko",)) == ""


@given(st.dictionaries(st.text(), st.text(), min_size=1), st.lists(st.text()))
def test_pick_text_always_finds_one(texts: dict[str, str], locales: list[str]) -> None:
    """Whatever is asked for, the answer is one of the texts."""
    assert pick_text(texts, locales) in texts.values()


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", ()),
        ("ko", ("ko",)),
        ("ko-KR,ko;q=0.9,en-US;q=0.8,en;q=0.7", ("ko-kr", "ko", "en-us", "en")),
        ("en;q=0.1, ko ; q=1.000", ("ko", "en")),
        ("de, fr", ("de", "fr")),
        ("*", ()),
        ("ko;q=0, en", ("en",)),
        ("ko;q=2, en;q=x, de;q=0.5", ("de",)),
        ("en, EN;q=0.5", ("en",)),
        (",,;q=1, \0, ko", ("ko",)),
    ],
)
def test_parse_accept_language(header: str, expected: tuple[str, ...]) -> None:
    """Best first; what is malformed, refused or `*` is left out."""
    assert parse_accept_language(header) == expected


@given(st.text())
def test_parse_accept_language_takes_anything(header: str) -> None:
    """No header is an error."""
    assert all(tag.isascii() for tag in parse_accept_language(header))


def test_g8_accept_language_is_bounded() -> None:
    """G8: a header of any length gives a handful of languages."""
    assert len(parse_accept_language(",".join(f"a{i}" for i in range(100_000)))) <= 20
    assert len(parse_accept_language("a," * 100_000)) == 1

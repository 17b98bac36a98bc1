"""The pages as the server writes them."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from importlib.resources import files
from string import Formatter

import pytest

from board.faces import initials, picture
from board.texts import CATALOGUES, choose_locale, for_pages, say
from tests.board.harness import EMMA, JIWOO, Bench, Person


def data_of(page: str) -> dict[str, object]:
    """The block of data in a page."""
    found = re.search(r'<script type="application/json" id="page">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    data: dict[str, object] = json.loads(found[1])
    return data


class Balance(HTMLParser):
    """Which elements are open."""

    VOID = frozenset({"meta", "link", "img", "input"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize(("user", "word"), [(EMMA, "Skip to"), (JIWOO, "보드로 건너뛰기")])
async def test_the_board_speaks_the_readers_language(bench: Bench, user: int, word: str) -> None:
    """The person's own language, whatever the browser says."""
    somebody = await bench.person(user)
    page = await somebody.client.get("/", headers={"accept-language": "fr, de"})
    assert word in page.text
    assert f'lang="{page.headers["content-language"]}"' in page.text
    balance = Balance()
    balance.feed(page.text)
    assert balance.open == []


@pytest.mark.parametrize(
    ("header", "word"),
    [("ko-KR,ko;q=0.9", "누구신가요?"), ("en", "Who are"), ("", "Who are")],
)
async def test_the_login_page_speaks_the_browsers_language(
    bench: Bench, header: str, word: str
) -> None:
    """Before one is known, the browser's."""
    page = await (await bench.stranger()).get("/login", headers={"accept-language": header})
    assert word in page.text


async def test_a_deep_link_survives_the_login(bench: Bench, emma: Person) -> None:
    """From a notification to the card, with a login in between."""
    stranger = await bench.stranger()
    sent = await stranger.get("/cards/12")
    assert (sent.status_code, sent.headers["location"]) == (303, "/login?next=/cards/12")
    assert data_of((await stranger.get("/login?next=/cards/12")).text)["next"] == "/cards/12"
    assert data_of((await emma.client.get("/cards/12")).text)["card"] == 12
    back = await emma.client.get("/login?next=/cards/12")
    assert back.headers["location"] == "/cards/12"


@pytest.mark.parametrize(
    "target",
    ["//evil.test", "https://evil.test", "/\\evil.test", "javascript:alert(1)", "/a\nb", ""],
)
async def test_the_login_leads_nowhere_else(bench: Bench, emma: Person, target: str) -> None:
    """Only to an address of this board."""
    page = await (await bench.stranger()).get("/login", params={"next": target})
    assert data_of(page.text)["next"] == "/"
    assert (await emma.client.get("/login", params={"next": target})).headers["location"] == "/"


async def test_no_name_breaks_out_of_a_page(bench: Bench, emma: Person) -> None:
    """Names and addresses are text, in the markup and in the data."""
    page = await (await bench.stranger()).get("/login", params={"next": "/</script><b>&quot;"})
    assert "<b>" not in page.text
    assert data_of(page.text)["next"] == "/</script><b>&quot;"
    for odd in ("x", "12x", "9" * 30, "²", "%3Cb%3E"):
        answer = await emma.client.get(f"/cards/{odd}")
        assert data_of(answer.text)["card"] is None


def test_the_catalogues_are_complete() -> None:
    """Every sentence in both languages, with the same fields."""
    assert CATALOGUES["ko"].keys() == CATALOGUES["en"].keys()
    for key, text in CATALOGUES["en"].items():
        fields = [{part[1] for part in Formatter().parse(each)} for each in (text, say_raw(key))]
        assert fields[0] - {None} == fields[1] - {None}, key


def say_raw(key: str) -> str:
    """The Korean sentence as it is written."""
    return CATALOGUES["ko"][key]


def test_every_text_of_a_page_is_used() -> None:
    """What no module and no page mentions any more is gone from the catalogues."""
    folder = files("board")
    found = [*folder.joinpath("static").iterdir(), *folder.joinpath("pages").iterdir()]
    sources = [each for each in found if each.name.endswith((".js", ".html"))]
    code = "".join(each.read_text("utf-8") for each in sources)
    used = set(re.findall(r'"(\w+)"', code)) | set(re.findall(r"\$t_(\w+)", code))
    unused = [key for key in for_pages("en") if key.split(".")[0] not in used]
    assert unused == []


def test_sentences_are_filled() -> None:
    """Fields are put in, and braces in them stay what they are."""
    said = say("ko", "problem.too_many_logins", seconds="{x}")
    assert said == "로그인 시도가 너무 많습니다. {x}초 뒤에 다시 시도해 주세요."


@pytest.mark.parametrize(
    ("header", "locale"),
    [("ko", "ko"), ("fr;q=1, KO-kr;q=0.5, en", "ko"), ("", "en"), ("*", "en"), ("x" * 9999, "en")],
)
def test_the_language_of_a_stranger(header: str, locale: str) -> None:
    """The first one that we speak."""
    assert choose_locale(header) == locale


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("Emma Reid", "ER"),
        ("김지우", "지우"),
        ("Ada", "A"),
        ("Ada King Noel", "AN"),
        ("이", "이"),
    ],
)
def test_initials(name: str, short: str) -> None:
    """Two characters by which one knows somebody."""
    assert initials(name) == short


async def test_faces(bench: Bench, emma: Person) -> None:
    """A picture for everybody who may see the board; the bell shows the actor's."""
    answer = await emma.client.get("/faces/2.svg")
    assert answer.headers["content-type"] == "image/svg+xml"
    assert ">지우</text>" in answer.text
    assert (await emma.client.get("/faces/99.svg")).status_code == 404
    assert (await (await bench.stranger()).get("/faces/2.svg")).status_code == 401
    jiwoo = await bench.person(JIWOO)
    await emma.assign(12, JIWOO)
    assert (await jiwoo.inbox())[0]["actor"]["image"] == "/faces/1.svg"


def test_a_face_is_only_a_picture() -> None:
    """Whatever somebody is called."""
    assert "<script" not in picture(1, "<script> &")


async def test_modules_are_asked_for_at_once(emma: Person) -> None:
    """Every module of the board's page is named in it: no chain of one request after another."""
    page = (await emma.client.get("/")).text
    named = set(re.findall(r'"/static/(\w+\.js)"', page))
    modules = {each.name for each in files("board").joinpath("static").iterdir()}
    assert named == {name for name in modules if name.endswith(".js")} - {"login.js"}


@pytest.mark.parametrize(
    ("language", "words"), [("en", "There is nothing here"), ("ko-KR,ko", "여기에는 아무것도")]
)
async def test_an_unknown_address_is_explained(bench: Bench, language: str, words: str) -> None:
    """A browser gets a page that leads back, in its language; programs get problem+json."""
    stranger = await bench.stranger(**{"Accept-Language": language})
    page = await stranger.get("/nope", headers={"Accept": "text/html,*/*;q=0.8"})
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["content-security-policy"].startswith("default-src 'none'; ")
    assert words in page.text
    assert 'href="/"' in page.text
    for path, accept in (("/nope", "*/*"), ("/api/nope", "text/html"), ("/static/x", "text/html")):
        answer = await stranger.get(path, headers={"Accept": accept})
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"

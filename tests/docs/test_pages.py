"""The documentation says what is so: links lead somewhere, names are in the code, code runs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

import alimi
from alimi import Alimi, errors, metrics, settings
from alimi.frames import ByeReason, ResetReason
from alimi.sse import Decoder
from alimi.testing import store_conformance
from alimi.testing.stores import harness
from alimi.web import routes
from alimi.web.problems import PROBLEMS
from tests.docs import pages

DOCS, ROOT = pages.DOCS, pages.ROOT
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
SERIES = re.compile(r"^\| `(alimi_\w+)` \| (\w+) \| (`\w+` |)\|", re.MULTILINE)
TESTS = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


def text_of(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def table(name: str, heading: str) -> set[str]:
    """The names in the first column of the first table below a heading."""
    section = text_of(name).partition(f"\n{heading}\n")[2]
    rows = section.partition("\n| ")[2].partition("\n\n")[0]
    return {
        found for row in rows.splitlines() for found in re.findall(r"`(\w+)`", row.split("|")[1])
    }


@pytest.mark.parametrize("page", pages.PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    """To a file of this repository, and to a heading in it where the link names one."""
    broken = []
    for link in pages.links(page):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in pages.anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", pages.PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_test_that_a_page_names_is_there(page: Path) -> None:
    """A guarantee whose test was renamed or removed is noticed."""
    missing = [
        (name, test)
        for name, test in TESTS.findall(page.read_text("utf-8"))
        if not (ROOT / name).is_file() or f"def {test}" not in (ROOT / name).read_text("utf-8")
    ]
    assert missing == []


def test_every_page_can_be_found() -> None:
    """Following links from the README one reaches each page of the documentation."""
    reached, waiting = set[Path](), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md" or not page.exists():
            continue
        reached.add(page)
        waiting += [(page.parent / link.partition("#")[0]).resolve() for link in pages.links(page)]
    assert sorted(set(pages.PAGES) - reached) == []


def test_every_problem_is_explained() -> None:
    """Each `type` of an error answer has its heading, with its status first."""
    page = text_of("http.md")
    for name, (status, _) in PROBLEMS.items():
        assert f"\n### {name}\n\n{status}. " in page, name


def test_every_route_is_described() -> None:
    """The page of the HTTP interface names each method and path that is served."""
    page = text_of("http.md")
    served = [*routes.INBOX, *routes.EVENTS, *routes.HEALTH, *routes.METRICS]
    lines = [line for line in page.splitlines() if line.startswith(("|", "#", "`"))]
    for route in served:
        known = [line for line in lines if f"{route.method} {route.path}" in line]
        assert known or f"`{route.method}` makes it" in page, (route.method, route.path)


def series(registry: CollectorRegistry) -> Iterator[tuple[str, str, str]]:
    """Name, type and labels, as the page writes them."""
    for collector in registry._collector_to_names:
        (family,) = collector.describe() if hasattr(collector, "describe") else collector.collect()
        labels = ", ".join(f"`{name}`" for name in getattr(collector, "_labelnames", ()))
        yield family.name, family.type, labels


def test_the_metrics_are_those_of_the_code(tmp_path: Path) -> None:
    """No series is missing on the page, none is too many, types and labels are right."""
    made = Alimi(tmp_path / "alimi.db")
    made.asgi(lambda request: None)
    told = {
        (name, kind, labels.strip()) for name, kind, labels in SERIES.findall(text_of("metrics.md"))
    }
    assert told == set(series(made.metrics.registry))


def test_the_values_of_labels_are_those_of_the_code() -> None:
    """What a label can say is on the page, and nothing else; mypy holds the code to the types."""
    rows = {
        name: set(re.findall(r"`([a-z-]+)`", cell))
        for name, cell in re.findall(
            r"^\| `(alimi_\w+)` \|.*\|([^|]+)\|$", text_of("metrics.md"), re.MULTILINE
        )
    }
    for each in vars(metrics.Metrics()).values():
        if isinstance(each, metrics.Split):
            assert rows[each.name] == set(each.values), each.name


def test_every_task_is_a_value_of_its_metric() -> None:
    """A task that is added is counted under a name that the page has."""
    code = "".join(path.read_text("utf-8") for path in (ROOT / "src/alimi").rglob("*.py"))
    started = set(re.findall(r"tasks\.start\(\"([a-z-]+)\"", code))
    assert started | {"batch"} == set(metrics.Metrics().task_failures.values)


def test_the_buses_are_values_of_their_metric() -> None:
    """`alimi_bus_connected` names the bus."""
    code = "".join(path.read_text("utf-8") for path in (ROOT / "src/alimi/buses").rglob("*.py"))
    (cell,) = re.findall(r"\n\| `alimi_bus_connected` \|.*\|([^|]+)\|\n", text_of("metrics.md"))
    assert set(re.findall(r"\bCarrier\(\s*\"(\w+)\"", code)) == set(re.findall(r"`(\w+)`", cell))


def test_every_error_is_described_and_none_is_invented() -> None:
    """The table of errors and the hierarchy agree."""
    known = {
        name
        for name, each in vars(errors).items()
        if isinstance(each, type) and issubclass(each, errors.AlimiError)
    }
    assert table("embedding.md", "## Errors") == known - {"AlimiError"}
    pascal = re.compile(
        r"`((?:Invalid|Missing|Unsafe|Within|No|Unprepared|Foreign|Unknown|Key|Not|Store|Schema|Configuration)[A-Z]\w+)`"
    )
    suites = vars(store_conformance).keys() | vars(harness).keys()
    for page in pages.PAGES:
        named = set(pascal.findall(page.read_text("utf-8")))
        assert named - suites <= known, page.name


@pytest.mark.parametrize(
    ("heading", "reasons"), [("### reset", ResetReason), ("### bye", ByeReason)]
)
def test_every_reason_of_the_wire_is_explained(heading: str, reasons: Any) -> None:
    """Whatever a `reset` or `bye` may say; a stalled reader is cut without a word."""
    assert table("wire.md", heading) == set(reasons.__args__) - {"stalled"}


def test_the_examples_of_the_wire_are_streams() -> None:
    """Every block decodes, and says what its heading says."""
    sections = re.compile(r"^### (\w+).*?$(.*?)(?=^###? )", re.MULTILINE | re.DOTALL)
    seen = set()
    for name, section in sections.findall(text_of("wire.md")):
        for block in re.findall(r"^```\n(.*?)^```$", section, re.MULTILINE | re.DOTALL):
            decoder = Decoder()
            events = {each.event for each in decoder.feed(block.encode() + b"\n")}
            assert events or decoder.retry
            assert events <= {name if name != "A" else "message"}
            seen |= events
    assert seen == {"hello", "message", "change", "reset", "signal", "ping", "bye"}


def test_the_defaults_that_pages_name_are_the_defaults() -> None:
    """A changed default is changed on the pages too."""
    default, page = settings.Settings(), text_of("guarantees.md")
    for name in ("stall_seconds", "max_stream_seconds", "max_streams", "page", "batch"):
        assert f"`{name}`, {getattr(default, name):,}" in page, name
    kept = default.retention
    told = f"days={kept.days}, rows={kept.rows:_}, tombstone_days={kept.tombstone_days}"
    assert f"Retention({told}, key_days={kept.key_days})" in text_of("sqlite.md")


def test_the_design_names_every_dependency() -> None:
    """A package without a reason is not depended on."""
    page = text_of("design/dependencies.md")
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    wanted = project.partition("\ndependencies = ")[2].partition("[tool.hatch")[0]
    names = set(re.findall(r'"([a-z0-9][a-z0-9-]*)(?=[\[<>=;])', wanted)) - {"alimi"}
    assert len(names) > 20
    assert [name for name in sorted(names) if name not in page] == []


def test_what_an_application_imports_is_exported() -> None:
    """No code on a page imports what is not there."""
    for page in pages.PAGES:
        for names in re.findall(r"^from alimi import (.+)$", page.read_text("utf-8"), re.MULTILINE):
            assert set(names.split(", ")) <= set(alimi.__all__), page.name


async def test_the_five_lines_of_the_readme_work(tmp_path: Path) -> None:
    """Beside `who`, nothing else is needed for a notification in an inbox, and for the bell."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'app.db'}")
    app = FastAPI()
    names = {
        "Alimi": Alimi, "engine": engine, "app": app,
        "who": lambda request: request.cookies.get("user"),
        "card": SimpleNamespace(id=12, title="Ship it", assignee_id=2), "me": {"id": 1},
    }  # fmt: skip
    (code,) = pages.checks(ROOT / "README.md").values()
    setup, _, notify = code.rpartition("\n\n")
    exec(setup, names)
    made: Any = names["alimi"]
    await made.start()
    async with AsyncSession(engine) as session, session.begin():
        await session.execute(text("SELECT 1"))
        names["session"] = session
        await eval(compile(notify, "README.md", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
    await made.flush()
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://x", cookies={"user": "2"}
    ) as browser:
        inbox = (await browser.get("/alimi/v1/inbox", headers={"Accept-Language": "en"})).json()
        assert (await browser.get("/alimi/bell.js")).status_code == 200
    await made.close()
    await engine.dispose()
    (item,) = inbox["items"]
    assert item["message"] == "You are now the assignee of a card."
    assert (item["url"], item["object"]["name"]) == ("/cards/12", "Ship it")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
async def test_the_examples_run(
    example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each starts, notifies somebody, and serves them the bell."""
    monkeypatch.chdir(tmp_path)
    names = pages.load(example, monkeypatch)
    transport = httpx.ASGITransport(names["app"])
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as browser:
        assert "alimi-bell" in (await browser.get("/")).text
        for path in {"minimal": ["/ring"], "litestar_app": ["/login/2", "/assign/12/2"]}[
            example.stem
        ]:
            assert (await browser.post(path)).is_success
        await names["alimi"].flush()
        assert (await browser.get("/alimi/v1/inbox")).json()["unread"] == 1
        assert (await browser.get("/alimi/bell.js")).status_code == 200
    await names["alimi"].close()

"""The page about tests is itself tested."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from alimi.testing.buses.harness import Proxy, Server
from tests.docs import pages
from tests.support.processes import ROOT

PAGE = pages.DOCS / "testing.md"
CHECKS = pages.checks(PAGE)


def test_the_checker_of_the_page_is_content() -> None:
    """Its example compiles, runs, and finds nothing wrong; without the sighting it would."""
    exec(CHECKS["checker"], {})
    blind = CHECKS["checker"].replace('page.saw("card-12", id="0198f3c2", version=1)', "pass")
    names: dict[str, Any] = {}
    exec(blind.rpartition("assert ")[0], names)
    findings = names["checker"].check({"2": names["inbox"]})
    assert [finding.problem for finding in findings] == ["lost"]


def test_the_suites_can_be_imported_as_it_says() -> None:
    """In a fresh interpreter, where nothing was imported before."""
    done = subprocess.run(
        [sys.executable, "-c", CHECKS["conformance"]], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def run_strictly(folder: Path, tests: str, *which: str) -> subprocess.CompletedProcess[str]:
    """As somebody who has set nothing: pytest-asyncio is strict then."""
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_mine.py").write_text(CHECKS["conformance"] + tests)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_mine.py", *which],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
        text=True,
    )


def test_the_suites_need_no_setting(tmp_path: Path) -> None:
    """Asynchronous tests run in pytest-asyncio's strict mode, which is its own default."""
    mine = "from tests.stores.test_sqlite import TestSQLiteStore\n"
    done = run_strictly(tmp_path, mine, "-k", "closed_store or close_finishes")
    assert "2 passed" in done.stdout, done.stdout


@pytest.mark.parametrize(
    ("suite", "given", "lacking"),
    [
        ("StoreConformance", "make_store = connect = None", "put_garbage"),
        ("StoreConformance", "make_store = None", "connect, put_garbage"),
        ("NetworkBusConformance", "pass", "make_bus"),
    ],
)
def test_a_class_that_says_too_little_fails(
    tmp_path: Path, suite: str, given: str, lacking: str
) -> None:
    """pytest leaves out a class that is abstract to Python, and is green."""
    done = run_strictly(tmp_path, f"class TestMine({suite}):\n    {given}\n")
    assert done.returncode == 1
    assert f"TestMine has to define {lacking}\n" in done.stdout
    assert "passed" not in done.stdout


def test_what_a_bus_needs_is_named() -> None:
    """All that the suite calls of a server and of a proxy."""
    text = PAGE.read_text()
    for protocol in (Server, Proxy):
        for name in [each for each in vars(protocol) if not each.startswith("_")]:
            assert f"`{name}(" in text, name


def test_every_check_of_the_page_is_run() -> None:
    """A block that somebody adds is not forgotten here."""
    assert CHECKS.keys() == {"checker", "conformance"}

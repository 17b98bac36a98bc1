"""The page about tests is itself tested."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from tests.docs import pages

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


def test_every_check_of_the_page_is_run() -> None:
    """A block that somebody adds is not forgotten here."""
    assert CHECKS.keys() == {"checker", "conformance"}

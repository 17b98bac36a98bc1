"""The repository itself: locks, scripts, versions, and what must not be in any file."""

import ast
import json
import os
import re
import subprocess
import tomllib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LOCKS = sorted(ROOT.glob("requirements/*.lock"))
# In two parts, so that this file does not find itself.
MACHINE_PATHS = re.compile(
    "|".join(f"(?<![\\w.]){root}" + "/[a-z]" for root in ("/work", "/root", "/home"))
)
FUNCTION_LIMIT = 60


def tracked_files(pattern: str = "") -> list[Path]:
    """What git knows below `pattern`; new files count as soon as they are not ignored."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others"]
    command += ["--exclude-standard", "--", *([pattern] if pattern else [])]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def read_text(path: Path) -> str | None:
    """The file's text, or None when it is not text."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def requirements(lock: Path) -> dict[str, list[str]]:
    """Each `name==version` of a lock with its hashes."""
    joined = lock.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [
        line.split() for line in joined.splitlines() if line and not line.lstrip().startswith("#")
    ]
    return {line[0]: [word for word in line if word.startswith("--hash=sha256:")] for line in lines}


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method of a Python file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """How long a function is without its docstring."""
    start = function.body[1 if ast.get_docstring(function) and len(function.body) > 1 else 0]
    return (function.end_lineno or 0) - start.lineno + 1


def test_both_locks_are_there() -> None:
    """The board and the tests each have a lock."""
    assert [lock.name for lock in LOCKS] == ["dev.lock", "run.lock"]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_locked_package_has_hashes(lock: Path) -> None:
    """Nothing is installed that is not, byte for byte, what was locked."""
    locked = requirements(lock)
    assert len(locked) > 20
    assert [name for name, hashes in locked.items() if "==" not in name or not hashes] == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_no_lock_names_an_address(lock: Path) -> None:
    """Where packages come from is decided by the machine that installs them, not by the lock."""
    text = lock.read_text(encoding="utf-8")
    assert "://" not in text
    assert set(re.findall(r"(?<!\S)--?[a-z][a-z-]*(?=[= ])", text)) <= {"--hash", "-c"}


def test_the_client_lock_names_no_address() -> None:
    """The same holds for the packages of the client's checks."""
    lock = json.loads((ROOT / "tests/client/package-lock.json").read_text(encoding="utf-8"))
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert [name for name, entry in packages.items() if "resolved" in entry] == []
    assert [name for name, entry in packages.items() if "integrity" not in entry] == []


def test_run_lock_is_part_of_dev_lock() -> None:
    """What the tests were run with is what the board runs with."""
    run, dev = (requirements(ROOT / f"requirements/{name}.lock") for name in ("run", "dev"))
    assert run.items() <= dev.items()


def test_every_script_is_executable_and_stops_at_an_error() -> None:
    """A script that is typed as README says starts, and does not go on after a failed line."""
    scripts = [*tracked_files("scripts"), ROOT / ".ci/run"]
    assert [path.name for path in scripts if not os.access(path, os.X_OK)] == []
    shells = [path for path in scripts if "sh" in path.read_text("utf-8").partition("\n")[0]]
    assert [path.name for path in shells if "\nset -" not in path.read_text("utf-8")] == []


def test_changelog_names_this_version() -> None:
    """The newest entry of the changelog is the version of the package."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    newest = re.search(r"^## (\d\S*)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert newest is not None
    assert newest[1] == project["version"] == version("alimi")


def test_no_file_names_a_path_of_one_machine() -> None:
    """What is committed holds on every machine."""
    found = [path for path in tracked_files() if MACHINE_PATHS.search(read_text(path) or "")]
    assert [str(path.relative_to(ROOT)) for path in found] == []


def test_every_test_states_its_claim() -> None:
    """A test without a docstring does not say what is broken when it fails."""
    bare = [
        f"{path.name}::{function.name}"
        for path in tracked_files("tests/*.py")
        for function in functions(path)
        if function.name.startswith("test_") and not ast.get_docstring(function)
    ]
    assert bare == []


def test_no_test_is_skipped_or_expected_to_fail() -> None:
    """What cannot be tested is not hidden as a skip."""
    words = re.compile(r"pytest\.(mark\.)?" + "(skip|skipif|xfail|importorskip)\\b")
    texts = {path.name: path.read_text("utf-8") for path in tracked_files("tests/*.py")}
    found = [name for name, text in texts.items() if words.search(text)]
    assert found == []


def test_one_word_for_one_thing() -> None:
    """The words that mean four things each in this field are not ours."""
    words = re.compile(r"\b(topic|subscriber)s?\b", re.IGNORECASE)
    sources = tracked_files("src/*.py") + tracked_files("src/*.js") + tracked_files("src/*.sql")
    found = [path for path in sources if words.search(path.read_text("utf-8"))]
    assert [str(path.relative_to(ROOT)) for path in found] == []


def test_functions_stay_small() -> None:
    """A function that does not fit a screen does more than one thing."""
    long = [
        f"{path.relative_to(ROOT)}:{function.lineno} {function.name} ({code_lines(function)})"
        for path in tracked_files("src/*.py")
        for function in functions(path)
        if code_lines(function) > FUNCTION_LIMIT
    ]
    assert long == []

"""Peers that a machine may lack: a line for the missing, the same measures for the others."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.entrants import Entrant
from benchmarks.measures import fan_out, small_crowd
from benchmarks.peers import install, posted
from benchmarks.peers.posted import centrifugo, mercure
from benchmarks.sizes import TINY

SERVERS = {"mercure": mercure, "centrifugo": centrifugo}
STAND_IN = Path(__file__).with_name("standin.py")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing is on the path but what a test puts there, and trials stay in its folder."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setattr(install, "FOLDER", tmp_path / "peers")
    monkeypatch.setattr(posted, "FOLDER", tmp_path / "peers")
    return tmp_path


def program(folder: Path, name: str, script: str) -> None:
    """Put a program on the path."""
    path = folder / "bin" / name
    path.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    path.chmod(0o755)


def test_what_is_not_on_the_path_is_left_out_with_where_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A run goes on without Mercure and Centrifugo, and says so."""
    monkeypatch.setattr(install, "_MAKERS", SERVERS)
    found, missing = install.peers()
    assert found == []
    assert [line.partition("https://")[0] for line in missing] == [
        f"{name} is left out: {name} is not on the path; get it from " for name in SERVERS
    ]


@pytest.mark.parametrize("name", SERVERS)
def test_a_program_that_refuses_its_configuration_is_left_out_with_its_word(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A version that is configured in another way costs its own row, not the run."""
    program(folder, name, "echo 'no such directive' >&2; exit 1")
    monkeypatch.setattr(install, "_MAKERS", {name: SERVERS[name]})
    assert install.peers() == ([], [f"{name} is left out: {name} failed: no such directive"])


@pytest.mark.parametrize("name", SERVERS)
@pytest.mark.parametrize("measure", [fan_out, small_crowd])
def test_streams_and_events_fit_the_configuration(
    folder: Path, name: str, measure: Callable[..., dict[str, float]]
) -> None:
    """Each stream opens, each event is taken and reaches whom it is for, all of a burst too."""
    program(folder, name, f'exec "{sys.executable}" "{STAND_IN}" {name} "$@"')
    entrant: Entrant = SERVERS[name]()
    figures = measure(entrant, folder, TINY)
    assert figures.get("B2 arrived, %", 100) == 100
    assert not entrant.paces

"""The benchmark itself: every measure runs and answers its figures.  No timing is asserted."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from benchmarks import page, picture, tables
from benchmarks.entrants import ALIMI
from benchmarks.many import site
from benchmarks.measures import MEASURES
from benchmarks.results import Results, load
from benchmarks.sizes import TINY
from benchmarks.targets import TARGETS


class Taken:
    """One tiny round of Alimi alone; each measure is taken when it is asked for first."""

    def __init__(self, folders: pytest.TempPathFactory) -> None:
        self._folders = folders
        self._results = Results(machine={"date": "a day"})

    def __call__(self, *measures: str) -> Results:
        for name in measures:
            if name not in self._results.table:
                take, _ = MEASURES[name]
                figures = take(ALIMI, self._folders.mktemp("bench"), TINY)
                self._results.add(name, 0, ALIMI.name, figures)
        return self._results


@pytest.fixture(scope="module", autouse=True)
def one_postgres() -> Iterator[None]:
    """Each measure starts a server of its own, which takes longer than a tiny measure."""
    with site.postgres() as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(site, "postgres", lambda: nullcontext(server))
        yield


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Taken:
    """What the tests of this file share."""
    return Taken(tmp_path_factory)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("measure", MEASURES)
def test_each_measure_answers_figures(taken: Taken, measure: str) -> None:
    """Every measure runs to its end at a tiny size, and what it answers are real numbers."""
    values = [values[ALIMI.name][0] for values in taken(measure).table[measure].values()]
    assert values
    assert all(value is not None and math.isfinite(value) and value >= 0 for value in values)


def test_nothing_is_lost_in_a_burst(taken: Taken) -> None:
    """A burst arrives whole, and no reader has to fall behind for it."""
    results = taken("fan-out")
    assert results.of("fan-out", "B2 arrived, %", ALIMI.name) == [100]
    assert results.of("fan-out", "B2 readers that fell behind", ALIMI.name) == [0]


@pytest.mark.timeout(300)
def test_each_target_names_figures_that_are_taken(taken: Taken) -> None:
    """A figure that was renamed does not silently drop out of the targets."""
    results = taken(*MEASURES)
    figures = [(target.measure, target.figure, ALIMI.name) for target in TARGETS]
    figures += [target.over for target in TARGETS if target.over is not None]
    own = [figure for figure in figures if figure[2] == ALIMI.name]
    assert [figure for figure in own if not results.of(*figure)] == []


def test_results_survive_the_file_and_can_be_shown(taken: Taken, tmp_path: Path) -> None:
    """What is written is read back the same, as a table and as a picture."""
    results = taken("fan-out", "small crowd", "durable")
    results.save(tmp_path / "results.json")
    again = load(tmp_path / "results.json")
    picture.draw(again, tmp_path / "picture.svg")
    assert again == results
    assert "B1 deliveries per CPU-second" in tables.text(again)
    assert (tmp_path / "picture.svg").read_text("utf-8").startswith("<svg ")


def test_the_page_has_room_for_the_figures() -> None:
    """docs/performance.md keeps the two marks between which a run writes."""
    text = page.PAGE.read_text("utf-8")
    assert text.count(page.BEGIN) == text.count(page.END) == 1
    assert text.index(page.BEGIN) < text.index(page.END)


def test_a_ratio_comes_from_the_same_round() -> None:
    """Of two figures only the rounds count that both have."""
    taken = Results()
    taken.add("m", 0, "a", {"f": 10.0})
    taken.add("m", 1, "a", {"f": 40.0})
    taken.add("m", 1, "b", {"f": 4.0})
    assert taken.of("m", "f", "b") == [None, 4.0]
    assert taken.ratio(("m", "f", "a"), ("m", "f", "b")) == (10.0, 10.0, 10.0)

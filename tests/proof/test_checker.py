"""The judge is judged: each kind of broken promise is found, and a kept one is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from alimi.testing import faults
from alimi.testing.checker import Checker, Consumer, Row, Sighting, Truth
from alimi.testing.faults import Faults, Point


def a_good_run() -> tuple[Checker, Consumer, dict[str, Truth]]:
    """Two events, one after the other, to one person with one page; one deed was rolled back."""
    checker = Checker()
    page = checker.consumer("2")
    page.connects()
    for version, name in enumerate(("e1", "e2"), 1):
        fate = checker.asks(name, ["2"])
        checker.told(fate)
        page.saw(name, f"id-{name}", version)
    checker.told(checker.asks("undone", ["2"]), "rolled back")
    checker.asks("unheard", ["2"])
    page.ends(["e1", "e2"], 2, 2)
    rows = [Row("e2", "id-e2"), Row("e1", "id-e1")]
    return checker, page, {"2": Truth(rows, 2, 2)}


def test_a_good_run_has_no_findings() -> None:
    """Nothing is found where nothing is wrong; an unknown event may be missing."""
    checker, _, inboxes = a_good_run()
    assert checker.check(inboxes) == []
    figures = checker.figures()
    assert (figures.acknowledged, figures.rolled_back, figures.unknown) == (2, 1, 1)


def test_an_unknown_event_may_be_there() -> None:
    """What nobody was told about may have happened, when stream and inbox agree about it."""
    checker, page, inboxes = a_good_run()
    page.saw("unheard", "id-3", 3)
    page.ends(["e1", "e2", "unheard"], 3, 3)
    rows = [Row("unheard", "id-3"), *inboxes["2"].rows]
    assert checker.check({"2": Truth(rows, 3, 3)}) == []


def a_lost_row(page: Consumer, rows: list[Row]) -> None:
    del rows[0]


def an_unseen_row(page: Consumer, rows: list[Row]) -> None:
    page.sightings.pop()


def a_row_twice(page: Consumer, rows: list[Row]) -> None:
    rows.append(Row("e1", "id-again"))


def a_frame_twice(page: Consumer, rows: list[Row]) -> None:
    page.saw("e2", "id-e2", 2)


def a_row_told_twice(page: Consumer, rows: list[Row]) -> None:
    page.changed("id-e1", 3)
    page.changed("id-e1", 3)


def a_new_row_that_was_told_as_changed(page: Consumer, rows: list[Row]) -> None:
    page.changed("id-e2", 2)


def a_row_new_in_two_versions(page: Consumer, rows: list[Row]) -> None:
    page.saw("e1", "id-e1", 7)


def a_row_new_behind_a_younger_one(page: Consumer, rows: list[Row]) -> None:
    page.connects()
    page.saw("e2", "id-e2", 2)
    page.saw("e1", "id-e1", 1)


def a_change_behind_a_younger_one(page: Consumer, rows: list[Row]) -> None:
    page.changed("id-e1", 1)


def an_id_that_falls(page: Consumer, rows: list[Row]) -> None:
    page.stands(1)


def an_event_as_two_rows(page: Consumer, rows: list[Row]) -> None:
    page.connects()
    page.saw("e1", "id-of-nobody", 3)


def another_id_than_the_inbox_has(page: Consumer, rows: list[Row]) -> None:
    rows[0] = Row("e2", "id-of-another")


def another_id_than_the_stream_told(page: Consumer, rows: list[Row]) -> None:
    page.sightings[1] = Sighting("e2", "id-of-another", 2, 1)


def a_rolled_back_row(page: Consumer, rows: list[Row]) -> None:
    rows.insert(0, Row("undone", "id-3"))


def a_rolled_back_frame(page: Consumer, rows: list[Row]) -> None:
    page.saw("undone", "id-3", 3)


def a_wrong_order(page: Consumer, rows: list[Row]) -> None:
    rows.reverse()


def a_row_of_nobody(page: Consumer, rows: list[Row]) -> None:
    rows.insert(0, Row("theirs", "id-3"))


def a_wrong_badge(page: Consumer, rows: list[Row]) -> None:
    page.unread += 1


def a_read_row_that_counts(page: Consumer, rows: list[Row]) -> None:
    rows[0] = Row("e2", "id-e2", read=True)


def a_row_only_on_the_page(page: Consumer, rows: list[Row]) -> None:
    page.shows = [*page.shows, "unheard"]


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (a_lost_row, "lost"),
        (an_unseen_row, "lost"),
        (a_row_twice, "doubled"),
        (a_frame_twice, "doubled"),
        (a_row_told_twice, "doubled"),
        (a_new_row_that_was_told_as_changed, "doubled"),
        (a_row_new_in_two_versions, "doubled"),
        (an_event_as_two_rows, "doubled"),
        (a_row_new_behind_a_younger_one, "disorder"),
        (a_change_behind_a_younger_one, "disorder"),
        (an_id_that_falls, "disorder"),
        (another_id_than_the_inbox_has, "apart"),
        (another_id_than_the_stream_told, "apart"),
        (a_rolled_back_row, "undone"),
        (a_rolled_back_frame, "undone"),
        (a_wrong_order, "disorder"),
        (a_row_of_nobody, "misdelivered"),
        (a_wrong_badge, "miscounted"),
        (a_read_row_that_counts, "miscounted"),
        (a_row_only_on_the_page, "apart"),
    ],
)
def test_each_broken_promise_is_found(
    spoil: Callable[[Consumer, list[Row]], None], problem: str
) -> None:
    """One thing is made wrong, and its name is among the findings."""
    checker, page, inboxes = a_good_run()
    rows = list(inboxes["2"].rows)
    spoil(page, rows)
    findings = checker.check({"2": Truth(rows, 2, 2)})
    assert problem in [finding.problem for finding in findings]


def test_a_replay_on_another_connection_is_no_double() -> None:
    """A cut before the id makes a resume repeat a frame; the page drops it by (id, version)."""
    checker, page, inboxes = a_good_run()
    page.connects()
    page.saw("e2", "id-e2", 2)
    assert checker.check(inboxes) == []


def test_a_row_that_has_changed_since_a_cut_may_be_new_once_more() -> None:
    """The place behind a cut replay tells what it was shown; its next connection knows no more."""
    checker, page, inboxes = a_good_run()
    page.changed("id-e2", 3)
    page.connects()
    page.stands(1)
    page.saw("e2", "id-e2", 3)
    page.stands(3)
    assert checker.check(inboxes) == []


def test_behind_a_reset_versions_begin_anew() -> None:
    """Another life of the store counts from its own beginning; what a page held has no order."""
    checker, page, inboxes = a_good_run()
    page.changed("id-e1", 9)
    page.resets()
    page.stands(1)
    page.saw("e2", "id-e2", 2)
    page.loaded("e2", "id-e2", 2)
    page.loaded("e1", "id-e1", 1)
    page.stands(2)
    assert checker.check(inboxes) == []


def test_an_armed_point_acts_the_nth_time_it_is_passed() -> None:
    """`following` counts only the first call after that of another; `uninstall` puts all back."""
    place = f"{__name__}:Writer.commit"
    points = (
        Point("any", "before", place),
        Point("append", "before", place, f"{__name__}:Writer.append"),
    )
    table, faults.BY_NAME = faults.BY_NAME, {point.name: point for point in points}
    original, acted, found = Writer.commit, list[int](), Faults()
    try:
        found.install(points)
        found.arm("append", nth=2, action=lambda: acted.append(found.passed["any"]))
        writer = Writer()
        for verb in ("append", "commit", "commit", "append", "commit", "append", "commit"):
            getattr(writer, verb)()
    finally:
        found.uninstall()
        faults.BY_NAME = table
    assert acted == [3]
    assert found.passed == {"any": 4, "append": 3}
    assert Writer.commit is original


class Writer:
    """Something with two steps."""

    def append(self) -> None:
        """One."""

    def commit(self) -> None:
        """The other."""

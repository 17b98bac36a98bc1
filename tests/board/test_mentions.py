"""Finding people in texts."""

from __future__ import annotations

import unicodedata

import pytest

from board.mentions import find_mentions

NAMES = {1: "Emma", 2: "김지우", 3: "Emma Reid", 4: "R.D. (2)", 5: "Saul Kank"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("@Emma look", {1}),
        ("@emma, @EMMA", {1}),
        ("(@Emma)", {1}),
        ("@Emma Reid", {3}),
        ("@Emma Reid and @Emma", {1, 3}),
        ("@Emmanuel", set()),
        ("@Emma_", set()),
        ("mail@Emma", set()),
        ("지우@김지우", set()),
        ("@김지우님이 봤어요", {2}),
        ("@Emma님", {1}),
        (unicodedata.normalize("NFD", "@김지우님이 봤어요"), {2}),
        ("@R.D. (2) yes", {4}),
        ("@RxD. (2)", set()),
        ("@Emma Re\u0131d, @Emma Re\u0130d", {3}),
        ("@\u017faul \u212aank", {5}),
        ("Emma", set()),
        ("@ Emma", set()),
        ("", set()),
    ],
)
def test_mentions(text: str, found: set[int]) -> None:
    """A name after an @, whole, the longest that fits, with Korean particles glued to it."""
    assert find_mentions(text, NAMES) == found


def test_nobody_to_mention() -> None:
    """A board without users mentions nobody."""
    assert find_mentions("@Emma", {}) == set()

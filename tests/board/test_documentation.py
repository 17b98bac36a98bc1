"""What docs/board.md says of problems is what there is."""

from __future__ import annotations

import re
from pathlib import Path

from board.texts import CATALOGUES

DOCS = Path(__file__).parents[2] / "docs" / "board.md"


def test_every_problem_is_documented() -> None:
    """Each `type` has a line that says what to do."""
    table = DOCS.read_text("utf-8").split("## Problems")[1]
    documented = {
        name
        for line in table.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`([a-z-]+)`", line.split("|")[1])
    }
    keys = [key for key in CATALOGUES["en"] if key.startswith("problem.")]
    assert documented == {key.removeprefix("problem.").replace("_", "-") for key in keys}

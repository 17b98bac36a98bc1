"""What the board says of its API is what an outsider finds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.board.harness import EMMA, Person
from tests.board.served import Hosted
from tests.support.outsider import finds_nothing

#: What is in the database no schema can say.  A stream ends only when its reader leaves, and
#: logging out or in would end the session that asks.
CONFIG = """
[generation]
allow-extra-parameters = false
max-examples = 5

[phases]
stateful.enabled = false

[checks.positive_data_acceptance]
expected-statuses = ["2xx", "400", "401", "403", "404", "409", "412", "422", "429"]
"""
OPTIONS = [
    "--phases", "fuzzing",
    "--exclude-path", "/sse/{user_id}", "--exclude-path", "/api/session",
]  # fmt: skip


async def test_every_operation_tells_its_problems(emma: Person) -> None:
    """By status and as problem+json; nothing is left of the framework's own shape."""
    document = await emma.get("/api/openapi.json")
    assert "HTTPValidationError" not in str(document)
    for operations in document["paths"].values():
        for operation in operations.values():
            told = {s: r for s, r in operation["responses"].items() if int(s) >= 400}
            assert {"422", "500"} <= told.keys()
            for response in told.values():
                assert list(response["content"]) == ["application/problem+json"]
    stream = document["paths"]["/sse/{user_id}"]["get"]["responses"]
    assert list(stream["200"]["content"]) == ["text/event-stream"]
    assert {"401", "403", "409"} <= stream.keys()
    assigned = document["paths"]["/api/cards/{card_id}/assignee"]["patch"]["responses"]
    assert assigned.keys() >= {"401", "403", "404", "409", "412", "413", "415"}


@pytest.fixture
def hosted(tmp_path: Path) -> Iterator[Hosted]:
    """A board with its demo on a port."""
    hosted = Hosted(tmp_path / "board.db")
    yield hosted
    hosted.stop()


@pytest.mark.timeout(180)
async def test_schemathesis_finds_nothing(hosted: Hosted, tmp_path: Path) -> None:
    """No 5xx, no undocumented status, type or shape, no acceptance of what is documented as bad."""
    with hosted.browser(EMMA) as emma:
        cookie = f"Cookie: board_session={emma.cookies['board_session']}"
    document = f"{hosted.address}/api/openapi.json"
    await finds_nothing(tmp_path, CONFIG, document, "-H", cookie, *OPTIONS)

"""An outsider that knows only the OpenAPI document finds nothing wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from alimi import Alimi, Settings
from tests.support.outsider import finds_nothing
from tests.web.site import KEY, TEXTS, notify, serving, who

#: Which kinds are registered and whose cursor it is no schema can say, so a documented refusal of a
#: well-formed body is right; an unknown query parameter may be what the application's `who` reads.
#: A stream takes as long as it lives, so it is asked less often.
CONFIG = """
[generation]
allow-extra-parameters = false
max-examples = 20

[phases]
stateful.enabled = false

[checks.positive_data_acceptance]
expected-statuses = ["2xx", "400", "401", "403", "404", "409", "422"]

[[operations]]
include-path = "/v1/inbox/stream"
generation.max-examples = 4
phases.examples.enabled = false
phases.coverage.enabled = false
"""
OPTIONS = ["-H", "Cookie: user=2", "-H", f"Authorization: Bearer {KEY}"]


@pytest.fixture
async def address(tmp_path: Path) -> AsyncIterator[str]:
    settings = Settings(synchronous="NORMAL", max_stream_seconds=1, drain_seconds=0.1)
    alimi = Alimi(tmp_path / "alimi.db", settings=settings)
    alimi.kind("card.assigned", category="cards", text=TEXTS)
    await notify(alimi, "2", count=3, category="mentions")
    async with serving(alimi.asgi(who, api_keys=[KEY], metrics=True)) as found:
        yield found
    await alimi.close()


@pytest.mark.timeout(180)
async def test_schemathesis_finds_nothing(address: str, tmp_path: Path) -> None:
    """No 5xx, no undocumented status, type or shape, no acceptance of what is documented as bad.

    A process of its own, bounded by the number of examples; a stream's headers and queries,
    whatever they hold, end in a stream or in a documented refusal.
    """
    await finds_nothing(tmp_path, CONFIG, f"{address}/openapi.json", *OPTIONS)

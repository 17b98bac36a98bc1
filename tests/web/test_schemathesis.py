"""An outsider that knows only the OpenAPI document finds nothing wrong."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from alimi import Alimi, Settings
from tests.web.site import KEY, TEXTS, notify, serving, who

#: Which kinds are registered and whose cursor it is no schema can say, so a documented refusal of a
#: well-formed body is right; an unknown query parameter may be what the application's `who` reads.
CONFIG = """
[generation]
allow-extra-parameters = false

[checks.positive_data_acceptance]
expected-statuses = ["2xx", "400", "401", "403", "404", "409", "422"]
"""
COMMAND = [
    sys.executable, "-m", "schemathesis.cli", "run", "--checks", "all", "--mode", "all",
    "--max-failures", "20", "--continue-on-failure", "--generation-deterministic", "--no-color",
    "--request-timeout", "10", "-H", "Cookie: user=2", "-H", f"Authorization: Bearer {KEY}",
]  # fmt: skip
STREAM = "/v1/inbox/stream"


async def schemathesis(address: str, folder: Path, *options: str) -> None:
    """As a process of its own, and bounded by the number of examples."""
    (folder / "schemathesis.toml").write_text(CONFIG)
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *options, f"{address}/openapi.json",
        cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode(errors="replace")


@pytest.fixture
async def address(tmp_path: Path) -> AsyncIterator[str]:
    settings = Settings(synchronous="NORMAL", max_stream_seconds=0.05, drain_seconds=0.1)
    alimi = Alimi(tmp_path / "alimi.db", settings=settings)
    alimi.kind("card.assigned", category="cards", text=TEXTS)
    await notify(alimi, "2", count=3, category="mentions")
    async with serving(alimi.asgi(who, api_keys=[KEY], metrics=True)) as found:
        yield found
    await alimi.close()


@pytest.mark.timeout(180)
async def test_schemathesis_finds_nothing(address: str, tmp_path: Path) -> None:
    """No 5xx, no undocumented status, type or shape, no acceptance of what is documented as bad."""
    phases = ["--phases", "examples,coverage,fuzzing", "--max-examples", "20"]
    await schemathesis(address, tmp_path, "--exclude-path", STREAM, *phases)


async def test_schemathesis_finds_nothing_in_the_stream(address: str, tmp_path: Path) -> None:
    """Its headers and queries, whatever they hold, end in a stream or in a documented refusal."""
    phases = ["--phases", "fuzzing", "--max-examples", "4"]
    await schemathesis(address, tmp_path, "--include-path", STREAM, *phases)

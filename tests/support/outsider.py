"""Schemathesis: an outsider who knows of an API what its OpenAPI document says, and tries it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

_COMMAND = [
    sys.executable, "-m", "schemathesis.cli", "run", "--checks", "all", "--mode", "all",
    "--max-failures", "20", "--continue-on-failure", "--generation-deterministic", "--no-color",
    "--request-timeout", "10",
]  # fmt: skip


async def finds_nothing(folder: Path, config: str, document: str, *options: str) -> None:
    """Try all that `document`, a URL, describes, in a process of its own; fails by what it tells.

    `config` is its schemathesis.toml, which goes into `folder`.
    """
    (folder / "schemathesis.toml").write_text(config)
    process = await asyncio.create_subprocess_exec(
        *_COMMAND, *options, document,
        cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode(errors="replace")

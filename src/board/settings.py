"""What one board needs to know before it starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """`demo` asks for the demo board and is the only thing that lets demo passwords work.

    `database` is a SQLite file or a postgresql:// URL.
    """

    database: Path | str
    demo: bool = False
    session_days: int = 30

"""Time as the board keeps it: milliseconds since 1970 UTC, RFC 3339 at the edge."""

from __future__ import annotations

import time
from datetime import UTC, datetime

DAY_MS = 24 * 60 * 60 * 1000


def now_ms() -> int:
    """Milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


def rfc3339(ms: int) -> str:
    """The same moment for people and programs outside."""
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""What the programs in Python share: when which event goes to whom."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping

#: Makes an event of a peer as long as one of Alimi's.
PADDING = "x" * 330


def event(number: int) -> str:
    """One event's data: `~` occurs once and is what the load counts."""
    return json.dumps({"n": number, "at": time.monotonic(), "mark": "~" + PADDING})


async def fire(query: Mapping[str, str], publish: Callable[[str, str], None]) -> None:
    """Publish `n` events to recipients out of `of`: one a turn, at `rate`, or all at once."""
    count, of = int(query["n"]), int(query["of"])
    rate, burst = float(query.get("rate", 0)), "burst" in query
    started = time.monotonic()
    for number in range(count):
        if rate:
            await asyncio.sleep(max(0.0, started + number / rate - time.monotonic()))
        elif not burst:
            await asyncio.sleep(0)
        publish(str(number * 7919 % of), event(number))

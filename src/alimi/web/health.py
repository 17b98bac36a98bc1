"""What machines ask about this process: is it alive, can it serve, how is it doing."""

from __future__ import annotations

import logging

from prometheus_client.exposition import choose_encoder

from alimi.errors import AlimiError
from alimi.web.answer import Answer
from alimi.web.router import Call
from alimi.web.schemas import Health

logger = logging.getLogger("alimi.web")


async def alive(_: Call) -> Answer:
    """`GET /healthz`: the loop turns; says nothing about the database."""
    return Answer.json(Health())


async def ready(call: Call) -> Answer:
    """`GET /readyz`: starts what was not started yet, so that a probe is enough of a first use."""
    reasons = call.alimi.health()
    if "starting" in reasons:
        try:
            await call.alimi.start()
        except (AlimiError, OSError):
            # Its text may name files and servers, and this route is open.
            logger.warning("alimi: not ready", exc_info=True)
            return _unready({"start": "the store cannot be opened; the log says why"})
        reasons = call.alimi.health()
    return (
        _unready(dict.fromkeys(reasons, "the log says why")) if reasons else Answer.json(Health())
    )


def _unready(reasons: dict[str, str]) -> Answer:
    answer = Answer.json(Health("unavailable", reasons), 503)
    answer.headers["retry-after"] = "5"
    return answer


async def metrics(call: Call) -> Answer:
    """`GET /metrics`, in the format that the scraper prefers."""
    encode, media = choose_encoder(call.request.headers.get("accept", ""))
    body: bytes = encode(call.alimi.metrics.registry)
    return Answer(200, body, {"content-type": media})

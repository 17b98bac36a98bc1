"""What machines ask about this process: is it alive, can it serve, how is it doing."""

from __future__ import annotations

from typing import Literal, cast

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from alimi.vitals import Health
from alimi.web.answer import Answer
from alimi.web.router import Call
from alimi.web.schemas import Alive, Readiness

Status = Literal["ok", "degraded", "unavailable"]
#: Told even when nothing is wrong with them.
_PARTS = ("store", "bus", "relay")


async def alive(_: Call) -> Answer:
    """`GET /healthz`: the loop turns; says nothing about the database."""
    return Answer.json(Alive())


async def ready(call: Call) -> Answer:
    """`GET /readyz`: whether to send anybody here.  A probe is enough of a first use."""
    health = await call.alimi.look()
    answer = Answer.json(_readiness(health), 503 if health.unavailable else 200)
    if health.unavailable:
        answer.headers["retry-after"] = "5"
    return answer


def _readiness(health: Health) -> Readiness:
    parts: dict[str, Status] = dict.fromkeys(_PARTS, "ok")
    parts.update(dict.fromkeys(health.degraded, "degraded"))
    parts.update(dict.fromkeys(health.unavailable, "unavailable"))
    status: Status = "ok" if not health.degraded else "degraded"
    return Readiness(
        "unavailable" if health.unavailable else status,
        health.degraded | health.unavailable,
        parts,
        round(health.lag, 3),
        health.waiting,
    )


async def metrics(call: Call) -> Answer:
    """`GET /metrics`, in the format that the scraper prefers."""
    encode, media = choose_encoder(call.request.headers.get("accept", ""))
    body: bytes = encode(cast("CollectorRegistry", await call.alimi.metrics.collect()))
    return Answer(200, body, {"content-type": media})

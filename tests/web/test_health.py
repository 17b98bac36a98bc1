"""What machines ask, and what errors look like."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from alimi import Alimi, StoreError, vitals
from alimi.model import Waiting, now_ms
from alimi.vitals import Vitals
from alimi.web.problems import PROBLEMS, TYPE_PREFIX
from alimi.web.types import ASGIApp
from tests.web.site import call, client, notify, who


async def test_a_probe_is_a_first_use(alimi: Alimi, app: ASGIApp) -> None:
    """Mounted, nothing else may start it: readiness must not wait for a visitor."""
    async with client(app, user=None) as probe:
        assert (await probe.get("/healthz")).json() == {"status": "ok"}
        assert alimi.health() != {}
        answer = await probe.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ok",
        "reasons": {},
        "parts": {"store": "ok", "bus": "ok", "relay": "ok"},
        "relay_lag_seconds": 0,
        "outbox_entries": 0,
    }
    assert alimi.health() == {}


async def test_a_draining_node_is_alive_but_not_ready(alimi: Alimi, app: ASGIApp) -> None:
    """A balancer stops sending, a supervisor does not restart."""
    await alimi.start()
    await alimi.drain()
    async with client(app, user=None) as probe:
        assert (await probe.get("/healthz")).status_code == 200
        answer = await probe.get("/readyz")
    assert answer.status_code == 503
    assert list(answer.json()["reasons"]) == ["draining"]
    assert answer.headers["retry-after"] == "5"


async def readiness(app: ASGIApp) -> tuple[int, Any]:
    """What a balancer is told."""
    async with client(app, user=None) as probe:
        answer = await probe.get("/readyz")
        return answer.status_code, answer.json()


class Clock:
    """The loop's clock, as far as vitals ask it."""

    def __init__(self, vitals: Vitals) -> None:
        self.vitals = vitals
        self.now = 1_000_000.0

    @classmethod
    async def of(cls, alimi: Alimi) -> Clock:
        """Started, and after its first look."""
        await alimi.start()
        (runtime,) = alimi._runtimes.started()
        vitals = runtime.vitals
        await vitals.look()
        vitals._clock = cls(vitals)
        return vitals._clock

    def __call__(self) -> float:
        return self.now


async def test_readiness_follows_the_store(
    alimi: Alimi, app: ASGIApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not only "started": a store that went away is 503, and 200 again as soon as it is back."""
    clock = await Clock.of(alimi)
    asked = 0

    async def fails() -> Waiting:
        nonlocal asked
        asked += 1
        raise StoreError("the secret reason")

    with monkeypatch.context() as away:
        away.setattr(alimi.store, "waiting", fails)
        clock.now += 2
        answers = [await readiness(app) for _ in range(5)]
    assert asked == 1, "probes within a second share one look"
    for status, told in answers:
        assert (status, told["status"]) == (503, "unavailable")
        assert told["parts"]["store"] == "unavailable"
        assert "secret" not in told["reasons"]["store"]
    clock.now += 2
    assert (await readiness(app))[0] == 200


async def test_a_store_that_hangs_is_away(
    alimi: Alimi, app: ASGIApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A probe gets its answer in time, whatever the database does."""
    clock = await Clock.of(alimi)
    monkeypatch.setattr(vitals, "_PATIENCE", 0.01)
    monkeypatch.setattr(alimi.store, "waiting", asyncio.Event().wait)
    clock.now += 2
    assert (await readiness(app))[0] == 503


async def test_what_ails_all_nodes_alike_takes_none_out(
    alimi: Alimi, app: ASGIApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G9: a lagging relay and a bus that is away are told, and answered 200."""
    clock = await Clock.of(alimi)

    async def waiting() -> Waiting:
        return Waiting(7, now_ms() - 60_000)

    monkeypatch.setattr(alimi.store, "waiting", waiting)
    monkeypatch.setattr(clock.vitals._bus, "trouble", "refused", raising=False)
    clock.now += 2
    status, told = await readiness(app)
    assert (status, told["status"]) == (200, "degraded")
    assert told["parts"] == {"store": "ok", "bus": "degraded", "relay": "degraded"}
    assert told["outbox_entries"] == 7
    assert told["relay_lag_seconds"] >= 60


async def test_a_task_that_is_broken_is_not_ready(
    alimi: Alimi, app: ASGIApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug in a task takes the node out; that the database failed is over when it is back."""
    tasks = (await Clock.of(alimi)).vitals._tasks
    failed = asyncio.Event()
    monkeypatch.setattr(tasks, "_failed", lambda name: failed.set())
    for error, status in ((StoreError(), 200), (RuntimeError("a bug"), 503)):
        failed.clear()

        async def fails(error: Exception = error) -> None:
            raise error

        tasks.start("pump", fails)
        await failed.wait()
        found, told = await readiness(app)
        assert (found, list(told["reasons"])) == (status, ["pump"])
        tasks._tasks["pump"].cancel()


async def test_gauges_tell_what_waits(alimi: Alimi) -> None:
    """The outbox's size and age, and how long the relay took, are there to be graphed."""
    await notify(alimi, "2")
    clock = await Clock.of(alimi)
    clock.now += 2
    await clock.vitals.look()
    value = alimi.metrics.registry.get_sample_value
    assert value("alimi_outbox_entries") == 0
    assert value("alimi_outbox_age_seconds") == 0
    assert value("alimi_relay_lag_seconds_count") == 1
    assert value("alimi_relay_batch_notifications_sum") == 1


async def test_a_store_that_cannot_open_is_503_everywhere(tmp_path: Path) -> None:
    """Not 500, not for ever, and without naming files: readiness says it, the API says when."""
    alimi = Alimi(tmp_path / "no" / "such" / "folder" / "alimi.db")
    app = alimi.asgi(who)
    async with client(app) as user:
        for path in ("/readyz", "/v1/inbox", "/v1/inbox/counts"):
            answer = await user.get(path)
            assert answer.status_code == 503, path
            assert int(answer.headers["retry-after"]) > 0
            assert "folder" not in answer.text
    await alimi.close()


async def test_metrics_are_off_unless_asked_for(alimi: Alimi, app: ASGIApp) -> None:
    """Embedded, they would be public; with metrics=True they parse and count refusals (G8)."""
    async with client(alimi.asgi(who)) as scraper:
        assert (await scraper.get("/metrics")).status_code == 404
    await notify(alimi, "2")
    async with client(app, user=None) as scraper:
        await scraper.get("/v1/inbox")
        answer = await scraper.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert samples["alimi_http_problems_total", "not-logged-in"] == 1
    assert samples["alimi_http_problems_total", "not-found"] == 1
    assert samples[("alimi_relay_notifications_total",)] == 1


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_problem_has_a_name_a_status_and_a_sentence(name: str) -> None:
    """RFC 9457: type, title and status of one problem never differ."""
    status, title = PROBLEMS[name]
    assert 400 <= status < 600
    assert title[0].isupper()
    assert f"{TYPE_PREFIX}{name}".isascii()


async def test_an_unexpected_error_is_a_problem_with_an_id(
    alimi: Alimi, app: ASGIApp, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The caller gets an id, the log the reason under that id."""

    def broken(recipient: str) -> None:
        raise RuntimeError("the secret reason")

    monkeypatch.setattr(alimi, "inbox", broken)
    async with client(app) as user:
        answer = await user.get("/v1/inbox")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text
    assert answer.json()["instance"] in caplog.text
    assert "the secret reason" in caplog.text


async def test_an_error_after_the_start_is_not_answered_twice(
    alimi: Alimi, app: ASGIApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream that breaks is cut; a second status in the middle of it would be garbage."""

    async def breaks(scope: object, receive: object, send: object) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})  # type: ignore[operator]
        raise RuntimeError("in the middle")

    monkeypatch.setattr(alimi, "stream", lambda scope, identity, **given: breaks)
    scope = {"path": "/v1/inbox/stream", "headers": [(b"cookie", b"user=2")]}
    with pytest.raises(RuntimeError, match="in the middle"):
        await call(app, scope)

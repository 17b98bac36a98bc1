"""What machines ask, and what errors look like."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from alimi import Alimi
from alimi.web.problems import PROBLEMS, TYPE_PREFIX
from alimi.web.types import ASGIApp
from tests.web.site import call, client, notify, who


async def test_a_probe_is_a_first_use(alimi: Alimi, app: ASGIApp) -> None:
    """Mounted, nothing else may start it: readiness must not wait for a visitor."""
    async with client(app, user=None) as probe:
        assert (await probe.get("/healthz")).json() == {"status": "ok", "reasons": {}}
        assert alimi.health() != {}
        answer = await probe.get("/readyz")
        assert (answer.status_code, answer.json()["status"]) == (200, "ok")
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

    monkeypatch.setattr(alimi, "stream", lambda scope, identity: breaks)
    scope = {"path": "/v1/inbox/stream", "headers": [(b"cookie", b"user=2")]}
    with pytest.raises(RuntimeError, match="in the middle"):
        await call(app, scope)

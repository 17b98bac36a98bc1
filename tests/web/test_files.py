"""The browser's side, as it is served."""

from __future__ import annotations

import gzip
from importlib import resources

import pytest

from alimi.web.types import ASGIApp
from tests.web.site import call, client

CLIENT = resources.files("alimi").joinpath("client")
MODULES = sorted(each.name for each in CLIENT.iterdir() if each.name.endswith(".js"))


@pytest.mark.parametrize("name", MODULES)
async def test_every_module_is_served_as_it_is(app: ASGIApp, name: str) -> None:
    """Its bytes, a JavaScript type that strict browsers take, nosniff, and public for all."""
    async with client(app, user=None) as page:
        answer = await page.get(f"/{name}", headers={"Accept-Encoding": "identity"})
    assert answer.content == CLIENT.joinpath(name).read_bytes()
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert "content-encoding" not in answer.headers


async def test_compressed_for_who_takes_it(app: ASGIApp) -> None:
    """gzip has its own tag, and caches are told that the answer varies."""
    bodies = {}
    for accepts in ("gzip, br", "gzip;q=0, *", "identity"):
        headers = [(b"accept-encoding", accepts.encode())]
        start, body = await call(app, {"path": "/stream.js", "headers": headers})
        fields = dict(start["headers"])
        assert fields[b"vary"] == b"Accept-Encoding"
        assert (b"content-encoding" in fields) is (accepts == "gzip, br")
        bodies[fields[b"etag"]] = body["body"]
    packed, plain = bodies.values()
    assert gzip.decompress(packed) == plain
    assert len(packed) < len(plain) / 2


async def test_a_known_file_is_304(app: ASGIApp) -> None:
    """Modules revalidate always, so an update is never half an update; a 304 has no body."""
    async with client(app) as page:
        first = await page.get("/stream.js")
        assert first.headers["cache-control"] == "no-cache"
        tag = first.headers["etag"]
        assert tag.startswith('"')
        for known in (tag, f'"x", W/{tag}', "*"):
            again = await page.get("/stream.js", headers={"If-None-Match": known})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == tag
        changed = await page.get("/stream.js", headers={"If-None-Match": '"old"'})
        assert changed.status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/package.json", "/types.d.ts", "/../app.py", "/..%2fapp.py", "/%2e%2e/web/app.py",
        "//etc/passwd", "/stream.js/../package.json", "/stream.js%00", "/", "", "/client/stream.js",
        "/STREAM.JS", "/stream.js//",
    ],
)  # fmt: skip
async def test_only_known_files_are_served(app: ASGIApp, path: str) -> None:
    """A path is looked up in a list made at the start, never on a disk."""
    sent = await call(app, {"path": path})
    assert sent[0]["status"] == 404

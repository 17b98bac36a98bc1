"""The inbox API, over a real store."""

from __future__ import annotations

from alimi import Alimi
from alimi.web.types import ASGIApp
from tests.web.site import TEXTS, client, notify

FIELDS = [
    "id", "version", "kind", "category", "message", "url", "actor", "object", "target", "data",
    "created_at", "seen_at", "read_at", "archived_at", "expires_at",
]  # fmt: skip


async def test_a_notification_has_the_documented_shape(alimi: Alimi, app: ASGIApp) -> None:
    """Other programs rely on these fields, on RFC 3339 times and on the object's snapshot."""
    (made,) = await notify(alimi, "2")
    async with client(app, "2/ko") as user:
        page = (await user.get("/v1/inbox")).json()
        (item,) = page["items"]
        assert list(item) == FIELDS
        assert item["id"] == made
        assert item["message"] == TEXTS["ko"]
        assert item["object"] == {"id": "0", "name": "Card 0", "image": None, "url": None}
        assert item["url"] == "/c/0"
        assert item["created_at"].endswith("Z")
        assert item["read_at"] is None
        assert (page["unread"], page["unseen"], page["next"]) == (1, 1, None)
        assert (await user.get(f"/v1/inbox/{made}")).json() == item


async def test_the_language_is_the_identitys_then_the_browsers(alimi: Alimi, app: ASGIApp) -> None:
    """Identity.locale wins over Accept-Language, which wins over the kind's default."""
    await notify(alimi, "2")
    said = {}
    for user, accepts in (("2/en", "ko"), ("2", "fr, en-GB;q=0.8"), ("2", "fr")):
        async with client(app, user) as reader:
            answer = await reader.get("/v1/inbox", headers={"Accept-Language": accepts})
            said[user, accepts] = answer.json()["items"][0]["message"]
    assert list(said.values()) == [TEXTS["en"], TEXTS["en"], TEXTS["ko"]]


async def test_pages_are_newest_first_and_complete(alimi: Alimi, app: ASGIApp) -> None:
    """Following `next` shows every notification exactly once, newest first."""
    made = await notify(alimi, "2", count=7)
    async with client(app) as user:
        found, after = [], ""
        while after is not None:
            query = {"limit": 3, **({"after": after} if after else {})}
            page = (await user.get("/v1/inbox", params=query)).json()
            found += [item["id"] for item in page["items"]]
            after = page["next"]
    assert found == made[::-1]


async def test_filters(alimi: Alimi, app: ASGIApp) -> None:
    """unread, archived and category each leave only what they say."""
    first, second = await notify(alimi, "2", count=2)
    (other,) = await notify(alimi, "2", category="mentions")
    async with client(app) as user:

        async def ids(**query: str) -> list[str]:
            page = (await user.get("/v1/inbox", params=query)).json()
            return [item["id"] for item in page["items"]]

        await user.patch(f"/v1/inbox/{first}", json={"read": True})
        await user.patch(f"/v1/inbox/{second}", json={"archived": True})
        assert await ids() == [other, first]
        assert await ids(unread="true") == [other]
        assert await ids(archived="true") == [second]
        assert await ids(category="mentions") == [other]


async def test_patch_changes_flags_both_ways(alimi: Alimi, app: ASGIApp) -> None:
    """Read and archived are set, cleared, and set together; the answer is the new state."""
    (made,) = await notify(alimi, "2")
    async with client(app) as user:
        for body in (
            {"read": True},
            {"read": False, "archived": True},
            {"archived": False},
            {"read": True, "archived": True},
        ):
            item = (await user.patch(f"/v1/inbox/{made}", json=body)).json()
            for name, wanted in body.items():
                assert (item[f"{name}_at"] is not None) is wanted, body


async def test_delete_is_once(alimi: Alimi, app: ASGIApp) -> None:
    """Deleted is gone: 204, then 404 for everything about it, and the badge goes down (G6)."""
    (made,) = await notify(alimi, "2")
    async with client(app) as user:
        assert (await user.delete(f"/v1/inbox/{made}")).status_code == 204
        assert (await user.delete(f"/v1/inbox/{made}")).status_code == 404
        assert (await user.get(f"/v1/inbox/{made}")).status_code == 404
        assert (await user.patch(f"/v1/inbox/{made}", json={"read": True})).status_code == 404
        counts = (await user.get("/v1/inbox/counts")).json()
        assert (counts["unread"], counts["unseen"]) == (0, 0)


async def test_a_mark_is_undone_by_its_version(alimi: Alimi, app: ASGIApp) -> None:
    """Undo touches only what the mark changed: a row read before stays read."""
    first, second, third = await notify(alimi, "2", count=3)
    async with client(app) as user:

        async def mark(**body: object) -> dict[str, object]:
            answer = await user.post("/v1/inbox/mark", json=body)
            assert answer.status_code == 200, answer.text
            found: dict[str, object] = answer.json()
            return found

        await mark(action="read", ids=[first])
        cursor = (await user.get("/v1/inbox/counts")).json()["cursor"]
        marked = await mark(action="read", upto=cursor)
        assert marked["changed"] == [second, third] or marked["changed"] == [third, second]
        assert (marked["count"], marked["unread"]) == (2, 0)
        undone = await mark(action="unread", at=marked["version"])
        assert (undone["count"], undone["unread"]) == (2, 2)
        again = await mark(action="unread", at=marked["version"])
        assert (again["count"], again["version"]) == (0, undone["version"])
        assert (await user.get(f"/v1/inbox/{first}")).json()["read_at"] is not None


async def test_seen_is_a_watermark(alimi: Alimi, app: ASGIApp) -> None:
    """Opening the bell clears unseen, not unread, up to what was shown."""
    await notify(alimi, "2", count=2)
    async with client(app) as user:
        answer = await user.post("/v1/inbox/mark", json={"action": "seen", "upto": 1})
        assert (answer.json()["unread"], answer.json()["unseen"]) == (2, 1)


async def test_counts_equal_the_page(alimi: Alimi, app: ASGIApp) -> None:
    """G6: the badge's numbers and cursor are those of the page."""
    await notify(alimi, "2", count=3)
    async with client(app) as user:
        page = (await user.get("/v1/inbox", params={"limit": 1})).json()
        counts = (await user.get("/v1/inbox/counts")).json()
    assert counts == {name: page[name] for name in ("unread", "unseen", "cursor")}
    assert counts["unread"] == 3


async def test_nothing_personal_is_cached(alimi: Alimi, app: ASGIApp) -> None:
    """G7: no cache may keep an inbox, and no other site may pull it into its process."""
    await notify(alimi, "2")
    async with client(app) as user:
        for path in ("/v1/inbox", "/v1/inbox/counts", "/v1/inbox/unknown"):
            headers = (await user.get(path)).headers
            assert headers["cache-control"] == "no-store"
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["cross-origin-resource-policy"] == "same-origin"

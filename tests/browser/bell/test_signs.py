"""What a page may ask for outside of the bell: the tab's icon, a sound; and what it does not."""

from __future__ import annotations

import io
import wave
from typing import Any

from playwright.async_api import Page, Route, expect

from tests.browser.bell.fake_alimi import CSP, FakeAlimi
from tests.browser.bell.visitor import Visitor, badge, page_text


def icon(colour: str) -> str:
    """The address of a picture in one colour."""
    return (
        "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' width='64' height='64'>"
        f"<rect width='64' height='64' fill='{colour}'/></svg>"
    )


#: The icon that the page shows: its address, and its colours at two corners.
LOOK = """async () => {
    const links = [...document.querySelectorAll("link[rel~=icon]")];
    const { href } = links.at(-1) ?? {};
    if (!href) return null;
    const image = new Image();
    image.src = href;
    await image.decode();
    const context = new OffscreenCanvas(64, 64).getContext("2d");
    context.drawImage(image, 0, 0, 64, 64);
    const at = (x, y) => [...context.getImageData(x, y, 1, 1).data].slice(0, 3).join();
    return { links: links.length, first: at(4, 4), last: at(56, 41) };
}"""
BLUE, GREEN, RED = "0,0,255", "0,128,0", "207,34,46"


async def shows(page: Page, **expected: Any) -> None:
    """Waits until the page's icon is that."""
    await page.evaluate(
        f"""async expected => {{
            const look = {LOOK};
            for (let tries = 200; ; tries--) {{
                const is = await look();
                if (is && Object.keys(expected).every((key) => is[key] === expected[key])) return;
                if (!tries) throw new Error("The icon is " + JSON.stringify(is));
                await new Promise((done) => setTimeout(done, 50));
            }}
        }}""",
        expected,
    )


async def markup(page: Page) -> list[dict[str, str]]:
    """What the page says of its icons."""
    return list(
        await page.evaluate(
            """[...document.querySelectorAll('link[rel~=icon]')].map(({ attributes }) =>
                Object.fromEntries([...attributes].map(({ name, value }) => [name, value])))"""
        )
    )


async def test_nothing_is_loaded_that_was_not_asked_for(
    server: FakeAlimi, visitor: Visitor
) -> None:
    """A plain bell loads no module of an option; with the attribute it comes."""
    page = await visitor.open()
    await server.until(lambda: bool(server.asked("/alimi/panel.js")))
    loaded = {path for _, path, _ in server.requests}
    for name in ("title", "favicon", "system", "sound"):
        assert f"/alimi/{name}.js" not in loaded
    await page.evaluate("document.querySelector('alimi-bell').toggleAttribute('title-badge')")
    server.notify("2", "One")
    await expect(page).to_have_title("(1) Board")
    await page.evaluate("document.querySelector('alimi-bell').toggleAttribute('title-badge')")
    await expect(page).to_have_title("Board")


async def test_the_icon_has_the_badge_and_is_given_back(
    server: FakeAlimi, visitor: Visitor
) -> None:
    """Drawn over the page's icon, followed when the page changes it, restored to the letter."""
    server.csp = CSP.replace("img-src 'self'", "img-src 'self' data:")
    links = (
        f'<link rel="icon" type="image/svg+xml" sizes="any" href="{icon("blue")}">'
        f'<link rel="shortcut icon" href="{icon("blue")}">'
    )
    server.pages["/"] = page_text(attributes="favicon-badge", script=links)
    page = await visitor.open()
    was = await markup(page)
    server.notify("2", "One")
    await shows(page, links=2, first=BLUE, last=RED)
    await page.evaluate(
        "href => document.querySelector('link[rel~=icon]').href = href", icon("green")
    )
    await page.evaluate("document.querySelectorAll('link[rel~=icon]')[1].remove()")
    await shows(page, links=1, first=GREEN, last=RED)
    await page.locator("alimi-bell .bell").click()
    await shows(page, links=1, first=GREEN, last=GREEN)
    assert await markup(page) == [was[0] | {"href": icon("green")}]
    server.inbox("2").add("Two")
    await page.keyboard.press("Escape")
    server.notify("2", "Three")
    await shows(page, last=RED)
    await page.evaluate("document.querySelector('alimi-bell').remove()")
    await shows(page, last=GREEN)


async def test_a_page_without_an_icon_gets_one_for_the_time(
    server: FakeAlimi, visitor: Visitor
) -> None:
    """Where the page names no icon and there is none, the badge stands alone, and goes."""
    server.csp = CSP.replace("img-src 'self'", "img-src 'self' data:")
    server.pages["/"] = page_text(attributes="favicon-badge badge=dot")
    page = await visitor.open()
    server.notify("2", "One")
    await shows(page, links=1, first="0,0,0", last=RED)
    await page.locator("alimi-bell .bell").click()
    await page.wait_for_function("() => !document.querySelector('link[rel~=icon]')")


#: What sounds, and how often.
LISTEN = """
window.notes = [];
for (const type of [OscillatorNode, AudioBufferSourceNode]) {
    const { start } = type.prototype;
    type.prototype.start = function (...args) { notes.push(type.name); start.apply(this, args); };
}
"""


async def click(page: Page) -> None:
    """A gesture, without which no page may sound."""
    await page.bring_to_front()
    await page.get_by_role("button", name="After").click()


async def test_one_sound_for_a_burst_in_one_tab(server: FakeAlimi, visitor: Visitor) -> None:
    """Two notes, though there are two tabs and three notifications; none for what is quiet."""
    await visitor.context.add_init_script(LISTEN)
    server.pages["/"] = page_text(attributes="sound")
    silent = await visitor.open()
    pages = [await visitor.open() for _ in range(2)]
    await server.until(lambda: len(server.asked("/alimi/sound.js")) == 3)
    for page in pages:
        await click(page)
    server.notify("2", "Hush", data={"quiet": True})
    await expect(badge(pages[0])).to_have_text("1")
    for page in pages:
        assert await page.evaluate("notes") == []
    for number in range(3):
        server.notify("2", f"News {number}")
    for page in (*pages, silent):
        await expect(badge(page)).to_have_text("4")
        await page.evaluate("navigator.locks.query()")
    notes = [await page.evaluate("notes") for page in pages]
    assert sorted(notes) == [[], ["OscillatorNode"] * 2]
    assert await silent.evaluate("notes") == []
    # The rest after a burst is over when its lock is free.
    await pages[0].evaluate("navigator.locks.request('alimi-sound', () => {})")
    server.notify("2", "Another burst")
    for page in pages:
        await expect(badge(page)).to_have_text("5")
        await page.evaluate("navigator.locks.query()")
    total = [note for page in pages for note in await page.evaluate("notes")]
    assert total == ["OscillatorNode"] * 4


async def test_a_sound_of_the_pages_own(server: FakeAlimi, visitor: Visitor) -> None:
    """The attribute may name a file; without the attribute it is silent again."""
    with io.BytesIO() as file:
        with wave.open(file, "wb") as sound:
            sound.setparams((1, 2, 8000, 0, "NONE", ""))
            sound.writeframes(bytes(1600))
        ding = file.getvalue()

    async def fulfil(route: Route) -> None:
        await route.fulfill(body=ding, content_type="audio/wav")

    await visitor.context.route("**/*.wav", fulfil)
    await visitor.context.add_init_script(LISTEN)
    server.pages["/"] = page_text(attributes='sound="/ding.wav"')
    page = await visitor.open()
    await server.until(lambda: bool(server.asked("/alimi/sound.js")))
    async with page.expect_response("**/ding.wav"):
        await click(page)
    server.notify("2", "News")
    await page.wait_for_function("() => notes.join() === 'AudioBufferSourceNode'")
    await page.evaluate("navigator.locks.request('alimi-sound', () => {})")
    async with page.expect_response("**/dong.wav"):
        await page.evaluate(
            "document.querySelector('alimi-bell').setAttribute('sound', '/dong.wav')"
        )
    await page.evaluate("document.querySelector('alimi-bell').removeAttribute('sound')")
    server.notify("2", "No more")
    await expect(badge(page)).to_have_text("2")
    await page.evaluate("navigator.locks.query()")
    assert await page.evaluate("notes") == ["AudioBufferSourceNode"]

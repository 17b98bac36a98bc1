"""An application's code as its type checker sees it; `scripts/check` checks it, nothing runs it.

A line with an ignore is a mistake that must stay one: mypy reports an ignore that is not needed.
"""

from functools import partial
from typing import assert_type

from fastapi import FastAPI, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from alimi import Alimi, BoundKind, Identity, Inbox, Page, Receipt, Settings

engine = create_async_engine("sqlite+aiosqlite:///app.db")
alimi = Alimi(engine, settings=Settings())
assigned = alimi.kind(
    "card.assigned",
    category="cards",
    url="/cards/{object.id}",
    text={"ko": "카드의 담당자가 사용자님으로 변경되었습니다.", "en": "You are now the assignee."},
)
assert_type(assigned, BoundKind)


async def who(request: object) -> Identity | str | int | None:
    """An application's own way to know its users."""
    return Identity("2", locale="ko") if request else None


app = FastAPI(lifespan=alimi.lifespan)
app.mount("/alimi", alimi.asgi(who))


async def change_assignee(session: AsyncSession, person: int | None) -> None:
    """The call that the whole library is for, inside a transaction."""
    card = {"id": "12", "name": "Write the docs", "image": None, "url": "/cards/12"}
    receipt = await assigned.notify(to=person, actor={"id": "1"}, object=card, within=session)
    assert_type(receipt, Receipt)
    await alimi.retract("card:12", to=person, within=session)
    await alimi.signal([1, 2], "board.changed", {"card": 12}, within=session)


def change_assignee_without_a_loop(session: Session) -> None:
    """The same where no event loop runs."""
    assert_type(assigned.record(to=2, object={"id": "12"}, within=session), Receipt)


async def read() -> None:
    """An inbox from Python."""
    inbox = alimi.inbox(2)
    assert_type(inbox, Inbox)
    page = await inbox.page(limit=20)
    assert_type(page, Page)
    for notification in page.items:
        assert_type(notification.id, str)


async def sse(request: Request) -> Response:
    """The stream in a route of the application's own."""
    response: Response = alimi.stream(request, 2, ask_again=partial(who, request))
    return response


async def mistakes(session: Session) -> None:
    """What a type checker stops before it runs."""
    await assigned.notify(2)  # type: ignore[call-arg]
    await assigned.notify()  # type: ignore[call-arg]
    assigned.record(to=2)  # type: ignore[call-arg]
    alimi.kind("card.moved", text={"en": "Moved."})  # type: ignore[call-arg]
    alimi.kind("card.moved", category="cards", text="Moved.")  # type: ignore[arg-type]
    alimi.stream(object(), 2)  # type: ignore[call-arg]
    assigned.notify(to=2, within=session)  # type: ignore[unused-coroutine]

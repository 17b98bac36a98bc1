"""A board worth looking at: a small bookshop's website, kept by three people in two languages.

Made once, when the database has no users yet, and then a board like any other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from board.clock import now_ms
from board.database import continue_numbers
from board.models import Card, Comment, Follower, List, User
from board.passwords import hash_password
from board.ranks import GAP

PASSWORD = "demo"  # noqa: S105 - it works only while the demo is asked for, see sessions.may_log_in
EMMA, JIWOO, DOHYUN = 1, 2, 3
USERS = ((EMMA, "Emma Reid", "en"), (JIWOO, "김지우", "ko"), (DOHYUN, "박도현", "ko"))
HOUR_MS = 60 * 60 * 1000


@dataclass(frozen=True, slots=True)
class _Card:
    """A card and what was said about it; `hours` ago it was made."""

    author: int
    title: str
    assignee: int | None = None
    description: str = ""
    hours: int = 48
    comments: tuple[tuple[int, str], ...] = ()


BOARD: dict[str, tuple[_Card, ...]] = {
    "Ideas": (
        _Card(EMMA, "Gift cards to print at home", hours=170),
        _Card(
            JIWOO,
            "단골손님에게 생일 쿠폰 보내기",
            description="작년에 손글씨 카드 반응이 좋았어요. 온라인에서도 비슷하면 좋겠습니다.",
            hours=150,
            comments=(
                (DOHYUN, "생일은 선택 항목으로만 받으면 좋겠습니다."),
                (EMMA, "Lovely. Could the shop’s stamp be on it?"),
            ),
        ),
        _Card(DOHYUN, "독서 모임 신청 페이지", hours=120),
    ),
    "Next": (
        _Card(
            EMMA,
            "Search forgives typing mistakes",
            JIWOO,
            "“Murakmi” finds nothing today. Three people asked at the counter this week.",
            96,
            ((JIWOO, "자모 단위로 비교하면 한글 오타도 잡을 수 있어요."),),
        ),
        _Card(JIWOO, "첫 화면에 휴무일 보여 주기", DOHYUN, hours=90),
        _Card(DOHYUN, "Move the newsletter off the old server", EMMA, hours=80),
        _Card(JIWOO, "영수증에 사업자 번호 넣기", hours=75),
    ),
    "Doing": (
        _Card(
            EMMA,
            "Book pages load in under a second",
            EMMA,
            "Covers are 2 MB each. Smaller pictures first, then we look again.",
            60,
            (
                (DOHYUN, "표지 이미지를 줄였더니 1.4초가 됐습니다. @Emma Reid 한번 봐 주세요."),
                (EMMA, "Much better! The rest is the font."),
            ),
        ),
        _Card(
            JIWOO,
            "결제 오류 문구를 사람 말로 고치기",
            JIWOO,
            "‘오류 E-401’ 대신 무엇을 하면 되는지 알려 줍니다.",
            50,
        ),
        _Card(EMMA, "Stock counts agree with the till", DOHYUN, hours=44),
        _Card(
            DOHYUN,
            "휴대폰에서 장바구니 버튼이 가려짐",
            JIWOO,
            hours=40,
            comments=((DOHYUN, "작은 화면에서 쿠키 안내가 버튼을 덮습니다."),),
        ),
    ),
    "Review": (
        _Card(
            EMMA,
            "Checkout remembers the delivery address",
            EMMA,
            "Only for people who are logged in, and only if they say so.",
            30,
            (
                (JIWOO, "여러 주소를 저장할 수 있나요?"),
                (EMMA, "One for now. @김지우 would you try it on your phone?"),
            ),
        ),
        _Card(JIWOO, "책 소개 글씨 크기 키우기", DOHYUN, hours=26),
    ),
    "Done": (
        _Card(EMMA, "Order confirmation in Korean and English", EMMA, hours=200),
        _Card(
            JIWOO,
            "반품 신청 양식",
            JIWOO,
            hours=190,
            comments=((EMMA, "First return today: it works."),),
        ),
        _Card(DOHYUN, "Photos of the shop on the About page", DOHYUN, hours=180),
    ),
}


async def create(session: AsyncSession) -> None:
    """Fill an empty database; one that has users is left alone."""
    if await session.scalar(select(func.count()).select_from(User)):
        return
    await _add_users(session)
    now = now_ms()
    for number, (name, cards) in enumerate(BOARD.items(), start=1):
        column = List(name=name, rank=number * GAP)
        session.add(column)
        await session.flush()
        for place, card in enumerate(cards, start=1):
            await _add_card(session, column, place, card, now)


async def _add_users(session: AsyncSession) -> None:
    for user_id, name, locale in USERS:
        kept = await asyncio.to_thread(hash_password, PASSWORD)
        session.add(User(id=user_id, name=name, locale=locale, password_hash=kept, demo=True))
    await session.flush()
    await continue_numbers(session, User)


async def _add_card(
    session: AsyncSession, column: List, place: int, wanted: _Card, now: int
) -> None:
    made = now - wanted.hours * HOUR_MS
    card = Card(
        list_id=column.id,
        rank=place * GAP,
        title=wanted.title,
        description=wanted.description,
        author_id=wanted.author,
        assignee_id=wanted.assignee,
        created_at=made,
        updated_at=made,
    )
    session.add(card)
    await session.flush()
    for number, (author, text) in enumerate(wanted.comments, start=1):
        said = made + number * 3 * HOUR_MS
        session.add(Comment(card_id=card.id, author_id=author, text=text, created_at=said))
    followers = {wanted.author, wanted.assignee, *(author for author, _ in wanted.comments)}
    _add_followers(session, card, followers)


def _add_followers(session: AsyncSession, card: Card, users: Iterable[int | None]) -> None:
    for user in users:
        if user is not None:
            session.add(Follower(card_id=card.id, user_id=user))

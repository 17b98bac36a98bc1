"""What comes in and what goes out, as JSON."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StringConstraints,
)
from pydantic_core import PydanticCustomError
from sqlalchemy.ext.asyncio import AsyncSession

from board import comments, following
from board.clock import rfc3339
from board.models import Card, Comment, List
from board.users import Member
from board.visible import shows

# Control characters other than line breaks and tabs help nobody; NUL breaks other programs.
_VISIBLE = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
# C1, line separators and bidi overrides too: a title stands among other people's words.
_LINE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]*$"


def _seen(text: str) -> str:
    if not shows(text):
        raise PydanticCustomError("invisible", "nothing in it can be seen")
    return text


_Seen = AfterValidator(_seen)

Title = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=_LINE),
    _Seen,
]
ListName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60, pattern=_LINE), _Seen
]
Description = Annotated[str, StringConstraints(max_length=10_000, pattern=_VISIBLE)]
CommentText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=5_000, pattern=_VISIBLE),
    _Seen,
]


class Wanted(BaseModel):
    """A request's body; a misspelt field is an error, not silence."""

    model_config = ConfigDict(extra="forbid")


class Credentials(Wanted):
    """A user by number or by name, and the password."""

    user_id: StrictInt | None = None
    name: Annotated[str, StringConstraints(max_length=100, pattern=_VISIBLE)] | None = None
    password: Annotated[str, StringConstraints(max_length=1_000)]


class NewList(Wanted):
    """A list to be made, or its new name."""

    name: ListName


class NewCard(Wanted):
    """A card to be made."""

    list_id: StrictInt
    title: Title
    description: Description = ""


class CardEdit(Wanted):
    """What to change of a card; what is not given stays."""

    title: Title | None = None
    description: Description | None = None
    list_id: StrictInt | None = None
    position: Annotated[StrictInt, Field(ge=0)] | None = None
    archived: StrictBool | None = None


class NewAssignee(Wanted):
    """Whose card it is to be; null for nobody's."""

    user_id: StrictInt | None


class Watching(Wanted):
    """Whether to hear of a card's comments and moves."""

    watching: StrictBool


class CommentEdit(Wanted):
    """What to say."""

    text: CommentText


class WhoAmI(BaseModel):
    """The session."""

    user_id: int
    name: str
    locale: str
    expires_at: str

    @classmethod
    def of(cls, member: Member) -> Self:
        """From who is asking."""
        return cls(
            user_id=member.id,
            name=member.name,
            locale=member.locale,
            expires_at=rfc3339(member.expires_at),
        )


class UserShape(BaseModel):
    """A person."""

    id: int
    name: str


class ListShape(BaseModel):
    """A column."""

    id: int
    name: str

    @classmethod
    def of(cls, row: List) -> Self:
        """From its row."""
        return cls(id=row.id, name=row.name)


class CardSummary(BaseModel):
    """A card as the board shows it; cards come in the order of their lists."""

    id: int
    list_id: int
    title: str
    has_description: bool
    assignee_id: int | None
    comment_count: int
    version: int
    updated_at: str
    url: str

    @classmethod
    def of(cls, card: Card, comment_count: int) -> Self:
        """From its row."""
        return cls(
            id=card.id,
            list_id=card.list_id,
            title=card.title,
            has_description=bool(card.description.strip()),
            assignee_id=card.assignee_id,
            comment_count=comment_count,
            version=card.version,
            updated_at=rfc3339(card.updated_at),
            url=f"/cards/{card.id}",
        )


class CardShape(CardSummary):
    """A card with all that belongs to it but its comments; `watching` is the reader's."""

    description: str
    author_id: int
    archived: bool
    created_at: str
    watching: bool


class BoardShape(BaseModel):
    """All that is on the board."""

    lists: list[ListShape]
    cards: list[CardSummary]
    users: list[UserShape]


class ArchivedCard(CardSummary):
    """A card that was put away."""

    archived_at: str

    @classmethod
    def of(cls, card: Card, comment_count: int) -> Self:
        """From its row."""
        summary = CardSummary.of(card, comment_count)
        return cls(**summary.model_dump(), archived_at=rfc3339(card.archived_at or 0))


class ArchiveShape(BaseModel):
    """A page of the archive, the latest first; `next` is where the following one begins."""

    cards: list[ArchivedCard]
    next: str | None


class Assigned(BaseModel):
    """The card, and a sentence for the person who changed it."""

    message: str
    card: CardShape


class CommentShape(BaseModel):
    """What somebody said."""

    id: int
    card_id: int
    author_id: int
    text: str
    created_at: str
    edited_at: str | None

    @classmethod
    def of(cls, row: Comment) -> Self:
        """From its row."""
        return cls(
            id=row.id,
            card_id=row.card_id,
            author_id=row.author_id,
            text=row.text,
            created_at=rfc3339(row.created_at),
            edited_at=None if row.edited_at is None else rfc3339(row.edited_at),
        )


async def shape_card(session: AsyncSession, card: Card, reader: Member) -> CardShape:
    """A card as one reader sees it."""
    summary = CardSummary.of(card, await comments.count(session, card.id))
    return CardShape(
        **summary.model_dump(),
        description=card.description,
        author_id=card.author_id,
        archived=card.archived_at is not None,
        created_at=rfc3339(card.created_at),
        watching=await following.is_watching(session, card.id, reader.id),
    )

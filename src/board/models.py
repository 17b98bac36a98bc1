"""The board's tables.  Alimi's own tables stand beside them in the same database.

Times are milliseconds since 1970 UTC.  A `rank` orders cards in a list, and lists on the board; it
has gaps, so that a move touches one row.
"""

from __future__ import annotations

from typing import ClassVar

from sqlalchemy import BigInteger, ForeignKey, Index, Integer
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """What `create_all` makes."""

    # SQLite's integers have 64 bits; milliseconds need them elsewhere too.
    type_annotation_map: ClassVar = {int: BigInteger().with_variant(Integer, "sqlite")}


class User(Base):
    """A person.  `demo` users can log in only while the demo is asked for."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    locale: Mapped[str]
    password_hash: Mapped[str]
    demo: Mapped[bool] = mapped_column(default=False)


class Login(Base):
    """One session of one browser.  Only the hash of its token is kept."""

    __tablename__ = "logins"

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    expires_at: Mapped[int]


class Attempts(Base):
    """Passwords tried for somebody from one place since a moment; `who` "" is for everybody."""

    __tablename__ = "login_attempts"

    place: Mapped[str] = mapped_column(primary_key=True)
    who: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[int] = mapped_column(index=True)
    count: Mapped[int]


class List(Base):
    """A column of the board."""

    __tablename__ = "lists"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    rank: Mapped[int]


class Card(Base):
    """A piece of work.  `version` rises with each change of the card itself: its ETag."""

    __tablename__ = "cards"
    # Without AUTOINCREMENT SQLite may give a number twice, and old links would lead elsewhere.
    __table_args__ = (Index("cards_in_order", "list_id", "rank"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    list_id: Mapped[int] = mapped_column(ForeignKey("lists.id"))
    rank: Mapped[int]
    title: Mapped[str]
    description: Mapped[str] = mapped_column(default="")
    author_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    assignee_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[int]
    updated_at: Mapped[int]
    archived_at: Mapped[int | None]


class Comment(Base):
    """What somebody said about a card."""

    __tablename__ = "comments"
    __table_args__ = (Index("comments_of_card", "card_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    card_id: Mapped[int] = mapped_column(ForeignKey("cards.id"))
    author_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    text: Mapped[str]
    created_at: Mapped[int]
    edited_at: Mapped[int | None]


class Follower(Base):
    """Who hears about a card.  `watching` off is a wish: nothing turns it on by itself."""

    __tablename__ = "followers"

    card_id: Mapped[int] = mapped_column(ForeignKey("cards.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    watching: Mapped[bool] = mapped_column(default=True)

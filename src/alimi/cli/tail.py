"""`alimi tail`: follow an inbox in a terminal."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any

import typer

from alimi.cli import configuration, secrets, terminal, tokens
from alimi.cli.configuration import Configuration
from alimi.cli.database import demand_file, store_of
from alimi.cli.inboxes import DatabaseInbox, Inbox, RemoteInbox
from alimi.cli.options import takes
from alimi.cli.printer import Printer
from alimi.cli.remote import Remote
from alimi.errors import ConfigurationError, InvalidInput
from alimi.model import MAX_CURSOR, Cursor, normalise_recipient

EXAMPLES = (
    "alimi tail 2 --url http://127.0.0.1:8000",
    "ALIMI_TOKEN=$(alimi token 2) alimi tail --url https://bell.example.com",
    "alimi tail 2 --db app.db --json --cursor-file tail.cursor",
)

#: A token of our own making has to outlive the start of one connection; the next gets a new one.
_TOKEN_SECONDS = 900
_MAX_LAST = 200


@takes("database", "url", "token", "user_secrets", "audience")
def tail(
    recipient: Annotated[
        str | None,
        typer.Argument(
            help="Whose inbox; not needed with a token, which says it.", metavar="RECIPIENT"
        ),
    ] = None,
    *,
    last: Annotated[
        int, typer.Option(help="Show so many of the newest first.", min=0, max=_MAX_LAST)
    ] = 10,
    follow: Annotated[bool, typer.Option(help="Go on and wait for news.")] = True,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    cursor_file: Annotated[
        Path | None,
        typer.Option(help="Remember the position here and go on from it.", metavar="FILE"),
    ] = None,
    locale: Annotated[
        str | None,
        typer.Option(help="The language of the texts; the terminal's otherwise.", metavar="LOCALE"),
    ] = None,
    **given: Any,
) -> None:
    """Follow an inbox in the terminal: what is new, and what is read elsewhere.

    With --url it asks a running server, otherwise it reads the database.  It comes back by itself
    after a lost connection and misses nothing; with --cursor-file also after it was stopped.  With
    --no-follow and --cursor-file it shows what is new since the last time, and ends.
    """
    config = configuration.load(given)
    locales = (locale,) if locale else terminal.own_locales()
    printer = Printer(json=json)
    with _inbox(config, recipient, locales, printer.note) as inbox:
        _show(inbox, printer, Bookmark(cursor_file), last, follow=follow)


def _show(inbox: Inbox, printer: Printer, bookmark: Bookmark, last: int, *, follow: bool) -> None:
    def page() -> str:
        rows, cursor = inbox.page(last)
        for row in rows:
            printer.item(row, cursor)
        return cursor

    cursor = bookmark.read()
    is_first = cursor is None
    if cursor is None:
        cursor = page()
        bookmark.write(cursor)
    # Without following, what is here by now is all; the cursor is asked for and no row.
    end = None if follow else cursor if is_first else inbox.page(0)[1]
    if cursor == end:
        return
    for event in inbox.events(cursor):
        printer.event(event)
        if event.event == "reset":
            page()
        bookmark.write(event.id)
        if end is not None and (event.event == "reset" or _reaches(event.id, end)):
            return


def _reaches(cursor: str, end: str) -> bool:
    return bool(cursor) and Cursor.parse(cursor).version >= Cursor.parse(end).version


class Bookmark:
    """The cursor on disk, replaced as a whole so that no crash leaves half of one."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._written: str | None = None

    def read(self) -> str | None:
        """The position, or None at the first time."""
        if self._path is None or not self._path.exists():
            return None
        with self._path.open(encoding="utf-8", errors="replace") as file:
            return file.read(MAX_CURSOR + 1).strip() or None

    def write(self, cursor: str) -> None:
        """Called after what it covers was shown: a crash in between repeats, it never skips."""
        if self._path is None or not cursor or cursor == self._written:
            return
        descriptor, name = tempfile.mkstemp(prefix=".alimi-", dir=self._path.absolute().parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(cursor + "\n")
            Path(name).replace(self._path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
        self._written = cursor


def _inbox(
    config: Configuration,
    recipient: str | None,
    locales: tuple[str, ...],
    note: Callable[[str], None],
) -> AbstractContextManager[Inbox]:
    if configuration.is_remote(config):
        remote = Remote(config.url or "")
        return RemoteInbox(remote, _credentials(config, recipient, locales), note)
    if recipient is None:
        raise InvalidInput("whose inbox? Name the recipient: alimi tail 2")
    store = store_of(config)
    demand_file(store)
    return DatabaseInbox(store, normalise_recipient(recipient), locales, note)


def _credentials(
    config: Configuration, recipient: str | None, locales: tuple[str, ...]
) -> Callable[[], dict[str, str]]:
    language = {"Accept-Language": ", ".join(locales)} if locales else {}
    if config.token is not None:
        token = _given_token(config.token, recipient)
        return lambda: {"Authorization": f"Bearer {token}", **language}
    if recipient is None:
        raise InvalidInput("give a token (ALIMI_TOKEN or --token @file), or name the recipient")
    if not config.user_secrets:
        raise ConfigurationError("a server wants a token: set ALIMI_TOKEN, or give --token @file")
    secret, audience = secrets.user_secrets(config.user_secrets)[0], config.audience

    def made() -> dict[str, str]:
        token = tokens.make(
            recipient, secret, audience=audience, now=int(time.time()), seconds=_TOKEN_SECONDS
        )
        return {"Authorization": f"Bearer {token}", **language}

    return made


def _given_token(written: str, recipient: str | None) -> str:
    if recipient is not None:
        raise InvalidInput("a token says whose inbox it is: leave the recipient away")
    token = secrets.read_one(written, "token")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise InvalidInput("the token is not one that `alimi token` makes")
    return token

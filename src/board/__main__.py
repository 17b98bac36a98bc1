"""`python -m board`: serve the board, or add a user to it."""

from __future__ import annotations

import argparse
import asyncio
import difflib
import getpass
import ipaddress
import logging
import re
import shlex
import sys
from pathlib import Path
from typing import Any, NoReturn

from board import users
from board.accounts import add_user
from board.board import Board
from board.database import is_server, name_of
from board.serving import AddressError, listen, serve
from board.settings import Settings
from board.texts import CATALOGUES

#: What a person types; it makes the environment, and runs this module in it.
COMMAND = "scripts/run"

EPILOG = """\
The demo has three people, each with the password "demo":
  1  Emma Reid   reads English
  2  김지우      reads Korean
  3  박도현      reads Korean
Its people can log in only while the demo is asked for; --no-demo shuts them out.
For a board of your own: add its users with `user NAME`, then start it with --no-demo.
"""


class UnusableError(Exception):
    """The database cannot be used; says why, and what could be."""


class _Parser(argparse.ArgumentParser):
    """One line about what is wrong, which names the word that is: argparse names what follows it.

    It takes the value of an option that it does not know for a command.
    """

    def add_argument(self, *names: Any, **given: Any) -> argparse.Action:
        """Remember the options' names."""
        if not hasattr(self, "known"):
            self.known: list[str] = []
        self.known += [name for name in names if name.startswith("--")]
        return super().add_argument(*names, **given)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Look at the options before anything else."""
        words = list(sys.argv[1:] if args is None else args)
        for word in words[: words.index("user") if "user" in words else None]:
            self._refuse_unknown(word.partition("=")[0])
        return super().parse_known_args(words, namespace)

    def _refuse_unknown(self, word: str) -> None:
        if word.startswith("--") and not any(name.startswith(word) for name in self.known):
            near = difflib.get_close_matches(word, self.known, n=1)
            self.error(f"there is no option {word}" + "".join(f", but {name}" for name in near))

    def error(self, message: str) -> NoReturn:
        """One line, and where to read on."""
        self.exit(2, f"board: {message}. See: {COMMAND} --help\n")


def main(arguments: list[str] | None = None) -> int:
    """Run the command; answers the exit status."""
    wanted = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    complaint = _misfit(wanted)
    if complaint:
        return _fail(complaint)
    try:
        inhabited = asyncio.run(_look_at(wanted.db))
    except UnusableError as error:
        return _fail(str(error))
    if wanted.command == "user":
        return _add_user(wanted)
    return _serve(wanted, inhabited=inhabited)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=COMMAND,
        usage="%(prog)s [--host HOST] [--port PORT] [--db DATABASE] [--workers WORKERS] [--no-demo]"
        "\n       %(prog)s [--db DATABASE] user NAME [--locale en|ko]",
        description="A kanban board whose cards change hands, and whose bell tells you so.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--host", default="localhost", help="where to listen (localhost: 127.0.0.1 and ::1)"
    )
    parser.add_argument("--port", type=_port, default=5001, help="the port (5001; 0: any free one)")
    parser.add_argument(
        "--db", default="board.db", metavar="DATABASE",
        help="a SQLite file (./board.db; made where it is missing), or a postgresql:// URL",
    )  # fmt: skip
    parser.add_argument(
        "--workers", type=_workers, default=1, help="processes (1); more need PostgreSQL"
    )
    parser.add_argument(
        "--no-demo", action="store_true", help="no demo data, and no demo passwords"
    )
    commands = parser.add_subparsers(
        dest="command", title="instead of serving", metavar="COMMAND", prog=COMMAND
    )
    user = commands.add_parser("user", help="add a user, or give one another password")
    user.add_argument(
        "name", metavar="NAME", help="the name: what others see, and write after an @"
    )
    user.add_argument("--locale", choices=sorted(CATALOGUES), default="en", help="their language")
    return parser


def _misfit(wanted: argparse.Namespace) -> str | None:
    """What cannot be meant, as far as the words tell."""
    if is_server(wanted.db):
        return None
    if wanted.workers > 1:
        return (
            f"{wanted.workers} processes cannot share a SQLite file: leave --workers away, or give "
            "--db a postgresql:// URL"
        )
    return _misplaced(wanted.db)


async def _look_at(db: str) -> bool:
    """Whether somebody can log in without the demo.

    Makes the tables before anything listens: that shows what is allowed.  Raises UnusableError.
    """
    try:
        board = Board(Settings(db))
    except ValueError:
        raise UnusableError(
            "--db is no URL of a database: write postgresql://user:password@host:5432/database"
        ) from None
    try:
        await board.prepare()
        async with board.database.reading() as session:
            return await users.anybody(session)
    except Exception as error:  # each driver has its own for each reason
        raise UnusableError(board.database.complaint(error)) from error
    finally:
        await board.database.close()


def _misplaced(db: str) -> str | None:
    scheme = re.match(r"[a-z0-9+]+://", db)
    if scheme:
        return f"--db takes a file's path or a postgresql:// URL, and {scheme[0]} is neither"
    if Path(db).is_dir():
        return f"{db} is a folder: name a file in it with --db"
    folder = Path(db).parent
    missing = f"there is no folder {folder}: make it, or name another with --db"
    return None if folder.is_dir() else missing


def _port(text: str) -> int:
    return _number(text, 0, 65535)


def _workers(text: str) -> int:
    return _number(text, 1, 64)


def _number(text: str, least: int, most: int) -> int:
    if not (text.isdecimal() and least <= int(text) <= most):
        raise argparse.ArgumentTypeError(f"a number from {least} to {most}, not {text!r}")
    return int(text)


def _serve(wanted: argparse.Namespace, *, inhabited: bool) -> int:
    demo = not wanted.no_demo
    if demo and not _is_loopback(wanted.host):
        _warn(
            f"the demo's passwords are known to everybody, and {wanted.host} can be reached from "
            "other machines.\n         Use --no-demo, or leave --host away."
        )
    try:
        sockets = listen(wanted.host, wanted.port)
    except AddressError as error:
        return _fail(str(error))
    port = sockets[0].getsockname()[1]
    address = f"http://{_shown(wanted.host)}:{port}"
    welcome = _welcome(address, wanted.db, demo=demo, inhabited=inhabited)
    return serve(Settings(wanted.db, demo=demo), sockets, welcome, wanted.workers)


def _welcome(address: str, db: str, *, demo: bool, inhabited: bool) -> str:
    lines = ["", f"  The board is at {address}", f"  It is kept in {name_of(db)}"]
    if demo:
        lines += [
            "",
            "  Try this:",
            "    1. Log in as Emma Reid (user 1, password: demo).",
            "    2. Open a private window or another browser, and log in as 김지우 (user 2).",
            "    3. Give one of Emma's cards to 김지우: in the other window the bell rings.",
            "    4. Stop this server, even with kill -9, and start it again: nothing is lost.",
        ]
    elif not inhabited:
        where = name_of(db) if is_server(db) else shlex.quote(db)
        lines += ["", "  Add somebody who can log in:", f"    {COMMAND} --db {where} user NAME"]
    return "\n".join([*lines, "", "  Ctrl+C stops it.", ""])


def _add_user(wanted: argparse.Namespace) -> int:
    password = _ask_password()
    if not password:
        return _fail("an empty password is none")
    settings = Settings(wanted.db)
    try:
        done = asyncio.run(add_user(settings, wanted.name, password, wanted.locale))
    except ValueError as error:
        return _fail(str(error))
    sys.stdout.write(done + "\n")
    return 0


def _ask_password() -> str:
    if sys.stdin.isatty():
        return getpass.getpass("Password: ")
    return sys.stdin.readline().rstrip("\r\n")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _warn(text: str) -> None:
    sys.stderr.write(f"WARNING: {text}\n")


def _fail(text: str) -> int:
    sys.stderr.write(f"board: {text}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())

"""`python -m board`: serve the board, or add a user to it."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import ipaddress
import logging
import sys
from pathlib import Path

from board.accounts import add_user
from board.database import Database, is_server, name_of
from board.serving import AddressError, listen, serve
from board.settings import Settings
from board.texts import CATALOGUES

EPILOG = """\
The demo has three people, each with the password "demo":
  1  Emma Reid   reads English
  2  김지우      reads Korean
  3  박도현      reads Korean
Its people can log in only while the demo is asked for; --no-demo shuts them out.
For a board of your own: add its users with `user NAME`, then start it with --no-demo.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; answers the exit status."""
    wanted = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    complaint = asyncio.run(_look_at(wanted.db))
    if complaint:
        return _fail(complaint)
    if wanted.command == "user":
        return _add_user(wanted)
    return _serve(wanted)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="board",
        description="A kanban board whose cards change hands, and whose bell tells you so.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--host", default="localhost", help="where to listen (localhost: 127.0.0.1 and ::1)"
    )
    parser.add_argument("--port", type=_port, default=5001, help="the port (5001; 0: any free one)")
    parser.add_argument(
        "--db", default="board.db", help="the SQLite file (./board.db), or a postgresql:// URL"
    )
    parser.add_argument(
        "--workers", type=_workers, default=1, help="processes (1); more need PostgreSQL"
    )
    parser.add_argument(
        "--no-demo", action="store_true", help="no demo data, and no demo passwords"
    )
    commands = parser.add_subparsers(dest="command", title="other commands", metavar="")
    user = commands.add_parser("user", help="add a user, or give one another password")
    user.add_argument("name", help="the name: what others see, and write after an @")
    user.add_argument("--locale", choices=sorted(CATALOGUES), default="en", help="their language")
    return parser


async def _look_at(db: str) -> str | None:
    folder = Path(db).parent
    if not is_server(db):
        missing = f"there is no folder {folder}: make it, or name another with --db"
        return None if folder.is_dir() else missing
    database = Database(db)
    try:
        return await database.complaint()
    finally:
        await database.close()


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return port


def _workers(text: str) -> int:
    workers = int(text)
    if not 1 <= workers <= 64:
        raise argparse.ArgumentTypeError("workers are a number from 1 to 64")
    return workers


def _serve(wanted: argparse.Namespace) -> int:
    if wanted.workers > 1 and not is_server(wanted.db):
        return _fail(
            f"{wanted.workers} processes cannot share a SQLite file: leave --workers away, or give "
            "--db a postgresql:// URL"
        )
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
    welcome = _welcome(address, wanted.db, demo=demo)
    return serve(Settings(wanted.db, demo=demo), sockets, welcome, wanted.workers)


def _welcome(address: str, db: str, *, demo: bool) -> str:
    lines = ["", f"  The board is at {address}", f"  It is kept in {name_of(db)}", ""]
    if demo:
        lines += [
            "  Try this:",
            "    1. Log in as Emma Reid (user 1, password: demo).",
            "    2. Open a private window or another browser, and log in as 김지우 (user 2).",
            "    3. Give one of Emma's cards to 김지우: in the other window the bell rings.",
            "    4. Stop this server, even with kill -9, and start it again: nothing is lost.",
        ]
    else:
        lines += ["  Add somebody who can log in:", f"    python -m board --db {db} user NAME"]
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

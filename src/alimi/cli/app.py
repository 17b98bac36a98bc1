"""The program: its commands, and how errors reach a person: one line, no traceback."""

from __future__ import annotations

import importlib
import inspect
import os
import sqlite3
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from alimi import __version__
from alimi.cli.help import Command, Group
from alimi.errors import AlimiError

#: In the order in which a newcomer needs them; each is a module with a function of that name.
COMMANDS = (
    "init", "serve", "token", "tail", "notify", "doctor", "migrate", "sql", "epoch",
)  # fmt: skip
_INTERRUPTED = 130


def run() -> int:
    """Run the command of `sys.argv`; answers the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that cannot write Korean shows ?
    wanted = sys.argv[1:2]
    # The others are not even imported, which takes longer than most commands.
    commands = tuple(wanted) if wanted and wanted[0] in COMMANDS else COMMANDS
    try:
        status = program(commands)(prog_name="alimi", standalone_mode=False)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # Who read us has left (`| head`); Python would complain once more while it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except typer.Abort:
        return _fail("stopped, nothing was changed", 1)
    except Exception as error:
        told = _told(error)
        if told is None:
            raise
        return _fail(*told)
    return status if isinstance(status, int) else 0


def program(commands: Sequence[str] = COMMANDS) -> typer.Typer:
    """These commands together."""
    app = typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        cls=Group,
        context_settings={"help_option_names": ["-h", "--help"]},
        help="Alimi: notifications for the users of your application, the moment they happen.",
        epilog=examples(
            "alimi init", "alimi serve", "alimi notify 1 --text 'Hello'",
            note="Each command explains itself: alimi serve --help",
        ),
    )  # fmt: skip
    app.callback(invoke_without_command=True)(_begin)
    for name in commands:
        module = importlib.import_module(f"alimi.cli.{name}")
        command, epilog = getattr(module, name), examples(*module.EXAMPLES)
        told = _unwrapped(inspect.getdoc(command))
        app.command(name, cls=Command, help=told, epilog=epilog)(command)
    return app


def _unwrapped(text: str | None) -> str:
    """A paragraph on one line: a terminal is not as wide as our code."""
    return "\n\n".join(" ".join(each.split()) for each in (text or "").split("\n\n"))


def examples(*lines: str, note: str = "") -> str:
    """The end of a help text: lines to copy, so they are not wrapped."""
    shown = "\n".join(["Examples:", *(f"  {line}" for line in lines)])
    return f"{shown}\n\n{note}" if note else shown


def _version(*, wanted: bool) -> None:
    if wanted:
        print(f"alimi {__version__}")
        raise typer.Exit


def _begin(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", "-V", help="Say the version.", is_eager=True)
    ] = False,
) -> None:
    _version(wanted=version)
    if context.invoked_subcommand is None:
        print(context.get_help(), end="")


def _fail(text: str, status: int) -> int:
    print(f"alimi: {' '.join(text.split())}", file=sys.stderr)
    return status


def _told(error: Exception) -> tuple[str, int] | None:
    """What to tell and the exit status; None for what is our own fault."""
    if isinstance(error, AlimiError):
        return str(error), 1
    if isinstance(error, sqlite3.Error):
        return f"the database cannot be used: {error}", 1
    if isinstance(error, OSError):
        what = error.strerror or str(error)
        return (f"{error.filename}: {what}" if error.filename else what), 1
    # The usage errors of typer, and of click under older ones: they have no common public name.
    status, say = getattr(error, "exit_code", None), getattr(error, "format_message", None)
    if isinstance(status, int) and callable(say):
        where = getattr(getattr(error, "ctx", None), "command_path", "alimi")
        return f"{say()} See: {where} --help", status
    return None

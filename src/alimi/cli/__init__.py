"""The command `alimi`: one module a command, and what they share.

app             the program: its commands, and how errors reach a person
help            what --help shows, in a terminal of any width
options         every setting: name, flag, environment variable, meaning
configuration   flag over environment over file over default
secrets         secrets from files and variables
tokens          user tokens: made, and checked by the server's `who`
server          uvicorn that says goodbye before it stops
gathering       metrics of several workers, told by whichever is scraped
steps           what a person is told to do next
database        opens the store for a command
remote          a running server, as its clients see it
inboxes         an inbox to follow, of a server or of a database
printer         what `tail` shows of it
terminal        what a terminal may be shown, and in which language
reference       docs/settings.md
"""

from __future__ import annotations

import sys

#: Import names of `alimi[server]`.
_EXTRA = frozenset({"httptools", "jwt", "rich", "typer", "uvicorn"})


def main() -> None:
    """Run the command line and exit."""
    try:
        # Here and not above: the extra may be missing, and then a line says what to install.
        from alimi.cli.app import run  # noqa: PLC0415

        status: int | str = run()
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _EXTRA:
            raise
        status = (
            f"alimi: {missing} is not installed; the command needs the extra alimi[server]: "
            'pip install "path/to/the/clone[server]"'
        )
    sys.exit(status)

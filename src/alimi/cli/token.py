"""`alimi token`: a user token."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from alimi.cli import configuration, secrets, terminal, tokens
from alimi.cli.options import takes

EXAMPLES = (
    "alimi token 2",
    "alimi token 2 --ttl 12h --locale ko",
    'curl -N -H "Authorization: Bearer $(alimi token 2)" http://127.0.0.1:8000/v1/inbox/stream',
)


@takes("user_secrets", "audience")
def token(
    recipient: Annotated[str, typer.Argument(help="Whose inbox it opens.", metavar="RECIPIENT")],
    ttl: Annotated[
        str, typer.Option(help="How long it is valid: 90s, 15m, 12h, 30d.", metavar="TIME")
    ] = "1h",
    locale: Annotated[
        str | None, typer.Option(help="The language of the texts, such as ko.", metavar="LOCALE")
    ] = None,
    session: Annotated[
        str | None,
        typer.Option(help="The login it belongs to (jti), to end its streams.", metavar="ID"),
    ] = None,
    **given: Any,
) -> None:
    """Make a user token and print it: it opens one recipient's inbox."""
    config = configuration.load(given)
    made = tokens.make(
        recipient,
        secrets.user_secrets(config.user_secrets)[0],
        audience=config.audience,
        now=int(time.time()),
        seconds=terminal.seconds(ttl, "--ttl"),
        locale=locale,
        session=session,
    )
    print(made)

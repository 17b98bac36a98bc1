"""`alimi init`: a settings file with fresh secrets."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Annotated

import typer

from alimi.cli.options import DEFAULT_FILE
from alimi.errors import ConfigurationError

EXAMPLES = ("alimi init", "alimi init /etc/alimi.toml")

_CONTENT = """\
# Settings of Alimi; flags and ALIMI_… variables win over what stands here.
# This file holds secrets: keep it out of version control.

database = "sqlite:///alimi.db"         # or postgresql://…, for which `alimi migrate` makes tables
host = "127.0.0.1"
port = 8000

# Who may write events.  To rotate, put the new key first, restart, and drop the old one later.
api_keys = ["{api_key}"]

# What user tokens are signed with (HS256).  Your application makes them with the same secret.
user_secrets = ["{user_secret}"]
audience = "alimi"

# Pages of other origins that may use the inbox with the user's cookie:
# origins = ["https://app.example.com"]

# Kinds of notifications; an event may also bring its own texts.
[kinds."card.assigned"]
category = "cards"
url = "/cards/{{object.id}}"
text.en = "You are now the assignee of a card."
text.ko = "카드의 담당자가 사용자님으로 변경되었습니다."
"""


def init(
    path: Annotated[Path, typer.Argument(help="The file to write.")] = Path(DEFAULT_FILE),
) -> None:
    """Write a settings file with fresh secrets, for `alimi serve`."""
    content = _CONTENT.format(
        api_key=secrets.token_urlsafe(32), user_secret=secrets.token_urlsafe(48)
    )
    try:
        # Readable for its owner only, from its first moment.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigurationError(f"{path} is there already; it was not touched") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
    config = "" if path == Path(DEFAULT_FILE) else f" --config {path}"
    print(f"Wrote {path} with fresh secrets. Next: alimi serve{config}")

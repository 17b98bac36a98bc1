"""What a person does next: lines to copy, with the flags that lead to the same settings."""

from __future__ import annotations

import re
import shlex

from alimi.cli.configuration import Configuration

#: In a database's URL: behind the user's name, or in the query.
_PASSWORD = re.compile(r"(://[^:@/]*:)[^@/]*(?=@)|([?&]password=)[^&]*")


def first(config: Configuration, address: str) -> list[str]:
    """What is told until somebody has been notified; the lines work as they stand."""
    user = flags(config, "user_secrets", "audience")
    sender = flags(config, "database") if not config.api_keys else flags(config, "api_keys")
    way = f" --url {address}" if config.api_keys else ""
    same = " with the same ALIMI_… variables" if _uses_variables(config) else ""
    return [
        "",
        f"Next, in another terminal, in this folder{same}:",
        f"  follow the inbox of user 1    alimi tail 1 --url {address}{user}",
        f"  send yourself one             alimi notify 1 --text 'Hello from Alimi'{way}{sender}",
        f"  a token for user 1's page     alimi token 1{user}",
        f"The bell for your page: {address}/bell.js; the interface: {address}/openapi.json",
        "Ctrl-C stops the server; what it was given stays.",
        "",
    ]


def flags(config: Configuration, *names: str) -> str:
    """The flags that another command needs to see the same settings; never a secret itself."""
    parts: list[str] = []
    if config.file is not None and config.sources.get("config"):
        parts += ["--config", str(config.file)]
    for name in names:
        source = config.sources.get(name, "")
        if source.startswith("--"):
            value = getattr(config, name)
            values = value if isinstance(value, list) else [value]
            for each in values:
                parts += [source, _without_secret(name, each)]
    return "".join(f" {shlex.quote(part)}" for part in parts)


def _without_secret(name: str, value: str) -> str:
    if name == "database":
        return _PASSWORD.sub(r"\g<1>\g<2>PASSWORD", value)
    return value if name == "audience" or value[:1] == "@" else "@FILE"


def _uses_variables(config: Configuration) -> bool:
    return any(source.startswith("ALIMI_") for source in config.sources.values())

"""`alimi notify`: record an event, in the database or through a server."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
import typer

from alimi.cli import configuration, secrets, terminal
from alimi.cli.configuration import Configuration
from alimi.cli.database import opened
from alimi.cli.options import takes
from alimi.cli.remote import Remote
from alimi.errors import ConfigurationError, InvalidInput, KeyConflict
from alimi.kinds import Kind, event_from_parts
from alimi.model import Event, Receipt, nearest

EXAMPLES = (
    "alimi notify 2 --text 'Lunch is ready'",
    "alimi notify 2 3 --kind card.assigned --object 12 --object-name 'Ship it' --actor 1",
    'alimi notify 2 --texts \'{"ko": "점심", "en": "Lunch"}\' --link /menu --key lunch-0712',
    "ALIMI_API_KEYS=@key alimi notify 2 --text Hello --url http://127.0.0.1:8000",
)

_DEFAULT_KIND, _DEFAULT_CATEGORY = "note", "general"
_PARTY = 'an id, or JSON like \'{"id": 1, "name": "Ada"}\''


def _party_option(what: str) -> Any:
    return typer.Option(help=f"{what}: {_PARTY}.", metavar="ID|JSON", rich_help_panel="What")


def _what(help: str, metavar: str = "TEXT") -> Any:
    return typer.Option(help=help, metavar=metavar, rich_help_panel="What")


@takes("database", "url", "api_keys")
def notify(
    to: Annotated[list[str], typer.Argument(help="Whom: one or several.", metavar="RECIPIENT")],
    *,
    kind: Annotated[str, _what("A kind of the settings file, or any name.", "NAME")] = "note",
    text: Annotated[str | None, _what("What the recipients read.")] = None,
    locale: Annotated[str, _what("The language of --text.", "LOCALE")] = "en",
    texts: Annotated[str | None, _what("Texts by language.", "JSON")] = None,
    category: Annotated[str | None, _what("What a person mutes.", "NAME")] = None,
    link: Annotated[str | None, _what("Where a click leads.", "URL")] = None,
    actor: Annotated[str | None, _party_option("Who did it")] = None,
    actor_name: Annotated[str | None, _what("The actor's name.")] = None,
    object: Annotated[str | None, _party_option("To what")] = None,
    object_name: Annotated[str | None, _what("The object's name.")] = None,
    target: Annotated[str | None, _party_option("Inside what")] = None,
    target_name: Annotated[str | None, _what("The target's name.")] = None,
    data: Annotated[str | None, _what("More fields for texts and pages.", "JSON")] = None,
    key: Annotated[str | None, _what("Happens once, however often it is sent.", "KEY")] = None,
    about: Annotated[str | None, _what("The matter, for retracting.", "KEY")] = None,
    expires: Annotated[str | None, _what("Withdrawn after this: 90s, 2h, 7d.", "TIME")] = None,
    json: Annotated[bool, typer.Option("--json", help="The receipt as JSON.")] = False,
    **given: Any,
) -> None:
    """Notify people, or yourself.

    With --url a running server records it.  Otherwise it goes into the database's outbox: a running
    server delivers it at once, else the next one that starts.  When the command has answered, it
    cannot be lost.
    """
    config = configuration.load(given)
    parts = {
        "to": to, "kind": kind, "texts": _texts(text, locale, texts), "category": category,
        "url": link, "actor": _party(actor, actor_name, "--actor"),
        "object": _party(object, object_name, "--object"),
        "target": _party(target, target_name, "--target"),
        "data": _json(data, "--data"), "key": key, "about": about, "expires_at": _moment(expires),
    }  # fmt: skip
    parts = {name: value for name, value in parts.items() if value is not None}
    receipt = _send(config, parts) if configuration.is_remote(config) else _record(config, parts)
    _tell(receipt, key, json=json)


def _texts(text: str | None, locale: str, texts: str | None) -> dict[str, Any] | None:
    if text is not None and texts is not None:
        raise InvalidInput("--text and --texts are two ways: give one")
    return {locale: text} if text is not None else _json(texts, "--texts")


def _json(text: str | None, flag: str) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        return msgspec.json.decode(text.encode(), type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise InvalidInput(f"{flag} is a JSON object like '{{\"id\": 1}}': {error}") from None


def _party(text: str | None, name: str | None, flag: str) -> dict[str, Any] | None:
    if text is None:
        if name is not None:
            raise InvalidInput(f"{flag}-name needs {flag} with an id")
        return None
    party = _json(text, flag) if text.startswith("{") else {"id": text}
    return party if name is None or party is None else {**party, "name": name}


def _moment(expires: str | None) -> datetime | None:
    if expires is None:
        return None
    return datetime.now(UTC) + timedelta(seconds=terminal.seconds(expires, "--expires"))


def _send(config: Configuration, parts: dict[str, Any]) -> Receipt:
    keys = secrets.read(config.api_keys, "api_keys")
    if not keys:
        raise ConfigurationError(
            "a server wants an API key: set ALIMI_API_KEYS, or --api-key @file"
        )
    if "texts" in parts and parts["kind"] == _DEFAULT_KIND:
        parts.setdefault("category", _DEFAULT_CATEGORY)
    remote = Remote(config.url or "")
    answer = remote.post("/v1/events", parts, {"Authorization": f"Bearer {keys[0]}"})
    try:
        return msgspec.convert(answer, Receipt)
    except msgspec.ValidationError:
        raise InvalidInput(f"{remote.url} is not Alimi's address: its answer is none") from None


def _record(config: Configuration, parts: dict[str, Any]) -> Receipt:
    event = _event(config, parts)
    if not event.recipients:
        return Receipt(event.id)
    return asyncio.run(_append(config, event))


async def _append(config: Configuration, event: Event) -> Receipt:
    """The outbox only: the relay of a running server is the one who tells its streams."""
    async with opened(config) as store:
        return (await store.append([event]))[0]


def _event(config: Configuration, parts: dict[str, Any]) -> Event:
    name = parts.pop("kind")
    known = config.kinds.get(name)
    if "texts" in parts:
        category = parts.pop("category", known.category if known else _DEFAULT_CATEGORY)
        notify_actor = known is not None and known.notify_actor
        return event_from_parts(kind=name, category=category, notify_actor=notify_actor, **parts)
    if known is None:
        near = nearest(name, config.kinds)
        if near:
            raise InvalidInput(f"the kind {name} is not in the settings file{near}")
        raise InvalidInput(
            "say something with --text, or name a --kind of the settings file"
            + (f": {', '.join(config.kinds)}" if config.kinds else "")
        )
    if own := {"category", "url"} & parts.keys():
        raise InvalidInput(f"the kind {name} has its own {own.pop()}: leave it, or give --text")
    kind = Kind(
        name, category=known.category, texts=known.text, url=known.url,
        notify_actor=known.notify_actor, expires_in=known.expires_in,
    )  # fmt: skip
    return kind.event(**parts)


def _tell(receipt: Receipt, key: str | None, *, json: bool) -> None:
    if receipt.status == "conflict":
        raise KeyConflict(f"the key {key!r} was already used for another event: use a new one")
    if json:
        print(msgspec.json.encode(receipt).decode())
    elif receipt.status == "repeated":
        print(f"repeated {receipt.id}: this key was used before, nobody is told again")
    else:
        print(f"recorded {receipt.id}")

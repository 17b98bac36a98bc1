"""Every setting of the command line: one table, read by the flags, the loader and the docs.

A setting `retention.days` is the flag `--retention-days`, the variable `ALIMI_RETENTION_DAYS` and,
in the file, `days` under `[retention]`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_type_hints

import msgspec
import typer

from alimi.settings import LIMITS, Limits, Settings

PREFIX = "ALIMI_"
CONFIG_VARIABLE = "ALIMI_CONFIG"
DEFAULT_FILE = "alimi.toml"
#: The address that `serve` has by default; also what the examples say.
DEFAULT_PORT = 8000

Command = TypeVar("Command", bound=Callable[..., Any])
Level = Literal["debug", "info", "warning", "error"]


class Option(msgspec.Struct, frozen=True):
    """One setting.  `name` is its place in the file; `type` and `limits` what its value must be."""

    name: str
    type: Any
    default: Any
    help: str
    group: str = "Server"
    flags: tuple[str, ...] = ()
    secret: bool = False
    #: Of its number, or of each of its numbers.
    limits: Limits | None = None

    @property
    def parameter(self) -> str:
        """Its name in Python."""
        return self.name.replace(".", "_")

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return PREFIX + self.parameter.upper()

    @property
    def is_list(self) -> bool:
        """Whether the flag may be repeated and the variable holds several."""
        return bool(self.type == list[str])

    @property
    def declarations(self) -> tuple[str, ...]:
        """Its flags."""
        if self.flags:
            return self.flags
        flag = self.parameter.replace("_", "-")
        return (f"--{flag}/--no-{flag}",) if self.type is bool else (f"--{flag}",)


_SERVER = (
    Option(
        "database", str, "sqlite:///alimi.db",
        "The database: a SQLite file as a path or a URL, such as sqlite:///alimi.db (relative) or "
        "sqlite:////var/lib/alimi.db (absolute), or postgresql://user:password@host/name.",
        flags=("--db", "--database"),
    ),
    Option(
        "host", str, "127.0.0.1",
        "The address to listen on. localhost means both loopbacks, 0.0.0.0 everybody who can reach "
        "this machine.",
    ),
    Option(
        "port", int, DEFAULT_PORT, "The port to listen on; 0 takes any free one.",
        limits=Limits(0, 65_535),
    ),
    Option(
        "bus", str | None, None,
        "How nodes and workers tell each other: postgres (the default on PostgreSQL), nats://…, "
        "valkey://…, or local for one process alone.",
    ),
    Option(
        "workers", int, 1,
        "Processes that serve the port; more than one needs PostgreSQL. About one for each core.",
        limits=Limits(1, 256),
    ),
    Option(
        "api_keys", list[str], [],
        "Who may write events over HTTP: one key, or two while you rotate them, each of at least "
        "32 characters. Without a key the events API is off.",
        flags=("--api-key",), secret=True,
    ),
    Option(
        "user_secrets", list[str], [],
        "What user tokens (HS256) are signed with: one secret, or two while you rotate them, each "
        "of at least 32 bytes. New tokens are signed with the first.",
        flags=("--user-secret",), secret=True,
    ),
    Option("audience", str, "alimi", "The `aud` that a user token must name."),
    Option(
        "leeway_seconds", float, 10.0,
        "How far the clocks of who makes tokens and of this server may differ.",
        limits=Limits(0, 3_600),
    ),
    Option(
        "origins", list[str], [],
        "Other origins whose pages may read and write here with the user's cookie, such as "
        "https://app.example.com.",
        flags=("--origin",),
    ),
    Option(
        "metrics", bool, False,
        "Serve /metrics in Prometheus' format, to everybody who reaches the server.",
    ),
    Option("log_level", Level, "info", "What is logged to stderr: debug, info, warning or error."),
)  # fmt: skip

_CLIENT = (
    Option(
        "url", str | None, None,
        "A running server, such as http://127.0.0.1:8000, for the commands that can talk to one.",
        group="Client",
    ),
    Option(
        "token", str | None, None,
        "The user token with which `tail` asks a server.",
        group="Client", secret=True,
    ),
)  # fmt: skip

#: What the library's own settings mean to an operator; their types and defaults are theirs.
_MEANINGS = {
    "ping_seconds": "A silent stream is pinged so often; proxies usually cut at 60 s of silence.",
    "max_stream_seconds": "The longest life of one stream (jittered); the reader then comes back. "
    "Bounds how long a permission that was withdrawn can last.",
    "position_check_seconds": "How often every stream is compared with its inbox: how long a lost "
    "hint can go unnoticed.",
    "stall_seconds": "A reader that takes nothing for so long is cut off.",
    "max_streams": "Open streams of this process; more are told to come back later.",
    "max_streams_per_recipient": "Open streams of one recipient: tabs, phones and laptops.",
    "backlog_bytes": "Unsent bytes of one stream, after which nothing more is queued; the reader "
    "catches up from the database.",
    "retry_ms": "The least and the longest delay, in milliseconds, that a connection is told to "
    "wait before it comes back.",
    "batch": "Notifications in one transaction of the relay.",
    "page": "Rows in one read of a stream's catch-up.",
    "linger_seconds": "How long a recipient whose last stream has gone is still heard of: a reader "
    "who comes back by then usually costs no read.",
    "linger_inboxes": "Of so many recipients without a stream at once; 0 of none.",
    "tail_bytes": "Memory, about, for rows of inboxes that are heard of, from which readers who "
    "come back are told what they missed; 0 for none.",
    "poll_seconds": "How often the outbox is looked at when nothing was heard: what `alimi notify "
    "--db` and other processes wait at most.",
    "sweep_seconds": "How often expired and old notifications are looked for.",
    "drain_delay_seconds": "How long a node that is told to stop says so at /readyz and serves on: "
    "what a balancer takes to notice. Ctrl-C does not wait.",
    "drain_seconds": "How long a stop waits for streams to end before it cuts them.",
    "synchronous": "SQLite's durability: FULL survives a power cut, NORMAL may lose the last "
    "commits in one, EXTRA is FULL and a little more. A killed process loses nothing in any.",
    "auto_migrate": "Make or update the tables when the server starts; on SQLite only.",
    "io_uring": "Write to many readers in few system calls, with Linux's io_uring; where the "
    "system forbids it they are written to one by one.",
    "retention.days": "Notifications older than this become tombstones; none keeps them.",
    "retention.rows": "Notifications kept in one inbox, the newest; none keeps all.",
    "retention.tombstone_days": "How long deletions are remembered: a reader that was away for "
    "longer reloads its inbox.",
    "retention.key_days": "How long a key is remembered at least, so that a repeated event is "
    "dropped.",
}


def _library() -> tuple[Option, ...]:
    """The fields of Settings as options."""
    return tuple(_of_library(name, meaning) for name, meaning in _MEANINGS.items())


def _of_library(name: str, help: str) -> Option:
    *parents, last = name.split(".")
    owner: Any = reduce(getattr, parents, Settings())
    kind = get_type_hints(type(owner))[last]
    group = "Retention" if parents else "Library"
    return Option(name, kind, getattr(owner, last), help, group=group, limits=LIMITS.get(name))


OPTIONS: dict[str, Option] = {each.name: each for each in (*_SERVER, *_CLIENT, *_library())}
#: What `alimi serve` takes.
FOR_SERVER = tuple(name for name, each in OPTIONS.items() if each.group != "Client")


def takes(*names: str) -> Callable[[Command], Command]:
    """Give a command the flags of these settings, and `--config`.

    The command declares `given: Given` by `**given: Any` and passes it to `configuration.load`.
    """

    def decorate(command: Command) -> Command:
        signature = inspect.signature(command, eval_str=True)
        kept = [each for each in signature.parameters.values() if each.kind != each.VAR_KEYWORD]
        added = [_parameter(OPTIONS[name]) for name in names]
        replaced = signature.replace(parameters=[*kept, *added, _CONFIG])
        command.__signature__ = replaced  # type: ignore[attr-defined]  # typer reads it
        return command

    return decorate


def _parameter(option: Option) -> inspect.Parameter:
    # All values are text here: `configuration` reads them, whatever layer they come from.
    kind: Any = list[str] | None if option.is_list else str | None
    meaning = option.help + (" Best as @file." if option.secret else "")
    info = typer.Option(
        *option.declarations,
        help=f"{meaning} [{option.variable}{_shown_limits(option)}{_shown_default(option)}]",
        show_default=False,
        metavar=None if option.type is bool else _metavar(option),
        rich_help_panel={"Library": "Tuning", "Retention": "Tuning"}.get(option.group),
    )
    if option.type is bool:
        kind = bool | None
    return _keyword(option.parameter, kind, info)


def _keyword(name: str, kind: Any, info: Any) -> inspect.Parameter:
    annotation = Annotated[kind, info]
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation
    )


_CONFIG = _keyword(
    "config",
    Path | None,
    typer.Option(
        "--config",
        help=f"The settings file; {DEFAULT_FILE} in this folder when it is there. "
        f"[{CONFIG_VARIABLE}]",
        show_default=False,
        metavar="FILE",
    ),
)


def _metavar(option: Option) -> str:
    if option.secret:
        return "SECRET"
    return {"database": "DATABASE", "url": "URL", "origins": "ORIGIN"}.get(option.name, "VALUE")


def _shown_limits(option: Option) -> str:
    return "" if option.limits is None else f", {option.limits}"


def _shown_default(option: Option) -> str:
    shown = default_text(option)
    return f", default {shown}" if shown else ""


def default_text(option: Option) -> str:
    """The default as one would write it in a variable."""
    value = option.default
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, (tuple, list)):
        return ",".join(map(str, value))
    return "" if value is None else str(value)

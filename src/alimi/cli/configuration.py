"""Settings from their four places: flag over environment over file over default."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

import msgspec

from alimi.cli.options import CONFIG_VARIABLE, DEFAULT_FILE, OPTIONS, PREFIX, Option
from alimi.errors import ConfigurationError, InvalidInput
from alimi.model import nearest
from alimi.settings import Settings

#: A settings file is written by hand.
MAX_FILE = 1 << 20
#: Kubernetes puts these into every container beside a service called alimi.
_KUBERNETES = re.compile(r".*_SERVICE_(HOST|PORT(_.*)?)|.*_PORT_[0-9]+_(TCP|UDP|SCTP)(_.*)?")
_KUBERNETES_PORT = re.compile(r"(tcp|udp|sctp)://.*")
#: Variables of this name that belong to the repository's own tests.
_ELSEWHERE = frozenset({CONFIG_VARIABLE, "ALIMI_CHROMIUM"})
_SEPARATORS = re.compile(r"[,\s]+")


class KindTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind in the file: `[kinds."card.assigned"]`."""

    category: str
    text: dict[str, str]
    url: str | None = None
    notify_actor: bool = False
    expires_in: float | None = None


class Configuration(msgspec.Struct, frozen=True):
    """All settings, and which are not the defaults.  Secrets are still as they were written."""

    database: str
    host: str
    port: int
    bus: str | None
    workers: int
    api_keys: list[str]
    user_secrets: list[str]
    audience: str
    leeway_seconds: float
    origins: list[str]
    metrics: bool
    log_level: str
    url: str | None
    token: str | None
    settings: Settings
    kinds: dict[str, KindTable]
    file: Path | None
    #: Setting -> where it was set, such as "ALIMI_PORT" or "--port".
    sources: dict[str, str]


class _Found(msgspec.Struct, frozen=True):
    """A value, as it was written, and where."""

    source: str
    value: Any
    is_text: bool = True


def load(given: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> Configuration:
    """The settings of one run.  `given` are the flags by parameter, None where not given.

    Raises ConfigurationError naming the setting, where it stands, and for an unknown one the
    nearest that is known.
    """
    environ = os.environ if environ is None else environ
    path = _file(given.get("config"), environ)
    table = {} if path is None else _read(path)
    kinds = _kinds(table.pop("kinds", {}), path)
    found = _from_file(table, path) | _from_environment(environ) | _from_flags(given)
    values = {name: _value(OPTIONS[name], each) for name, each in found.items()}
    return _build(values, kinds, path, {name: each.source for name, each in found.items()})


def is_remote(config: Configuration) -> bool:
    """Whether a command that can do both talks to a server: a flag decides, else a url anywhere."""
    by_flag = {name for name, source in config.sources.items() if source.startswith("--")}
    if {"url", "database"} <= by_flag:
        raise InvalidInput("--url and --db are two ways: give one")
    return config.url is not None and "database" not in by_flag


def _build(
    values: dict[str, Any], kinds: dict[str, KindTable], path: Path | None, sources: dict[str, str]
) -> Configuration:
    tree: dict[str, Any] = {}
    for name, option in OPTIONS.items():
        *parents, last = name.split(".")
        place = tree
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = values.get(name, option.default)
    library = {name: tree.pop(name) for name in Settings.__struct_fields__}
    retention = type(Settings().retention)(**library.pop("retention"))
    settings = Settings(**library, retention=retention)
    return Configuration(**tree, settings=settings, kinds=kinds, file=path, sources=sources)


def _file(flag: Path | None, environ: Mapping[str, str]) -> Path | None:
    asked = flag or environ.get(CONFIG_VARIABLE)
    if asked:
        return Path(asked)
    usual = Path(DEFAULT_FILE)
    return usual if usual.is_file() else None


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE + 1)
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from None
    if len(raw) > MAX_FILE:
        raise ConfigurationError(f"{path} is larger than {MAX_FILE} bytes")
    try:
        return tomllib.loads(raw.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigurationError(f"{path} is not TOML: {error}") from None


def _kinds(tables: Any, path: Path | None) -> dict[str, KindTable]:
    if not isinstance(tables, dict):
        raise ConfigurationError(f'{path}: kinds are tables like [kinds."card.assigned"]')
    return {name: _kind(name, table, path) for name, table in tables.items()}


def _kind(name: str, table: Any, path: Path | None) -> KindTable:
    where = f'{path}: [kinds."{name}"]'
    if isinstance(table, dict):
        known = KindTable.__struct_fields__
        for key in table.keys() - set(known):
            hint = nearest(key, known)
            if isinstance(table[key], dict) and not hint:
                hint = '; write the kind\'s name in quotes: [kinds."card.assigned"]'
            raise ConfigurationError(f"{where}: unknown key {key!r}{hint}")
    try:
        return msgspec.convert(table, KindTable)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{where}: {_said(error)}") from None


def _from_file(table: dict[str, Any], path: Path | None) -> dict[str, _Found]:
    found: dict[str, _Found] = {}
    for name, value in _flat(table):
        if name not in OPTIONS:
            known = [*OPTIONS, "kinds"]
            raise ConfigurationError(f"{path}: unknown setting {name!r}{nearest(name, known)}")
        # "none" and the like may be written as in a variable where TOML has no word for it.
        source = f"{path}: {name}"
        found[name] = _Found(source, value, is_text=_is_none(value) and _optional(OPTIONS[name]))
    return found


def _flat(table: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    """Settings with their dotted names; a table that nobody knows counts as one setting."""
    parents = {name.partition(".")[0] for name in OPTIONS if "." in name}
    for key, value in table.items():
        if key in parents and isinstance(value, dict):
            yield from ((f"{key}.{inner}", each) for inner, each in value.items())
        else:
            yield key, value


def _from_environment(environ: Mapping[str, str]) -> dict[str, _Found]:
    known = {option.variable: option.name for option in OPTIONS.values()}
    found: dict[str, _Found] = {}
    for variable, value in environ.items():
        if not variable.startswith(PREFIX) or _is_foreign(variable, value):
            continue
        if variable not in known:
            hint = nearest(variable, known)
            raise ConfigurationError(f"unknown environment variable {variable}{hint}")
        if value:  # `ALIMI_TOKEN=` is how one unsets a variable for one command
            found[known[variable]] = _Found(variable, value)
    return found


def _is_foreign(variable: str, value: str) -> bool:
    if variable in _ELSEWHERE or _KUBERNETES.fullmatch(variable):
        return True
    return variable.endswith("_PORT") and _KUBERNETES_PORT.fullmatch(value) is not None


def _from_flags(given: Mapping[str, Any]) -> dict[str, _Found]:
    by_parameter = {option.parameter: option for option in OPTIONS.values()}
    return {
        option.name: _Found(_flag(option), given[parameter], isinstance(given[parameter], str))
        for parameter, option in by_parameter.items()
        if given.get(parameter) not in (None, [])
    }


def _flag(option: Option) -> str:
    return option.declarations[0].partition("/")[0]


def _value(option: Option, found: _Found) -> Any:
    raw = found.value
    if found.is_text:
        raw = _from_text(option, raw)
    try:
        value = msgspec.convert(raw, option.type, strict=not found.is_text)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{found.source}: {_said(error)}") from None
    if option.limits is not None:
        option.limits.check(found.source, value)
    return value


def _from_text(option: Option, text: str) -> Any:
    """Text of a flag or variable in the shape that its type wants."""
    if option.is_list or option.name == "retry_ms":
        return [each for each in _SEPARATORS.split(text) if each]
    if _optional(option) and _is_none(text):
        return None
    if option.type is bool:
        return {"yes": "true", "on": "true", "no": "false", "off": "false"}.get(text.lower(), text)
    return text


def _optional(option: Option) -> bool:
    return type(None) in get_args(option.type)


def _is_none(value: Any) -> bool:
    return isinstance(value, str) and value.lower() == "none"


def _said(error: Exception) -> str:
    text = str(error)
    return (text[:1].lower() + text[1:]).replace("`", "").replace(" - at $", ", at $")

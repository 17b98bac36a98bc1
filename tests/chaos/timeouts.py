"""How long the parts wait for each other, read from the code; less in the short form.

What freezes a part has to outlast all of it: see `longest`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from types import ModuleType

import msgspec

from alimi import buses, carrier, vitals
from alimi.stores import postgres
from alimi.stores.postgres import connections

#: In the short form what is longer than so many seconds is so many times shorter.
LONG, SHORTER = 5.0, 5
_NAMED = re.compile(r"_?(?:[A-Z]+_)*(?:SECONDS|PATIENCE)")
#: How often something is looked at, or for how long it is known: nobody is kept waiting.
_NO_WAITS = {"_ANEW_SECONDS", "_OWN_SECONDS", "_FRESH_SECONDS", "LAG_SECONDS"}
_SERVERS = re.compile(r"(_timeout'?(?: =|,) ')(\d+)(s')")
_PATIENCE = carrier.Patience


def longest(*, is_short: bool) -> float:
    """The longest that any part waits for another, in seconds."""
    waits = [seconds for *_, seconds in _constants()]
    waits += [float(seconds) for _, seconds, _ in _SERVERS.findall(connections._BEGIN)]
    waits += _patience().values()
    if is_short:
        waits = [*map(_shorter, waits)]
    return max(waits + _in_functions())


def shorten() -> None:
    """In this process, before Alimi starts in it."""
    for module, name, seconds in list(_constants()):
        setattr(module, name, _shorter(seconds))
    connections._BEGIN = _SERVERS.sub(
        lambda found: f"{found[1]}{1000 * _shorter(float(found[2])):.0f}m{found[3]}",
        connections._BEGIN,
    )
    short = {name: _shorter(seconds) for name, seconds in _patience().items()}
    carrier.Patience = partial(_PATIENCE, **short)  # type: ignore[misc,assignment,arg-type]


def _shorter(seconds: float) -> float:
    return seconds / SHORTER if seconds > LONG else seconds


def _constants() -> Iterator[tuple[ModuleType, str, float]]:
    """Those of the node's ways to its database and its bus, wherever a module has its own name."""
    modules = [vitals, carrier]
    for package in (postgres, buses):
        found = walk_packages(package.__path__, f"{package.__name__}.")
        modules += [import_module(each.name) for each in found]
    for module in modules:
        for name, value in vars(module).items():
            if _NAMED.fullmatch(name) and name not in _NO_WAITS:
                yield module, name, float(value)


def _patience() -> dict[str, float]:
    """What a bus has for its server; the pauses between its attempts stay as they are."""
    given = msgspec.structs.asdict(_PATIENCE())
    return {name: seconds for name, seconds in given.items() if name != "pauses"}


def _in_functions() -> list[float]:
    """What the database's own functions set, which stays as it is."""
    texts = [path.read_text() for path in Path(postgres.__path__[0]).rglob("*.sql")]
    return [float(found[1]) for text in texts for found in _SERVERS.findall(text)]

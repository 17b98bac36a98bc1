"""Settings that cannot work, or would do harm, are refused where they are written."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

import alimi
from alimi import Retention, Settings
from alimi.errors import ConfigurationError
from alimi.settings import LIMITS


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"days": 0}, "retention.days"),
        ({"days": -1}, "retention.days"),
        ({"rows": 0}, "retention.rows"),
        ({"rows": -1}, "retention.rows"),
        ({"tombstone_days": -1}, "retention.tombstone_days"),
        ({"key_days": 6}, "retention.key_days"),
    ],
)
def test_g1_no_retention_empties_every_inbox(wrong: dict[str, Any], named: str) -> None:
    """G1, G4: a slip of the hand deletes nothing, and keys are kept for a week at least."""
    with pytest.raises(ConfigurationError, match=named):
        Settings(retention=Retention(**wrong))


def test_a_small_retention_is_a_choice() -> None:
    """One day, one row, and nothing remembered of what was deleted: reloads, and no harm."""
    keep = Retention(days=1, rows=1, tombstone_days=0, key_days=7)
    assert Settings(retention=keep).retention == keep
    assert Settings(retention=Retention(days=None, rows=None)).retention.days is None


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"batch": 0}, "batch"),
        ({"page": -1}, "page"),
        ({"linger_seconds": -1}, "linger_seconds"),
        ({"retry_ms": (3_000, 2_000)}, "retry_ms"),
        ({"synchronous": "OFF"}, "synchronous"),
    ],
)
def test_a_number_that_cannot_work_is_refused(wrong: dict[str, Any], named: str) -> None:
    """The error names it, before anything starts."""
    with pytest.raises(ConfigurationError, match=named):
        Settings(**wrong)


def with_value(name: str, value: Any) -> Settings:
    """Settings with this one changed; `retention.days` is a field of a field."""
    value = (value, value) if name == "retry_ms" else value
    owner, _, inner = name.rpartition(".")
    if owner:
        return Settings(retention=Retention(**{inner: value}))
    return Settings(**{name: value})


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize(
    "wrong",
    [-1, 1e308, math.inf, -math.inf, math.nan, 10**5_000, True, "7", [7]],
    ids=lambda wrong: repr(wrong) if wrong != 10**5_000 else "long",
)
def test_g8_no_number_is_without_sense(name: str, wrong: object) -> None:
    """G8: neither too much nor too little, nor another type; the error names it."""
    with pytest.raises(ConfigurationError, match=name.rpartition(".")[2]) as caught:
        with_value(name, wrong)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("name", LIMITS)
def test_g8_limits_are_inclusive(name: str) -> None:
    """G8: just past them is refused, they themselves are not."""
    limits = LIMITS[name]
    whole = not isinstance(getattr(Settings(), name, 0), float) and "seconds" not in name
    step = 1 if whole else 0.001
    for value, outward in ((limits.least, -step), (limits.most, step)):
        right = int(value) if whole else value
        with_value(name, right)
        with pytest.raises(ConfigurationError, match=re.escape(str(limits))):
            with_value(name, right + outward)


def test_g8_every_number_has_limits() -> None:
    """G8: a setting that is added cannot do without."""
    plain = msgspec.to_builtins(Settings())
    numbers = {name for name, value in plain.items() if _is_number(value)}
    numbers |= {f"retention.{name}" for name in plain["retention"]}
    assert set(LIMITS) == numbers


def _is_number(value: object) -> bool:
    each = value[0] if isinstance(value, (list, tuple)) else value
    return isinstance(each, (int, float)) and not isinstance(each, bool)


def test_the_bell_outlasts_the_longest_ping() -> None:
    """A stream that is silent for as long as the server may be is not taken for dead."""
    code = Path(alimi.__file__).with_name("client").joinpath("stream.js").read_text("utf-8")
    usual = re.search(r"options\.ping \|\| ([0-9_]+)", code)
    patience = re.search(r"setTimeout\(bark, this\.ping \* ([0-9.]+)\)", code)
    assert usual is not None
    assert patience is not None
    turn_of_the_wheel = 2
    watchdog = int(usual[1]) / 1_000 * float(patience[1])
    assert LIMITS["ping_seconds"].most + turn_of_the_wheel < watchdog

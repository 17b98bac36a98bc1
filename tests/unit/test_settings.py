"""Settings that cannot work, or would do harm, are refused where they are written."""

from __future__ import annotations

from typing import Any

import pytest

from alimi import Retention, Settings
from alimi.errors import ConfigurationError


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

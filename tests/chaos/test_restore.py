"""A backup that is older than what pages have seen is put in place."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.chaos.cluster import a_cluster
from tests.chaos.crowd import Crowd

#: Events before the backup, between it and the restore, and after.
SOME = 150


@pytest.mark.timeout(180)
async def test_g5_after_a_restore_every_page_is_told_and_agrees_with_the_inbox(
    tmp_path: Path,
) -> None:
    """G1, G5, G6: what is younger than the backup is gone, everywhere; nothing else is."""
    backup = tmp_path / "backup"
    async with a_cluster(tmp_path, "nats", seed=11) as cluster:
        crowd = Crowd(cluster, "restore", 11, people=4, workers=4)
        async with crowd:
            crowd.begin()
            await crowd.until_acknowledged(SOME)
            await crowd.rest()
            kept = set(crowd.checker.fates)
            await cluster.restart_around(partial(cluster.postgres.back_up, backup))
            await cluster.start_nodes()
            crowd.work()
            await crowd.until_acknowledged(2 * SOME)
            await crowd.rest()
            crowd.forget(set(crowd.checker.fates) - kept)
            await cluster.restart_around(partial(cluster.postgres.restore, backup))
            await cluster.renew_epoch()
            await cluster.start_nodes()
            crowd.work()
            await crowd.until_acknowledged(3 * SOME)
            await crowd.calm_down()
            findings = await crowd.judge()
        assert findings == [], "\n".join(map(str, findings[:20])) + cluster.logs()
        assert all(page.reader.resets for page in crowd.pages)

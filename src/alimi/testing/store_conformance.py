"""The tests that every store passes: inherit, say how a store is made, and run pytest.

class TestMyStore(StoreConformance):
    def make_store(self, place): ...
    def connect(self, place): ...
    def put_garbage(self, app): ...

`alimi.testing.stores.harness.StoreHarness` says what each has to do.
"""

from __future__ import annotations

from alimi.testing.stores.appending import AppendingTests
from alimi.testing.stores.applying import ApplyingTests
from alimi.testing.stores.feeding import FeedingTests
from alimi.testing.stores.marking import MarkingTests
from alimi.testing.stores.paging import PagingTests
from alimi.testing.stores.racing import RacingTests
from alimi.testing.stores.retracting import RetractingTests
from alimi.testing.stores.sweeping import SweepingTests
from alimi.testing.stores.within import WithinTests


class StoreConformance(
    AppendingTests,
    WithinTests,
    ApplyingTests,
    RetractingTests,
    FeedingTests,
    PagingTests,
    MarkingTests,
    SweepingTests,
    RacingTests,
):
    """The whole contract of `alimi.store`."""

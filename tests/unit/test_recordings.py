"""What runs a store's recording on an application's driver, blocking or awaited."""

from collections.abc import Sequence
from typing import Any

import pytest

from alimi.store import Recording, Rows, Statement, drive, drive_async


class Driver:
    """Answers each statement with its number, and fails at what it is told to."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, Sequence[Any]]] = []

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Rows:
        self.ran.append((sql, parameters))
        if sql == "fails":
            raise OSError("the connection is gone")
        return [(len(self.ran),)]

    async def awaited(self, sql: str, parameters: Sequence[Any] = ()) -> Rows:
        return self.execute(sql, parameters)


async def both(recording: Any, driver: Driver) -> None:
    """The same recording, once blocking and once awaited."""
    drive(recording(), driver.execute)
    await drive_async(recording(), driver.awaited)


async def test_statements_run_in_order_and_their_rows_come_back() -> None:
    """What a recording yields is run, and what it is sent are the rows of just that."""
    answers: list[Rows] = []

    def recording() -> Recording:
        answers.append((yield Statement("first", (1,))))
        answers.append((yield Statement("second")))

    driver = Driver()
    await both(recording, driver)
    assert driver.ran == [("first", (1,)), ("second", ())] * 2
    assert answers == [[(1,)], [(2,)], [(3,)], [(4,)]]


async def test_an_error_of_the_driver_may_be_translated() -> None:
    """It is thrown in where the statement was, so that the store can say what it means."""

    def recording() -> Recording:
        try:
            yield Statement("fails")
        except OSError as error:
            raise LookupError("translated") from error

    driver = Driver()
    with pytest.raises(LookupError, match="translated"):
        drive(recording(), driver.execute)
    with pytest.raises(LookupError, match="translated"):
        await drive_async(recording(), driver.awaited)


async def test_an_error_of_the_driver_passes() -> None:
    """What the recording does not know reaches the application as its driver raised it."""

    def recording() -> Recording:
        yield Statement("fails")
        yield Statement("never")

    driver = Driver()
    with pytest.raises(OSError, match="gone"):
        drive(recording(), driver.execute)
    with pytest.raises(OSError, match="gone"):
        await drive_async(recording(), driver.awaited)
    assert [sql for sql, _ in driver.ran] == ["fails", "fails"]

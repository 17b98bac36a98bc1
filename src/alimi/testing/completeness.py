"""A class of tests that says too little fails, instead of not being there."""

from __future__ import annotations

import pytest


class Complete:
    """What a subclass has to say is an `@abstractmethod`; each test fails while one is missing.

    Without ABC: pytest leaves out a class that is abstract to Python, and does not tell.
    """

    #: With any `asyncio_mode`.
    pytestmark = pytest.mark.asyncio

    @pytest.fixture(autouse=True)
    def _is_complete(self) -> None:
        own = type(self)
        lacks = [
            name for name in dir(own) if getattr(getattr(own, name), "__isabstractmethod__", False)
        ]
        if lacks:
            pytest.fail(f"{own.__name__} has to define {', '.join(lacks)}", pytrace=False)

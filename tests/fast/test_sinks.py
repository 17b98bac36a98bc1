"""What sinks share."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

from alimi.sinks import as_chunk

MINE, OTHER = b"data: mine\n\n", b"data: another's\n\n"


def test_a_chunk_is_made_once() -> None:
    """The same object goes to every reader; its length stands before it."""
    chunk = as_chunk(MINE)
    assert chunk == b"c\r\ndata: mine\n\n\r\n"
    assert as_chunk(MINE) is chunk


def test_the_loop_of_another_thread_puts_nothing_into_mine() -> None:
    """G7: what is kept for all readers may be replaced between any two lines."""

    def between_lines(frame: FrameType, event: str, argument: Any) -> Any:
        del argument
        if frame.f_code is as_chunk.__code__ and event == "line":
            as_chunk(OTHER)  # nothing is traced in here
        return between_lines

    before = sys.gettrace()
    sys.settrace(between_lines)
    try:
        chunk = as_chunk(MINE)
    finally:
        sys.settrace(before)
    assert MINE in chunk

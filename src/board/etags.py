"""Entity tags: If-Match for those who would rather know than overwrite, If-None-Match for those who
have it already.
"""

from __future__ import annotations

from board.problems import Problem

MAX_TAGS = 20


class Expected:
    """What the header asks for; no header asks for nothing."""

    def __init__(self, if_match: str | None) -> None:
        self._tags = None if if_match is None else _tags(if_match)

    def check(self, version: int) -> None:
        """412 unless this version is one of those expected."""
        if self._tags is not None and not {"*", etag(version)} & self._tags:
            raise Problem("changed_meanwhile", headers={"ETag": etag(version)})


def etag(version: int) -> str:
    """A card's entity tag: it changes with the card's own fields, not with its comments."""
    return f'"{version}"'


def is_known(if_none_match: str | None, tag: str) -> bool:
    """Whether the asker has it already; a proxy that compresses makes tags weak."""
    known = {each.removeprefix("W/") for each in _tags(if_none_match or "")}
    return bool({"*", tag} & known)


def _tags(header: str) -> set[str]:
    # A weak tag never matches here (RFC 9110, 13.1.1), so W/"3" may stay as it is.
    return {tag.strip() for tag in header.split(",")[:MAX_TAGS]}

"""The five kinds of notification that the board has, and their words.

The first language is the one for readers whose own is neither.  The card's title stands beside the
text in the bell; it comes from `object`.
"""

from __future__ import annotations

from dataclasses import dataclass

from alimi import Alimi, BoundKind

URL = "/cards/{object.id}"
CATEGORY = "cards"
TEXTS = {
    "assigned": {
        "ko": "카드의 담당자가 사용자님으로 변경되었습니다.",
        "en": "You are now the assignee of a card.",
    },
    "unassigned": {
        "ko": "더 이상 카드의 담당자가 아닙니다.",
        "en": "You are no longer the assignee of a card.",
    },
    "mentioned": {
        "ko": "{actor.name}님이 사용자님을 언급했습니다: {excerpt}",
        "en": "{actor.name} mentioned you: {excerpt}",
    },
    "commented": {
        "ko": "{actor.name}님이 댓글을 남겼습니다: {excerpt}",
        "en": "{actor.name} commented: {excerpt}",
    },
    "moved": {
        "ko": "{actor.name}님이 카드를 옮겼습니다: {from} → {to}",
        "en": "{actor.name} moved a card: {from} → {to}",
    },
}


@dataclass(frozen=True, slots=True)
class Kinds:
    """Registered once for an Alimi."""

    assigned: BoundKind
    unassigned: BoundKind
    mentioned: BoundKind
    commented: BoundKind
    moved: BoundKind

    @classmethod
    def register(cls, alimi: Alimi) -> Kinds:
        """Name them to Alimi: `card.assigned` and so on."""
        return cls(
            **{
                name: alimi.kind(f"card.{name}", category=CATEGORY, url=URL, text=text)
                for name, text in TEXTS.items()
            }
        )

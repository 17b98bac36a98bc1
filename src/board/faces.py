"""A round sign for each person, as a picture: what the bell shows beside a notification."""

from __future__ import annotations

from html import escape

#: Ground and ink, readable on light and dark alike; the same hues as `.tint-…` in board.css.
TINTS = (
    ("#dedbfc", "#373079"),
    ("#f8e0c8", "#6b3d0d"),
    ("#cfe8e4", "#14504a"),
    ("#d3e2f6", "#1d4479"),
    ("#f5d7e3", "#732a48"),
    ("#e4e8c8", "#454f14"),
    ("#ead9f4", "#562f73"),
    ("#f7d8d0", "#73291a"),
)

_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 72 72"><rect width="72" height="72" \
fill="{ground}"/><text x="36" y="37" fill="{ink}" font-family="system-ui, sans-serif" \
font-size="28" font-weight="650" text-anchor="middle" dominant-baseline="central">{text}</text>\
</svg>
"""


def address(user_id: int) -> str:
    """Where the picture is."""
    return f"/faces/{user_id}.svg"


def picture(user_id: int, name: str) -> str:
    """The picture itself."""
    ground, ink = TINTS[user_id % len(TINTS)]
    return _SVG.format(ground=ground, ink=ink, text=escape(initials(name)))


def initials(name: str) -> str:
    """Two characters that stand for a name: "ER", or "지우" of 김지우."""
    if not name.isascii() and " " not in name:
        return name[-2:]
    words = name.split()
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper()

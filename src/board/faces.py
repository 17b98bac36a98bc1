"""A round sign for each person, as a picture: what the bell shows beside a notification."""

from __future__ import annotations

from html import escape

#: One hue for each of `.tint-…` in board.css; ground and ink are mixed from it as there.
TINTS = (
    "#7a6ff0",
    "#d9822b",
    "#2f8f83",
    "#3f7fd0",
    "#c2517f",
    "#7f8f2f",
    "#9a5fc0",
    "#c0563f",
)

_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 72 72"><style>\
rect{{fill:color-mix(in oklab,{tint} 22%,#fffefb)}}\
text{{fill:color-mix(in oklab,{tint} 36%,#22251f)}}\
@media(prefers-color-scheme:dark){{\
rect{{fill:color-mix(in oklab,{tint} 22%,#262925)}}\
text{{fill:color-mix(in oklab,{tint} 36%,#e9e8e2)}}}}</style>\
<rect width="72" height="72" fill="{tint}"/><text x="36" y="37" fill="#fff" \
font-family="system-ui, sans-serif" font-size="28" font-weight="650" text-anchor="middle" \
dominant-baseline="central">{text}</text>\
</svg>
"""


def address(user_id: int) -> str:
    """Where the picture is."""
    return f"/faces/{user_id}.svg"


def picture(user_id: int, name: str) -> str:
    """The picture itself, which follows the reader's light or dark scheme."""
    return _SVG.format(tint=TINTS[user_id % len(TINTS)], text=escape(initials(name)))


def initials(name: str) -> str:
    """Two characters that stand for a name: "ER", or "지우" of 김지우."""
    if not name.isascii() and " " not in name:
        return name[-2:]
    words = name.split()
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper()

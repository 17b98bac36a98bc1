"""What the board says, in Korean and English.

The catalogues are JSON, so that the pages read the same ones; keys that begin with "ui." go there.
"""

from __future__ import annotations

import json
from importlib.resources import files

DEFAULT_LOCALE = "en"


def _load(locale: str) -> dict[str, str]:
    text = files("board").joinpath("catalogues", f"{locale}.json").read_text("utf-8")
    return {str(key): str(value) for key, value in json.loads(text).items()}


CATALOGUES = {locale: _load(locale) for locale in ("en", "ko")}


def say(locale: str, key: str, **fields: str | int) -> str:
    """One sentence; the templates are our own, only the fields come from outside."""
    return CATALOGUES[locale][key].format(**fields)


def for_pages(locale: str) -> dict[str, str]:
    """What a page needs."""
    catalogue = CATALOGUES[locale]
    return {
        key.removeprefix("ui."): text for key, text in catalogue.items() if key.startswith("ui.")
    }


def choose_locale(accept_language: str) -> str:
    """The first language of the header that we speak; its order is all that browsers vary."""
    for part in accept_language.split(",")[:20]:
        tag = part.split(";")[0].strip().lower().split("-")[0]
        if tag in CATALOGUES:
            return tag
    return DEFAULT_LOCALE

"""Which other sites may do what: the defence against cross-site writes, and CORS.

The defence is that of Go's `http.CrossOriginProtection`: it needs no token and no cookie flag,
because every current browser says with `Sec-Fetch-Site` or `Origin` where a request comes from.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from alimi.errors import ConfigurationError
from alimi.sparing import Sparing
from alimi.web.problems import Problem
from alimi.web.request import Request

logger = logging.getLogger("alimi.web")

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
#: What a page of another origin may read beside the body.
EXPOSED = "ETag, Retry-After"
#: How long a browser may remember a preflight, in seconds.
PREFLIGHT_SECONDS = "600"
_HEADER_LIST = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~, -]{1,1000}")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Origins:
    """The allow-list of other origins, by exact match."""

    def __init__(self, origins: Iterable[str]) -> None:
        if isinstance(origins, str):
            raise ConfigurationError("origins takes several origins: origins=['https://…']")
        self._allowed = frozenset(_checked(origin) for origin in origins)
        self._log = Sparing(logger, logging.INFO)

    def demand_own_site(self, request: Request) -> None:
        """Raise Problem 403 when a browser says that another site is behind this write."""
        if request.method in SAFE_METHODS or request.bearer is not None:
            # No other site can make a browser send a bearer token without a preflight's leave.
            return
        site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
        if site in {"same-origin", "none"} or origin in self._allowed:
            return
        if not site and (not origin or _host(origin) == request.headers.get("host", "").lower()):
            return
        stranger = origin or site
        self._log.say("origin", "alimi: refused a write from %.200r: not in origins=", stranger)
        raise Problem(
            "cross-site",
            "If this page belongs to you, add its origin to origins=; if a proxy changes Host, "
            "let it pass the original one.",
        )

    def headers(self, request: Request) -> dict[str, str]:
        """What any answer to this request says to the browser."""
        if not self._allowed:
            return {}
        origin = request.headers.get("origin")
        if origin not in self._allowed:
            return {"vary": "Origin"}
        return {
            "vary": "Origin",
            "access-control-allow-origin": origin,
            "access-control-allow-credentials": "true",
            "access-control-expose-headers": EXPOSED,
        }

    def preflight(self, request: Request, methods: Iterable[str]) -> dict[str, str]:
        """What OPTIONS answers beyond `headers`; nobody is asked who they are."""
        headers = {"allow": ", ".join(methods)}
        wanted = request.headers.get("access-control-request-method")
        if not wanted or request.headers.get("origin") not in self._allowed:
            return headers
        headers["access-control-allow-methods"] = headers["allow"]
        headers["access-control-max-age"] = PREFLIGHT_SECONDS
        asked = request.headers.get("access-control-request-headers", "")
        if _HEADER_LIST.fullmatch(asked):
            # An application's own token header cannot be known here; the origin is trusted already.
            headers["access-control-allow-headers"] = asked
        headers["vary"] = "Access-Control-Request-Headers"
        return headers


def _host(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None


def _checked(origin: str) -> str:
    if not isinstance(origin, str):
        raise ConfigurationError(f"{origin!r} is no origin")
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        raise ConfigurationError(f"{origin!r} is no origin") from None
    expected = f"{parts.scheme}://{parts.netloc}"
    is_plain = "@" not in origin and "*" not in origin and port != _DEFAULT_PORTS.get(parts.scheme)
    known = parts.scheme in _DEFAULT_PORTS and bool(parts.hostname)
    if not known or not is_plain or origin != expected.lower():
        raise ConfigurationError(
            f"{origin!r} is no origin as a browser sends it: https://host or https://host:8443, "
            "lower case, no path, no default port, no wildcard"
        )
    return origin

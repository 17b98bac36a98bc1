"""The browser's side, served from memory.

Every file revalidates (`no-cache` and a strong ETag).  The modules import each other by relative
names without a version, so a cached old one beside a new one would be a mixture that nobody tested;
asking costs a 304.  Only what was found when the application was built is ever served.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable

from alimi.web.answer import Answer
from alimi.web.request import Request
from alimi.web.router import Call, Handler, Media, Route

_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
#: Below this, headers cost more than compression saves.
_MIN_GZIP = 500


@dataclass(frozen=True, slots=True)
class File:
    """One file, as it is and compressed."""

    type: str
    plain: bytes
    packed: bytes | None
    tag: str

    @classmethod
    def of(cls, content: bytes, media: str) -> File:
        """Compress and tag it once."""
        packed = gzip.compress(content, 9, mtime=0) if len(content) >= _MIN_GZIP else None
        return cls(media, content, packed, hashlib.sha256(content).hexdigest()[:32])

    def answer(self, request: Request) -> Answer:
        """The file, or 304."""
        use_packed = self.packed is not None and _takes_gzip(request)
        tag = f'"{self.tag}-gz"' if use_packed else f'"{self.tag}"'
        headers = {
            "etag": tag,
            "cache-control": "no-cache",
            "vary": "Accept-Encoding",
            # Public code: a page under COEP on another, allowed origin may use it.
            "cross-origin-resource-policy": "cross-origin",
        }
        if _names(request.headers.get("if-none-match", ""), tag):
            return Answer(304, b"", headers)
        headers["content-type"] = self.type
        if use_packed and self.packed is not None:
            return Answer(200, self.packed, headers | {"content-encoding": "gzip"})
        return Answer(200, self.plain, headers)


def client_routes() -> list[Route]:
    """A route for each file of the client package, in folders too."""
    root = resources.files("alimi").joinpath("client")
    return [_route(path, File.of(found.read_bytes(), media)) for path, found, media in _walk(root)]


def serve(file: File) -> Handler:
    """A handler that answers with one file."""

    async def handle(call: Call) -> Answer:
        return file.answer(call.request)

    return handle


def _walk(folder: Traversable, prefix: str = "/") -> Iterator[tuple[str, Traversable, str]]:
    for found in sorted(folder.iterdir(), key=lambda each: each.name):
        if found.is_dir() and found.name.isidentifier():
            yield from _walk(found, f"{prefix}{found.name}/")
        for ending, media in _TYPES.items():
            if found.is_file() and found.name.endswith(ending):
                yield prefix + found.name, found, media


def _route(path: str, file: File) -> Route:
    return Route(
        method="GET",
        path=path,
        handle=serve(file),
        door="open",
        name="client" + path.replace("/", "-").replace(".", "-"),
        summary=f"The browser's module {path[1:]}.",
        gives={200: Media(type=file.type.partition(";")[0], description="The module.")},
    )


def _names(header: str, tag: str) -> bool:
    given = [each.strip().removeprefix("W/") for each in header.split(",")]
    return tag in given or "*" in given


def _takes_gzip(request: Request) -> bool:
    for part in request.headers.get("accept-encoding", "").lower().split(","):
        name, _, weight = part.partition(";")
        if name.strip() == "gzip":
            return weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False

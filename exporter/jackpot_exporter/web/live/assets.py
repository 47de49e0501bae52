"""The page's own files, read once and sent from memory. Their names are those of the package: no path is looked up."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from importlib.resources import files

from aiohttp import web

from ..negotiation import accepts_gzip

_TYPES = {
    "index.html": "text/html",
    "page.css": "text/css",
    "page.js": "text/javascript",
    "draw.js": "text/javascript",
    "words.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent."""

    content_type: str
    body: bytes
    gzipped: bytes
    tag: str

    def answer(self, request: web.Request) -> web.Response:
        """The file; 304 when the other side has it already."""
        headers = {
            "Cache-Control": "private, no-cache",  # kept, and asked after each time: an upgrade shows at once
            "Content-Security-Policy": _POLICY,
            "ETag": f'"{self.tag}"',
            "Vary": "Accept-Encoding",
        }
        if any(known.value in (self.tag, "*") for known in request.if_none_match or ()):
            return web.Response(status=304, headers=headers)
        if accepts_gzip(request.headers.get("Accept-Encoding", "")):
            headers["Content-Encoding"] = "gzip"
            return web.Response(body=self.gzipped, content_type=self.content_type, charset="utf-8", headers=headers)
        return web.Response(body=self.body, content_type=self.content_type, charset="utf-8", headers=headers)


def load_assets(metrics_path: str) -> Mapping[str, Asset]:
    """All files by name; in the page stands where the metrics are."""
    folder = files(__package__).joinpath("page")
    texts = {name: folder.joinpath(name).read_bytes() for name in _TYPES}
    link = escape(metrics_path.lstrip("/"), quote=True).encode()
    texts["index.html"] = texts["index.html"].replace(b"{{metrics}}", link)
    return {name: _asset(_TYPES[name], text) for name, text in texts.items()}


def _asset(content_type: str, body: bytes) -> Asset:
    return Asset(content_type, body, gzip.compress(body, mtime=0), sha256(body).hexdigest()[:16])

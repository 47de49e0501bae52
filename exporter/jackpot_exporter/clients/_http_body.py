"""Reads the body of an answer that may be endless or a compression bomb, in bounded memory."""

from __future__ import annotations

import zlib

import aiohttp

from ..errors import BadDataError

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


async def read_body(answer: aiohttp.ClientResponse, max_bytes: int, *, keep: bool) -> tuple[bytes, int]:
    """The body as it came (nothing unless it is to be kept) and its length; BadDataError beyond `max_bytes`."""
    parts: list[bytes] = []
    size = 0
    async for part in answer.content.iter_any():
        size += len(part)
        if size > max_bytes:
            raise BadDataError(f"the answer is longer than {max_bytes} bytes")
        if keep:
            parts.append(part)
    return b"".join(parts), size


def decoded(body: bytes, encoding: str, max_bytes: int) -> bytes:
    """The body without its compression; BadDataError when it is broken, unknown or longer than `max_bytes`."""
    if encoding.lower() in ("", "identity"):
        return body
    if encoding.lower() not in ("gzip", "x-gzip", "deflate"):
        raise BadDataError(f"the answer is compressed with {encoding[:20]!r}, which nobody asked for")
    inflater = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        text = inflater.decompress(body, max_bytes + 1)
    except zlib.error:
        raise BadDataError("the answer is not compressed as it says") from None
    if len(text) > max_bytes:
        raise BadDataError(f"the answer is longer than {max_bytes} bytes when unpacked")
    if not inflater.eof:
        raise BadDataError("the compressed answer ends too early")
    return text

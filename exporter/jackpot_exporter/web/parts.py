"""A body in parts that are sent one after another, each when the one before is on its way."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import payload
from aiohttp.abc import AbstractStreamWriter


class Parts(payload.Payload):
    """Megabytes as they lie in memory: not copied together, and not handed to the socket at once."""

    _value: Sequence[bytes]

    def __init__(self, parts: Sequence[bytes]) -> None:
        super().__init__(parts)
        self._size = sum(map(len, parts))

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return b"".join(self._value).decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        for part in self._value:
            await writer.write(part)

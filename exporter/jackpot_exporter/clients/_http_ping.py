"""A ping over a WebSocket: that it was opened shows only that a server is there, not that anybody behind it answers."""

from __future__ import annotations

from secrets import token_bytes
from time import perf_counter

import aiohttp

from ..errors import BadDataError, RefusedError

_MESSAGES_MAX = 1000


async def ping(connection: aiohttp.ClientWebSocketResponse) -> float:
    """The round trip of a ping, whatever else the server has to say meanwhile."""
    mark = token_bytes(8)
    started = perf_counter()
    await connection.ping(mark)
    for _ in range(_MESSAGES_MAX):
        message = await connection.receive()
        if message.type is aiohttp.WSMsgType.PONG and bytes(message.data) == mark:
            return perf_counter() - started
        if message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED):
            raise RefusedError("the server closed the WebSocket before it answered the ping")
        if message.type is aiohttp.WSMsgType.ERROR:
            raise BadDataError("the server does not speak WebSocket")
    raise BadDataError(f"the server sent {_MESSAGES_MAX} messages and no answer to the ping")

"""A real HTTP server on 127.0.0.1 that answers what a test tells it to, decently or not."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Answering:
    """A running server; `requests` holds the head of each request that came."""

    port: int
    scheme: str
    handler: Handler
    requests: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.scheme}://localhost:{self.port}/health"

    def say(self, answer: bytes) -> None:
        """From now on answer these bytes and close."""
        self.handler = saying(answer)


def http(body: bytes, status: int = 200, content_type: str = "application/json", *headers: str) -> bytes:
    """The bytes of a whole answer."""
    lines = [f"HTTP/1.1 {status} Said", f"Content-Type: {content_type}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body


def saying(answer: bytes) -> Handler:
    async def handle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    return handle


def endless(head: bytes, piece: bytes, pause_seconds: float = 0.0) -> Handler:
    """Says `head`, and then `piece` until the client leaves."""

    async def handle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while not writer.is_closing():
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause_seconds)

    return handle


@asynccontextmanager
async def answering(handler: Handler | bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[Answering]:
    """The server, while the block runs."""
    running = Answering(0, "https" if tls else "http", saying(handler) if isinstance(handler, bytes) else handler)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            running.requests.append(head.decode())
            await running.handler(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    running.port = server.sockets[0].getsockname()[1]
    try:
        yield running
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

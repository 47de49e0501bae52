"""Puts TLS in front of a server that speaks without: what a test may do to its certificate at any time."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress

from harness.proxy import FaultProxy


class TlsFront(FaultProxy):
    """A proxy whose clients speak TLS; with `asks_first` they ask for it as PostgreSQL's do."""

    def __init__(self, target_port: int, context: ssl.SSLContext, *, asks_first: bool = False) -> None:
        super().__init__(target_port)
        self._context = context
        self._asks_first = asks_first

    def show(self, context: ssl.SSLContext) -> None:
        """From now on show this certificate; ends the connections that are open."""
        self._context = context
        self.sever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self._asks_first:
                await reader.readexactly(8)
                writer.write(b"S")
            await writer.start_tls(self._context)
        except (OSError, EOFError):
            writer.transport.abort()
            return
        with suppress(OSError):
            await super()._serve(reader, writer)

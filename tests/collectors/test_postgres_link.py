"""A connection that is given up in time, whatever the server does meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from harness.proxy import FaultProxy
from jackpot_exporter.clients._postgres_link import Connection, Link
from jackpot_exporter.config import PostgresSource
from jackpot_exporter.demo.servers import PostgresServer
from jackpot_exporter.errors import SourceTimeoutError


async def test_a_server_that_falls_silent_after_the_login_is_left_at_the_deadline(
    postgres: PostgresServer, proxy_to: Callable[[int], FaultProxy]
) -> None:
    proxy = proxy_to(postgres.port)

    async def fall_silent(connection: Connection) -> None:
        proxy.mute()
        await connection.execute("select 1")

    dsn = f"postgresql://postgres@127.0.0.1:{proxy.port}/postgres"
    link = Link(PostgresSource(dsn=dsn, connect_timeout=0.3), "test", 10.0, fall_silent)
    async with asyncio.timeout(3):  # psycopg would go on for ten seconds, asking the mute server to cancel
        with pytest.raises(SourceTimeoutError, match="no connection within"):
            async with link.turn():
                pass

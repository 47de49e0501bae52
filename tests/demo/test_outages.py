"""The simulated service says that a dependency is gone, goes on, and notices its return."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from harness.jackpot import Client, has_status, log_entries
from harness.waiting import eventually_async
from jackpot_exporter.demo.servers import PostgresServer, RedisServer
from jackpot_exporter.demo.service import JackpotService, ServiceSettings


@pytest.fixture
def fragile(settings: ServiceSettings, postgres_server: PostgresServer, private_redis: RedisServer) -> ServiceSettings:
    """A service on servers that may be hurt."""
    return replace(settings, database_url=postgres_server.dsn, redis_url=private_redis.url)


async def test_stopped_cache_degrades_and_comes_back(
    fragile: ServiceSettings, private_redis: RedisServer, session: aiohttp.ClientSession
) -> None:
    async with JackpotService(fragile) as service:
        client = Client(service, session)
        assert await has_status(client, 200, "healthy")

        await asyncio.to_thread(private_redis.stop)
        assert await has_status(client, 200, "degraded")
        assert (await client.get("/api/jackpot/pools")).status == 200

        await asyncio.to_thread(private_redis.start)
        await eventually_async(lambda: has_status(client, 200, "healthy"))


async def test_stopped_database_is_unhealthy_and_comes_back(
    fragile: ServiceSettings, postgres_server: PostgresServer, session: aiohttp.ClientSession, log_file: Path
) -> None:
    async with JackpotService(fragile) as service:
        client = Client(service, session)
        await asyncio.gather(*(client.get("/health") for _ in range(10)))  # leaves idle connections behind

        await asyncio.to_thread(postgres_server.shut_down)
        assert await has_status(client, 503, "unhealthy")
        assert (await client.contribute()).status == 503
        assert log_entries(log_file)[-1]["metadata"]["errorType"] == "database"
        database = await client.get("/health/database")
        assert (database.status, database.body["connection"]["status"]) == (503, "disconnected")
        assert (await client.get("/metrics")).status == 200

        await asyncio.to_thread(postgres_server.start)
        assert (await client.contribute()).status == 200
        assert await has_status(client, 200, "degraded")  # one contribution of two failed a moment ago


async def test_frozen_database_costs_no_more_than_the_deadline(
    fragile: ServiceSettings, postgres_server: PostgresServer, session: aiohttp.ClientSession
) -> None:
    async with JackpotService(fragile) as service:
        client = Client(service, session)
        await client.contribute()

        await asyncio.to_thread(postgres_server.pause)
        try:
            async with asyncio.timeout(3):
                answer = await client.get("/health/database")
        finally:
            await asyncio.to_thread(postgres_server.resume)

        assert (answer.status, answer.body["connection"]["status"]) == (503, "timeout")
        await eventually_async(lambda: has_status(client, 200, "healthy"), within=30)


async def test_service_starts_without_its_database(
    fragile: ServiceSettings, postgres_server: PostgresServer, session: aiohttp.ClientSession
) -> None:
    await asyncio.to_thread(postgres_server.shut_down)
    starting = JackpotService(fragile)
    entering = asyncio.create_task(starting.__aenter__())
    try:
        client = Client(starting, session)
        await eventually_async(lambda: has_status(client, 503, "unhealthy"))

        await asyncio.to_thread(postgres_server.start)

        await entering
        await eventually_async(lambda: has_status(client, 200, "healthy"))
        assert (await client.contribute()).status == 200
    finally:
        await starting.__aexit__(None, None, None)

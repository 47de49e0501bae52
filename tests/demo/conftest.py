"""A simulated service on a database of the test's own, and a way to speak with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from harness.jackpot import Client, Database
from jackpot_exporter.demo.servers import RedisServer
from jackpot_exporter.demo.service import JackpotService, ServiceSettings


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    return tmp_path / "application.log"


@pytest.fixture
def settings(database: Database, redis_server: RedisServer, log_file: Path) -> ServiceSettings:
    return ServiceSettings(database.dsn, redis_server.url, log_file)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def client(settings: ServiceSettings, session: aiohttp.ClientSession) -> AsyncIterator[Client]:
    """Speaks with a service on shared servers."""
    async with JackpotService(settings) as service:
        yield Client(service, session)

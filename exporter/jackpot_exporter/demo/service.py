"""The simulated jackpot service: the API on one port, its health on another, both as the runbook describes them.

    python -m jackpot_exporter.demo.service --database-url postgresql://... --redis-url redis://... --log-file F

It really keeps its pools in PostgreSQL and its cache in Redis, starts and goes on without either, and is told its
faults at POST /demo/fault on the health port, from this machine only. It must know nothing of the exporter.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
from aiohttp import web

from .api import Api
from .cache import PoolCache
from .connections import Connections, PoolTimeoutError
from .deadline import within
from .faults import Fault, FaultSwitch
from .health import About, Health
from .injection import restore_negative
from .journal import Journal
from .measurements import Measurements
from .operations import Operations
from .store import Store

_PREPARE_SECONDS = 5.0
_PREPARE_AGAIN_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """Where the service finds its parts and listens; port 0 takes a free one."""

    database_url: str
    redis_url: str
    log_file: Path
    host: str = "127.0.0.1"
    port: int = 0
    health_port: int = 0
    version: str = "2.0.0"
    environment: str = "demo"
    backup_dir: Path | None = None


class JackpotService:
    """The running service: `async with JackpotService(settings) as service`. Faults are undone when it stops."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._settings = settings
        active: set[Fault] = set()
        self.measurements = Measurements()
        self._connections = Connections(settings.database_url)
        self._cache = PoolCache(settings.redis_url)
        self._journal = Journal(settings.log_file)
        self.store = Store(self._connections)
        self._operations = Operations(self.store, self._cache, self._journal, self.measurements, active)
        self._faults = FaultSwitch(active, self._connections, self._operations.save_unchanged)
        about = About(settings.version, settings.environment, settings.backup_dir)
        self._health = Health(about, self.store, self._cache, self.measurements, active)
        self._runners: list[web.AppRunner] = []
        self._preparation: asyncio.Task[None] | None = None
        self.url = ""
        self.health_url = ""

    async def __aenter__(self) -> Self:
        """Listening, and the tables made if the database answers within seconds."""
        api = Api(self._operations, self._health, self._faults, self.measurements)
        self.url = await self._listen(api.application(), self._settings.port)
        self.health_url = await self._listen(api.health_application(), self._settings.health_port)
        self._preparation = asyncio.create_task(self._prepare())
        await asyncio.wait({self._preparation}, timeout=_PREPARE_SECONDS)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._preparation:
            self._preparation.cancel()
        for runner in self._runners:
            await runner.cleanup()
        await self._faults.close()
        await self._connections.close()
        await self._cache.close()
        self._journal.close()

    async def switch(self, fault: Fault, *, on: bool) -> None:
        """As POST /demo/fault does."""
        await self._faults.switch(fault, on=on)

    def addresses(self) -> dict[str, str]:
        return {"url": self.url, "healthUrl": self.health_url, "logFile": str(self._settings.log_file)}

    async def _prepare(self) -> None:
        while True:
            try:
                await within(_PREPARE_SECONDS, self.store.prepare())
                await within(_PREPARE_SECONDS, restore_negative(self._connections))
            except (psycopg.Error, PoolTimeoutError, TimeoutError):
                await asyncio.sleep(_PREPARE_AGAIN_SECONDS)
            else:
                return

    async def _listen(self, application: web.Application, port: int) -> str:
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=2)
        await runner.setup()
        self._runners.append(runner)
        await web.TCPSite(runner, self._settings.host, port).start()
        host, bound = runner.addresses[0][:2]
        return f"http://{host}:{bound}"


async def _serve(settings: ServiceSettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with JackpotService(settings) as service:
        sys.stdout.write(json.dumps(service.addresses()) + "\n")
        sys.stdout.flush()
        await stop.wait()


def _settings(arguments: list[str] | None) -> ServiceSettings:
    parser = argparse.ArgumentParser(prog="jackpot-service", description="The simulated jackpot service.")
    parser.add_argument("--database-url", required=True)
    parser.add_argument("--redis-url", required=True)
    parser.add_argument("--log-file", required=True, type=Path)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="of the API (3000 in the runbook); 0 takes a free one")
    parser.add_argument("--health-port", type=int, default=0, help="3001 in the runbook; 0 takes a free one")
    parser.add_argument("--version", default="2.0.0", help="the version the service says it has")
    parser.add_argument("--environment", default="demo")
    parser.add_argument("--backup-dir", type=Path)
    return ServiceSettings(**vars(parser.parse_args(arguments)))


def main(arguments: list[str] | None = None) -> None:
    asyncio.run(_serve(_settings(arguments)))


if __name__ == "__main__":
    main()

"""The process that a simulated system lives in: its metrics, its health, its faults, and its traffic on the database.

    python -m jackpot_exporter.demo.system_service poker --port N --database-url ... --redis-url ... --log-file F

GET /metrics, /health and /services/NAME/health, and POST /demo/fault with {"name": ..., "on": true}, from this machine
only. It starts and goes on without its database, as services should, and must know nothing of the exporter.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
from aiohttp import web
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from redis.asyncio import Redis
from redis.exceptions import RedisError

from .loopback import require_loopback
from .simulation import Simulation, System, World, systems
from .systemlog import SystemLog

_TICK_SECONDS = 0.2
_AGAIN_SECONDS = 0.5
_VERSION = "3.1.0"

Connection = psycopg.AsyncConnection[Any]


class SystemService:
    """One running system."""

    def __init__(self, system: System, database_url: str, redis_url: str, log_file: Path) -> None:
        self._system = system
        self._database_url = database_url
        registry = CollectorRegistry()
        started = Gauge("process_start_time_seconds", "When the process started.", registry=registry)
        started.set_to_current_time()
        self._started = time.time()
        self._log = SystemLog(log_file, system.name)
        self._cache = Redis.from_url(redis_url, socket_timeout=2)
        self._world = World(registry, self._log, self._cache)
        self._simulation: Simulation = system.simulation(self._world)
        self._connection: Connection | None = None
        self._turn = asyncio.Lock()

    def application(self) -> web.Application:
        application = web.Application()
        application.router.add_get("/metrics", self._metrics)
        application.router.add_get("/health", self._health)
        application.router.add_get("/services/{name}/health", self._service_health)
        application.router.add_post("/demo/fault", self._fault)
        return application

    async def live(self) -> None:
        """Until cancelled; whatever happens to the database or the cache."""
        last = time.monotonic()
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            now = time.monotonic()
            try:
                async with self._turn:
                    await self._simulation.tick(await self._connected(), min(now - last, 2.0))
            except (psycopg.Error, RedisError, OSError) as error:
                self._log.write("error", f"the system is in trouble: {type(error).__name__}")
                await self._disconnect()
                await asyncio.sleep(_AGAIN_SECONDS)
            last = now

    async def close(self) -> None:
        await self._disconnect()
        await self._cache.aclose()
        self._log.close()

    async def _connected(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = await psycopg.AsyncConnection.connect(
                self._database_url, autocommit=True, connect_timeout=3, application_name=f"{self._system.name}-service"
            )
            await self._connection.execute(self._system.schema)
            await self._simulation.begin(self._connection)
        return self._connection

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error):
                await connection.close()

    async def _metrics(self, _request: web.Request) -> web.Response:
        body = generate_latest(self._world.registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _health(self, _request: web.Request) -> web.Response:
        if not self._simulation.is_up():
            raise web.HTTPServiceUnavailable
        checks = {
            name: {"status": "healthy" if up else "unhealthy", "responseTime": 3 if up else 5000}
            for name, up in self._simulation.health().items()
        }
        is_well = self._simulation.is_healthy()
        document = {
            "status": "healthy" if is_well else "unhealthy",
            "version": _VERSION,
            "environment": "demo",
            "uptime": time.time() - self._started,
            "checks": checks,
            **self._simulation.particulars(),
        }
        return web.json_response(document, status=200 if is_well else 503)

    async def _service_health(self, request: web.Request) -> web.Response:
        states = self._simulation.service_health()
        if request.match_info["name"] not in states:
            raise web.HTTPNotFound
        is_well = states[request.match_info["name"]]
        return web.json_response({"status": "healthy" if is_well else "unhealthy"}, status=200 if is_well else 503)

    async def _fault(self, request: web.Request) -> web.Response:
        require_loopback(request)
        order = await request.json()
        if order["name"] not in self._system.faults:
            raise web.HTTPNotFound(text=f"faults are {', '.join(self._system.faults)}")
        if order["on"]:
            self._world.active.add(order["name"])
        elif order["name"] in self._world.active:
            async with self._turn:
                self._world.active.discard(order["name"])
                await self._simulation.undo(await self._connected(), order["name"])
        return web.json_response({"active": sorted(self._world.active)})


async def _serve(arguments: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    system = systems()[arguments.system]
    service = SystemService(system, arguments.database_url, arguments.redis_url, arguments.log_file)
    runner = web.AppRunner(service.application(), access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, arguments.host, arguments.port).start()
    life = asyncio.create_task(service.live())
    ended = asyncio.create_task(stop.wait())
    await asyncio.wait({life, ended}, return_when=asyncio.FIRST_COMPLETED)
    life.cancel()
    results = await asyncio.gather(life, return_exceptions=True)
    await runner.cleanup()
    await service.close()
    for result in results:
        if isinstance(result, Exception):  # a bug of the simulation ends it, visibly
            raise result


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="system-service", description="A simulated system.")
    parser.add_argument("system", choices=list(systems()))
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--database-url", required=True)
    parser.add_argument("--redis-url", required=True)
    parser.add_argument("--log-file", type=Path, required=True)
    asyncio.run(_serve(parser.parse_args(arguments)))


if __name__ == "__main__":
    main(sys.argv[1:])

"""The JSON documents: the guide's shapes, real values, null for what is not known."""

from __future__ import annotations

import json
import urllib.error
from collections.abc import Iterator
from typing import Any

import pytest

from harness.exporter import ExporterProcess
from harness.waiting import eventually
from jackpot_exporter.demo.programs import ServiceProcess, TrafficProcess, fetch
from jackpot_exporter.demo.servers import PostgresServer, RedisServer

HEALTH = {
    "status": str, "timestamp": str, "uptime": float, "version": str, "environment": str,
    "checks": {
        "database": {
            "status": str, "responseTime": float, "lastCheck": str,
            "details": {"connectionPool": {"total": float, "active": float, "idle": float, "waiting": float}},
        },
        "jackpotService": {
            "status": str, "responseTime": float, "lastCheck": str,
            "details": {"lastContribution": str, "activePools": float},
        },
        "cache": {
            "status": str, "responseTime": float, "lastCheck": str,
            "details": {"hitRate": float, "memoryUsage": str},
        },
        "externalServices": {
            "status": str, "responseTime": float, "lastCheck": str,
            "details": {"services": {"paymentGateway": str, "userService": str, "gameEngine": str}},
        },
    },
    "metrics": {"requestsPerSecond": float, "averageResponseTime": float, "errorRate": float, "activeUsers": float},
}  # fmt: skip
DATABASE = {
    "status": str,
    "connection": {
        "status": str, "responseTime": float,
        "poolStats": {"total": float, "active": float, "idle": float, "waiting": float, "max": float},
    },
    "performance": {"queryTime": float, "slowQueries": float, "cacheHitRate": float},
    "integrity": {"jackpotTableAccessible": bool, "constraintViolations": float, "lastBackup": str},
    "alerts": list,
}  # fmt: skip
POOL = {
    "status": str, "currentAmount": float, "totalContributions": float, "totalWins": float, "lastUpdate": str,
    "version": float,
}  # fmt: skip
OPERATION = {"status": str, "successRate": float, "averageTime": float, "lastOperation": str}
JACKPOT = {
    "status": str,
    "pools": {"minor": POOL, "major": POOL, "mega": POOL},
    "operations": {"contributions": OPERATION, "wins": OPERATION},
    "performance": {"averageResponseTime": float, "throughputPerSecond": float, "errorRate": float},
    "lastActivity": {"lastContribution": str, "lastWin": str, "lastConfigChange": str},
}
TIMES = {"average": float, "p50": float, "p95": float, "p99": float}
METRICS = {
    "timestamp": str, "uptime": float,
    "response_times": {"contribution": TIMES, "win": TIMES, "poolQuery": TIMES},
    "throughput": {"contributionsPerSecond": float, "winsPerMinute": float, "totalRequests": float},
    "errors": {"errorRate": float, "timeoutRate": float, "totalErrors": float, "errorTypes": dict},
    "resources": {
        "memoryUsageMB": float, "cpuUsagePercent": float, "databaseConnections": float, "cacheHitRate": float,
    },
    "business": {
        "totalJackpotAmount": float, "activeUsers": float, "jackpotGrowthRate": float, "dailyContributions": float,
    },
}  # fmt: skip


def misfits(document: Any, shape: Any, at: str = "") -> list[str]:
    """Where a document has other keys than the shape, or values of another type that are not null."""
    if isinstance(shape, dict):
        if not isinstance(document, dict):
            return [f"{at}: {document!r} is no object"]
        wrong = [f"{at}.{key}" for key in document.keys() ^ shape.keys()]
        return wrong + [
            m for key in document.keys() & shape.keys() for m in misfits(document[key], shape[key], f"{at}.{key}")
        ]
    wanted = (int, float) if shape is float else shape
    return [] if document is None or isinstance(document, wanted) else [f"{at}: {document!r} is no {shape.__name__}"]


def nulls(document: Any, at: str = "") -> set[str]:
    if isinstance(document, dict):
        return {n for key, value in document.items() for n in nulls(value, f"{at}.{key}")}
    return {at} if document is None else set()


def ask(exporter: ExporterProcess, path: str, accept: str = "*/*") -> tuple[int, Any]:
    try:
        return 200, json.loads(exporter.get(path, {"Accept": accept}))
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def throughput(exporter: ExporterProcess) -> Any:
    return ask(exporter, "/metrics", "application/json")[1]["throughput"]


@pytest.fixture
def servers(postgres_server: PostgresServer, private_redis: RedisServer) -> tuple[PostgresServer, RedisServer]:
    postgres_server.execute("create extension pg_stat_statements")
    return postgres_server, private_redis


@pytest.fixture
def exporter(servers: tuple[PostgresServer, RedisServer]) -> Iterator[ExporterProcess]:
    """Watches the simulated service under traffic."""
    postgres, redis = servers
    with ServiceProcess(postgres.dsn, redis.url) as service, TrafficProcess(service.url, 40, 0.1):
        settings = {
            "interval": "1s",
            "state_dir": str(service.folder),
            "postgres": {"dsn": postgres.dsn, "statements": {"interval": "1s"}, "activity": {"interval": "1s"}},
            "redis": {"url": redis.url},
            "service": {"health_url": f"{service.health_url}/health", "metrics_url": f"{service.health_url}/metrics"},
            "logs": [{"path": str(service.log_file)}],
        }
        with ExporterProcess(settings) as process:
            eventually(lambda: process.get("/-/ready"), within=20)
            counted = {"operation": "win", "outcome": "success"}
            eventually(lambda: process.value("jackpot_operations_total", **counted) is not None, within=20)
            body = b'{"gameId":"g","userId":"u","group":"minor"}'
            fetch(f"{service.url}/api/jackpot/win", {"Content-Type": "application/json"}, body)
            eventually(lambda: throughput(process)["winsPerMinute"], within=20)
            yield process


@pytest.mark.parametrize(
    ("path", "shape", "unknown"),
    [
        pytest.param("/health", HEALTH, {".checks.externalServices.responseTime"}, id="health"),
        pytest.param(
            "/health/database",
            DATABASE,
            {".alerts", ".integrity.lastBackup", ".connection.poolStats.max"},
            id="database",
        ),
        pytest.param("/health/jackpot", JACKPOT, {".lastActivity.lastConfigChange"}, id="jackpot"),
        pytest.param("/metrics", METRICS, {".resources.cpuUsagePercent", ".resources.memoryUsageMB"}, id="metrics"),
    ],
)
def test_shapes_and_values(exporter: ExporterProcess, path: str, shape: Any, unknown: set[str]) -> None:
    status, document = ask(exporter, path, "application/json" if path == "/metrics" else "*/*")

    assert status == 200
    assert misfits(document, shape) == []
    assert nulls(document) <= unknown


def test_they_say_what_prometheus_sees(exporter: ExporterProcess, servers: tuple[PostgresServer, RedisServer]) -> None:
    _, document = ask(exporter, "/metrics", "application/json")

    assert 15 < document["throughput"]["contributionsPerSecond"] < 60
    assert 0.02 < document["errors"]["errorRate"] < 0.3
    times = document["response_times"]["contribution"]
    assert 0 < times["p50"] <= times["p95"] <= times["p99"] < 1000
    amounts = servers[0].execute("select sum(current_amount) from jackpots")[0][0]
    assert document["business"]["totalJackpotAmount"] == pytest.approx(float(amounts), rel=0.01)


def test_a_database_that_is_down_is_unhealthy_by_503(
    exporter: ExporterProcess, servers: tuple[PostgresServer, RedisServer]
) -> None:
    servers[0].shut_down()

    _, document = eventually(lambda: (found := ask(exporter, "/health/database"))[0] == 503 and found, within=15)  # type: ignore[misc]

    assert document["status"] == "unhealthy"
    assert document["connection"]["status"] in ("disconnected", "timeout")
    eventually(lambda: ask(exporter, "/health")[1]["checks"]["database"]["status"] == "down", within=15)
    assert ask(exporter, "/status")[0] == 503


def test_a_cache_that_is_down_is_degraded(
    exporter: ExporterProcess, servers: tuple[PostgresServer, RedisServer]
) -> None:
    assert ask(exporter, "/status")[1]["status"] in ("ok", "degraded")

    servers[1].stop()

    eventually(lambda: ask(exporter, "/health")[1]["checks"]["cache"]["status"] == "down", within=15)
    status, document = ask(exporter, "/health")
    assert (status, document["status"]) == (200, "degraded")


def test_nothing_known_is_null_and_not_healthy() -> None:
    with ExporterProcess({"host": {}}) as process:
        status, document = ask(process, "/health")

    assert status == 503
    assert document["status"] is None
    assert document["checks"]["database"]["status"] is None
    assert misfits(document, {**HEALTH, "checks": dict}) == []

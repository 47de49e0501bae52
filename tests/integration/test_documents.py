"""The JSON documents: the guide's shapes, real values, null for what is not known."""

from __future__ import annotations

import json
import urllib.error
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import Database
from harness.exporter import ExporterProcess
from harness.waiting import eventually
from jackpot_exporter.demo.programs import ServiceProcess, TrafficProcess, fetch
from jackpot_exporter.demo.servers import (
    AlertmanagerServer,
    PostgresServer,
    PrometheusServer,
    RedisServer,
    free_port,
)

SCHEMA = files("jackpot_exporter.demo").joinpath("schema.sql").read_text()

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
            eventually(lambda: process.get("/-/ready"), within=40)
            counted = {"operation": "win", "outcome": "success"}
            eventually(lambda: process.value("jackpot_operations_total", **counted) is not None, within=40)
            body = b'{"gameId":"g","userId":"u","group":"minor"}'
            fetch(f"{service.url}/api/jackpot/win", {"Content-Type": "application/json"}, body)
            eventually(lambda: throughput(process)["winsPerMinute"], within=40)
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
    accept = "application/json" if path == "/metrics" else "*/*"
    eventually(lambda: nulls(ask(exporter, path, accept)[1]) <= unknown, within=30)

    status, document = ask(exporter, path, accept)

    assert status == 200
    assert misfits(document, shape) == []


def test_they_say_what_prometheus_sees(exporter: ExporterProcess, servers: tuple[PostgresServer, RedisServer]) -> None:
    def document_about(part: str) -> Any:
        return ask(exporter, "/metrics", "application/json")[1][part]

    # Both settle with the number of contributions: chance is on no side for long.
    eventually(lambda: 15 < document_about("throughput")["contributionsPerSecond"] < 60)
    eventually(lambda: 0.02 < document_about("errors")["errorRate"] < 0.3)
    _, document = ask(exporter, "/metrics", "application/json")
    times = document["response_times"]["contribution"]
    assert 0 < times["p50"] <= times["p95"] <= times["p99"] < 30_000
    amounts = servers[0].execute("select sum(current_amount) from jackpots")[0][0]
    assert document["business"]["totalJackpotAmount"] == pytest.approx(float(amounts), rel=0.01)


def test_a_database_that_is_down_is_unhealthy_by_503(
    exporter: ExporterProcess, servers: tuple[PostgresServer, RedisServer]
) -> None:
    servers[0].shut_down()

    _, document = eventually(lambda: (found := ask(exporter, "/health/database"))[0] == 503 and found, within=30)  # type: ignore[misc]

    assert document["status"] == "unhealthy"
    assert document["connection"]["status"] in ("disconnected", "timeout")
    eventually(lambda: ask(exporter, "/health")[1]["checks"]["database"]["status"] == "down", within=30)
    assert ask(exporter, "/status")[0] == 503


def test_a_cache_that_is_down_is_degraded(
    exporter: ExporterProcess, servers: tuple[PostgresServer, RedisServer]
) -> None:
    assert ask(exporter, "/status")[1]["status"] in ("ok", "degraded")

    servers[1].stop()

    eventually(lambda: ask(exporter, "/health")[1]["checks"]["cache"]["status"] == "down", within=30)
    status, document = ask(exporter, "/health")
    assert (status, document["status"]) == (200, "degraded")


def test_nothing_known_is_null_and_not_healthy() -> None:
    with ExporterProcess({"host": {}}) as process:
        status, document = ask(process, "/health")

    assert status == 503
    assert document["status"] is None
    assert document["checks"]["database"]["status"] is None
    assert misfits(document, {**HEALTH, "checks": dict}) == []


ALERT = {
    "id": str, "ruleId": str, "name": str, "message": str, "severity": str, "timestamp": str, "resolved": bool,
    "resolvedAt": str, "metadata": dict,
}  # fmt: skip
RULE = {
    "id": str, "name": str, "description": str,
    "condition": {"metric": str, "operator": str, "threshold": float, "duration": float},
    "severity": str, "enabled": bool, "cooldown": float, "channels": list,
}  # fmt: skip
SUMMARY = {"totalActive": float, "critical": float, "warning": float, "info": float}
DASHBOARD = {
    "overview": {
        "status": str, "uptime": float, "activeUsers": float, "requestsPerSecond": float, "errorRate": float,
    },
    "performance": {"responseTimes": METRICS["response_times"], "throughput": METRICS["throughput"], "trends": list},
    "business": {"totalJackpotAmount": float, "dailyGrowth": float, "topGames": list, "userActivity": dict},
    "system": {"resources": METRICS["resources"], "database": dict, "cache": dict},
    "alerts": {"active": list, "recent": list},
}  # fmt: skip
TREND = {
    "timestamp": float, "responseTime": float, "throughput": float, "errorRate": float, "jackpotAmount": float,
}  # fmt: skip
FIRING = {
    "alert": "PoolsHold",
    "expr": "jackpot_pool_amount_cents >= 0",
    "labels": {"severity": "warning", "channels": "/slack/", "incident": "PoolsHold"},
    "annotations": {"summary": "A pool holds something.", "description": "{{ $labels.pool }} holds {{ $value }}."},
}


def test_alerts_and_dashboard_are_asked_of_the_real_ones(
    closing: ExitStack, database: Database, tmp_path: Path
) -> None:
    database.execute(SCHEMA)
    receivers = {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}
    alertmanager = closing.enter_context(AlertmanagerServer(receivers))
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": [FIRING]}]}))
    targets = [{"targets": [f"127.0.0.1:{port}"]} for port in (free_port(), alertmanager.port)]
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(tmp_path / "rules.yml")],
        "alerting": {"alertmanagers": [{"static_configs": targets[1:]}]},
        "scrape_configs": [{"job_name": "jackpot-exporter", "static_configs": targets[:1]}],
    }
    prometheus = closing.enter_context(PrometheusServer(config))
    web = {"alertmanager_url": alertmanager.url, "prometheus_url": prometheus.url}
    exporter = ExporterProcess({"interval": "1s", "postgres": {"dsn": database.dsn}, "web": web})
    exporter.port = int(targets[0]["targets"][0].rpartition(":")[2])
    closing.enter_context(exporter)

    document = eventually(lambda: (d := ask(exporter, "/alerts")[1])["active"] and d["history"] and d, within=40)
    dashboard = ask(exporter, "/dashboard")[1]

    assert [misfits(one, ALERT) for one in (*document["active"], *document["history"])] == [[]] * 6
    assert [misfits(one, RULE) for one in document["rules"]] == [[]]
    assert document["summary"] == {"totalActive": 3, "critical": 0, "warning": 3, "info": 0}
    assert " holds " in document["active"][0]["message"]
    assert dashboard["success"] is True
    assert misfits(dashboard["data"], DASHBOARD) == []
    assert [misfits(point, TREND) for point in dashboard["data"]["performance"]["trends"]] == [[]] * 24


def test_without_addresses_alerts_are_not_known() -> None:
    with ExporterProcess({"web": {"alertmanager_url": f"http://127.0.0.1:{free_port()}"}}) as process:
        alerts = ask(process, "/alerts")
        dashboard = ask(process, "/dashboard")

    assert alerts == (200, {"active": None, "history": None, "rules": None, "summary": dict.fromkeys(SUMMARY)})
    assert dashboard[1]["data"]["performance"]["trends"] is None

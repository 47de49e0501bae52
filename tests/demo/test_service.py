"""The simulated service's documents have the guide's shapes and hold what happened; its process behaves."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import urllib.request
from datetime import datetime
from typing import Any

import pytest

from harness.jackpot import Client, Database, total
from jackpot_exporter.demo.service import ServiceSettings

NUMBER = (int, float)
TIMES = {"average": NUMBER, "p50": NUMBER, "p95": NUMBER, "p99": NUMBER}
CHECK = {"status": str, "responseTime": NUMBER, "lastCheck": str}
POOL = {
    "status": str,
    "currentAmount": int,
    "totalContributions": int,
    "totalWins": int,
    "lastUpdate": str,
    "version": int,
}
OPERATION = {
    "status": str,
    "successRate": NUMBER,
    "averageTime": NUMBER,
    "lastOperation": str,
    "queueSize": int,
}
GUIDE = {
    "/health": {
        "status": str,
        "timestamp": str,
        "uptime": NUMBER,
        "version": str,
        "environment": str,
        "checks": {
            "database": CHECK
            | {"details": {"connectionPool": {"total": int, "active": int, "idle": int, "waiting": int}}},
            "jackpotService": CHECK | {"details": {"lastContribution": str, "activePools": int}},
            "cache": CHECK | {"details": {"hitRate": NUMBER, "memoryUsage": str}},
            "externalServices": CHECK
            | {"details": {"services": {"paymentGateway": str, "userService": str, "gameEngine": str}}},
        },
        "metrics": {
            "requestsPerSecond": NUMBER,
            "averageResponseTime": NUMBER,
            "errorRate": NUMBER,
            "activeUsers": int,
        },
    },
    "/health/database": {
        "status": str,
        "connection": {
            "status": str,
            "responseTime": NUMBER,
            "poolStats": {"total": int, "active": int, "idle": int, "waiting": int, "max": int},
        },
        "performance": {"queryTime": NUMBER, "slowQueries": int, "cacheHitRate": NUMBER},
        "integrity": {"jackpotTableAccessible": bool, "constraintViolations": int, "lastBackup": str},
        "alerts": list,
    },
    "/health/jackpot": {
        "status": str,
        "pools": {"minor": POOL, "major": POOL, "mega": POOL},
        "operations": {"contributions": OPERATION, "wins": OPERATION},
        "performance": {"averageResponseTime": NUMBER, "throughputPerSecond": NUMBER, "errorRate": NUMBER},
        "lastActivity": {"lastContribution": str, "lastWin": str, "lastConfigChange": str},
    },
    "/metrics": {
        "timestamp": str,
        "uptime": NUMBER,
        "response_times": {"contribution": TIMES, "win": TIMES, "poolQuery": TIMES},
        "throughput": {"contributionsPerSecond": NUMBER, "winsPerMinute": NUMBER, "totalRequests": int},
        "errors": {"errorRate": NUMBER, "timeoutRate": NUMBER, "totalErrors": int, "errorTypes": {"validation": int}},
        "resources": {
            "memoryUsageMB": NUMBER,
            "cpuUsagePercent": NUMBER,
            "databaseConnections": int,
            "cacheHitRate": NUMBER,
        },
        "business": {
            "totalJackpotAmount": int,
            "activeUsers": int,
            "jackpotGrowthRate": NUMBER,
            "dailyContributions": int,
        },
    },
}


def shape_of(value: Any, like: Any) -> Any:
    """`like`, wherever `value` has the same keys and fitting types; what differs otherwise."""
    if isinstance(like, dict) and isinstance(value, dict):
        return {key: shape_of(item, like.get(key, "no such key")) for key, item in value.items()}
    is_bool = isinstance(value, bool)
    fits = not isinstance(like, dict | str) and isinstance(value, like) and (is_bool == (like is bool))
    return like if fits else type(value)


@pytest.mark.parametrize("path", GUIDE)
async def test_document_has_the_shape_of_the_guide(client: Client, path: str) -> None:
    await client.contribute(userId="player-1")
    await client.contribute(wager_amount=0)
    await client.win()
    await client.get("/api/jackpot/pools")

    answer = await client.get(path)

    assert answer.status == 200
    assert shape_of(answer.body, GUIDE[path]) == GUIDE[path]


async def test_documents_hold_what_was_done(client: Client) -> None:
    for _ in range(3):
        await client.contribute(wager_amount=1_000, userId="player-1")
    await client.contribute(wager_amount=0)
    await client.win("major", "player-2")

    metrics = (await client.get("/metrics")).body
    jackpot = (await client.get("/health/jackpot")).body

    assert metrics["errors"]["errorTypes"] == {"validation": 1}
    assert metrics["errors"]["errorRate"] == 0.2
    assert metrics["throughput"]["totalRequests"] == 5
    assert (await client.get("/health")).body["metrics"]["requestsPerSecond"] > 0
    assert metrics["business"]["activeUsers"] == 2
    assert metrics["business"]["dailyContributions"] == 3
    assert metrics["business"]["totalJackpotAmount"] == 50_060 + 500_000 + 5_000_030
    assert metrics["response_times"]["contribution"]["p99"] > 0
    assert jackpot["operations"]["contributions"]["successRate"] == 0.75
    assert jackpot["pools"]["major"]["totalWins"] == 1
    assert datetime.fromisoformat(jackpot["lastActivity"]["lastWin"])


async def test_health_is_on_the_application_port_too(client: Client) -> None:
    async with client.session.get(client.service.url + "/health") as response:
        assert (response.status, (await response.json())["status"]) == (200, "healthy")


async def test_pool_queries_come_from_the_cache(client: Client) -> None:
    for _ in range(4):
        await client.get("/api/jackpot/pools")

    metrics = (await client.get("/metrics")).body

    assert metrics["resources"]["cacheHitRate"] == 0.75


async def test_statistics_add_up_the_pools(client: Client) -> None:
    await client.contribute(wager_amount=10_000)

    data = (await client.get("/api/jackpot/statistics")).body["data"]

    assert (data["totalContributions"], data["totalWins"], data["lastWin"]) == (400, 0, None)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param({"gameId": "starlight"}, 400, id="wager-missing"),
        pytest.param({"gameId": "starlight", "wagerAmount": "1000"}, 400, id="wager-text"),
        pytest.param({"gameId": "", "wagerAmount": 1_000}, 400, id="game-empty"),
        pytest.param({"gameId": "starlight", "wagerAmount": -1}, 422, id="wager-negative"),
        pytest.param({"gameId": "starlight", "wagerAmount": 10**7}, 422, id="wager-too-high"),
    ],
)
async def test_wrong_contribution_moves_no_money(
    client: Client, database: Database, body: dict[str, object], status: int
) -> None:
    answer = await client.post("/api/jackpot/contribute", **body)

    assert (answer.status, answer.body["success"]) == (status, False)
    assert total(database, "total_contributions") == 0


def test_process_says_where_it_listens_and_ends_on_sigterm(settings: ServiceSettings) -> None:
    command = [sys.executable, "-m", "jackpot_exporter.demo.service", "--database-url", settings.database_url]
    command += ["--redis-url", settings.redis_url, "--log-file", str(settings.log_file)]
    with contextlib.ExitStack() as stack:
        process = stack.enter_context(
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        )
        stack.callback(process.kill)
        assert process.stdout is not None
        assert process.stderr is not None
        addresses = json.loads(process.stdout.readline())
        with urllib.request.urlopen(addresses["healthUrl"] + "/health", timeout=30) as response:
            assert json.load(response)["status"] == "healthy"

        process.send_signal(signal.SIGTERM)

        assert process.wait(10) == 0
        assert process.stderr.read() == ""

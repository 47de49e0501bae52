"""The simulated service keeps its money together, says the truth about itself, and survives its dependencies."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import urllib.request
from collections import Counter
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import aiohttp
import psycopg
import pytest

from harness.jackpot import Client, log_entries
from harness.waiting import eventually_async
from jackpot_exporter.demo.connections import Connections
from jackpot_exporter.demo.faults import Fault
from jackpot_exporter.demo.injection import inject_negative
from jackpot_exporter.demo.servers import PostgresServer, RedisServer
from jackpot_exporter.demo.service import JackpotService, ServiceSettings

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


class _Database(Protocol):
    """The shared fixture `database`."""

    @property
    def dsn(self) -> str: ...

    def execute(self, statement: str) -> list[Any]: ...


def shape_of(value: Any, like: Any) -> Any:
    """`like`, wherever `value` has the same keys and fitting types; what differs otherwise."""
    if isinstance(like, dict) and isinstance(value, dict):
        return {key: shape_of(item, like.get(key, "no such key")) for key, item in value.items()}
    is_bool = isinstance(value, bool)
    fits = not isinstance(like, dict | str) and isinstance(value, like) and (is_bool == (like is bool))
    return like if fits else type(value)


def balances(database: _Database) -> list[Any]:
    """The pools that do not hold what they should."""
    return database.execute(
        "select * from jackpot_balance where current_amount <> expected_amount or total_wins <> recorded_wins"
    )


def total(database: _Database, column: str) -> int:
    return int(database.execute(f"select sum({column}) from jackpots")[0][0])


# --- the documents


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
    client: Client, database: _Database, body: dict[str, object], status: int
) -> None:
    answer = await client.post("/api/jackpot/contribute", **body)

    assert (answer.status, answer.body["success"]) == (status, False)
    assert total(database, "total_contributions") == 0


# --- the money


async def test_money_is_conserved_under_fifty_contributors(client: Client, database: _Database) -> None:
    before = total(database, "current_amount")

    async def play(player: int) -> tuple[int, int, int]:
        given = [(await client.contribute(wager_amount=777 + player)).body["data"] for _ in range(4)]
        won = (await client.win("minor", f"player-{player}")).body["data"] if player % 10 == 0 else None
        paid, reset = (won["actualWinAmount"], won["remainingAmount"]) if won else (0, 0)
        return sum(part["totalContribution"] for part in given), paid, reset

    rounds = await asyncio.gather(*(play(player) for player in range(50)))
    contributed, paid, reset = (sum(column) for column in zip(*rounds, strict=True))

    assert contributed == total(database, "total_contributions")
    assert contributed + reset == total(database, "current_amount") - before + paid
    assert database.execute("select sum(paid_amount), count(*) from jackpot_wins") == [(paid, 5)]
    assert balances(database) == []
    assert client.service.store.conflicts > 0


async def test_conflicting_contribution_is_tried_again(client: Client, database: _Database) -> None:
    with psycopg.connect(database.dsn) as rival:
        rival.execute("""update jackpots set version = version + 1 where "group" = 'minor'""")
        contribution = asyncio.create_task(client.contribute(wager_amount=1_000))
        await eventually_async(lambda: asyncio.to_thread(_waits_for_a_lock, database))
        rival.commit()

        answer = await contribution

    assert (answer.status, answer.body["data"]["totalContribution"]) == (200, 40)
    assert client.service.store.conflicts == 1
    assert total(database, "total_contributions") == 40


def _waits_for_a_lock(database: _Database) -> bool:
    statement = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    return bool(database.execute(statement))


async def test_win_pays_the_pool_and_resets_it(client: Client, database: _Database) -> None:
    await client.contribute(wager_amount=10_000)

    data = (await client.win("minor")).body["data"]

    assert (data["actualWinAmount"], data["remainingAmount"]) == (50_200, 50_000)
    assert database.execute(
        """select current_amount, total_wins, last_won_amount from jackpots where "group" = 'minor'"""
    ) == [(50_000, 1, 50_200)]


async def test_changed_share_changes_the_next_contribution(client: Client, database: _Database) -> None:
    change = {"group": "mega", "shareBasisPoints": 300, "userId": "operator"}

    await client.post("/api/jackpot/config", **change)
    data = (await client.contribute(wager_amount=1_000)).body["data"]

    assert data["contributions"] == {"minor": 20, "major": 10, "mega": 30}
    assert balances(database) == []


def test_balance_finds_money_that_appeared(database: _Database) -> None:
    schema = Path(sys.modules[JackpotService.__module__].__file__ or "").with_name("schema.sql")
    database.execute(schema.read_text("utf-8"))

    database.execute("""update jackpots set current_amount = current_amount + 1 where "group" = 'mega'""")

    assert [row[0] for row in balances(database)] == ["mega"]


# --- the log


async def test_log_matches_the_totals(client: Client, database: _Database, log_file: Path) -> None:
    await asyncio.gather(*(client.contribute(wager_amount=500 + number) for number in range(20)))
    await client.contribute(wager_amount=0)
    await client.win("major", "player-7")
    await client.get("/api/jackpot/pools")
    await client.post("/api/jackpot/config", group="minor", shareBasisPoints=200, userId="operator")

    entries = log_entries(log_file)
    counts = Counter((entry["operation"], entry["metadata"]["action"]) for entry in entries)
    contributed = sum(entry["metadata"].get("contributionAmount", 0) for entry in entries)
    paid = sum(entry["metadata"].get("actualWinAmount", 0) for entry in entries)

    assert counts == {
        ("jackpot_contribution", "START"): 21,
        ("jackpot_contribution", "SUCCESS"): 20,
        ("jackpot_contribution", "ERROR"): 1,
        ("jackpot_win", "START"): 1,
        ("jackpot_win", "SUCCESS"): 1,
        ("jackpot_pool_query", "SUCCESS"): 1,
        ("config_change", "configuration_update"): 1,
    }
    assert contributed == total(database, "total_contributions")
    assert paid == total(database, "last_won_amount")


async def test_log_names_a_user_only_where_the_guide_does(client: Client, log_file: Path) -> None:
    await client.contribute(userId="player-7")
    await client.win("minor", "player-7")
    await client.post("/api/jackpot/config", group="minor", shareBasisPoints=200, userId="player-7")

    named = {entry["operation"] for entry in log_entries(log_file) if "player-7" in json.dumps(entry)}

    assert named == {"jackpot_win", "config_change"}


async def test_start_and_end_share_the_callers_correlation_id(client: Client, log_file: Path) -> None:
    headers = {"X-Correlation-ID": "trace-1"}
    body = {"gameId": "starlight", "wagerAmount": 1_000}

    await client.session.post(client.service.url + "/api/jackpot/contribute", json=body, headers=headers)

    start, end = log_entries(log_file)
    assert (start["correlationId"], end["correlationId"]) == ("trace-1", "trace-1")
    assert "duration" not in start
    assert end["duration"] > 0


# --- dependencies that go and come back


@pytest.fixture
def fragile(settings: ServiceSettings, postgres_server: PostgresServer, private_redis: RedisServer) -> ServiceSettings:
    """A service on servers that may be hurt."""
    return replace(settings, database_url=postgres_server.dsn, redis_url=private_redis.url)


async def _has_status(client: Client, code: int, status: str) -> bool:
    answer = await client.get("/health")
    return (answer.status, answer.body["status"]) == (code, status)


async def test_stopped_cache_degrades_and_comes_back(
    fragile: ServiceSettings, private_redis: RedisServer, session: aiohttp.ClientSession
) -> None:
    async with JackpotService(fragile) as service:
        client = Client(service, session)
        assert await _has_status(client, 200, "healthy")

        await asyncio.to_thread(private_redis.stop)
        assert await _has_status(client, 200, "degraded")
        assert (await client.get("/api/jackpot/pools")).status == 200

        await asyncio.to_thread(private_redis.start)
        await eventually_async(lambda: _has_status(client, 200, "healthy"))


async def test_stopped_database_is_unhealthy_and_comes_back(
    fragile: ServiceSettings, postgres_server: PostgresServer, session: aiohttp.ClientSession, log_file: Path
) -> None:
    async with JackpotService(fragile) as service:
        client = Client(service, session)
        await asyncio.gather(*(client.contribute() for _ in range(8)))

        await asyncio.to_thread(postgres_server.stop)
        assert await _has_status(client, 503, "unhealthy")
        assert (await client.contribute()).status == 503
        assert log_entries(log_file)[-1]["metadata"]["errorType"] == "database"
        database = await client.get("/health/database")
        assert (database.status, database.body["connection"]["status"]) == (503, "disconnected")
        assert (await client.get("/metrics")).status == 200

        await asyncio.to_thread(postgres_server.start)
        assert (await client.contribute()).status == 200
        assert await _has_status(client, 200, "degraded")  # one contribution of ten failed a moment ago


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
        await eventually_async(lambda: _has_status(client, 200, "healthy"), within=10)


async def test_service_starts_without_its_database(
    fragile: ServiceSettings, postgres_server: PostgresServer, session: aiohttp.ClientSession
) -> None:
    await asyncio.to_thread(postgres_server.stop)
    starting = JackpotService(fragile)
    entering = asyncio.create_task(starting.__aenter__())
    try:
        client = Client(starting, session)
        await eventually_async(lambda: _has_status(client, 503, "unhealthy"))

        await asyncio.to_thread(postgres_server.start)

        await entering
        await eventually_async(lambda: _has_status(client, 200, "healthy"))
        assert (await client.contribute()).status == 200
    finally:
        await starting.__aexit__(None, None, None)


# --- faults


async def test_error_burst(client: Client) -> None:
    await client.switch("error-burst", on=True)
    during = Counter([(await client.contribute()).status for _ in range(60)])
    await client.switch("error-burst", on=False)
    after = Counter([(await client.contribute()).status for _ in range(60)])

    assert during[500] > 3
    assert after == {200: 60}


async def test_slow_contributions(client: Client, log_file: Path) -> None:
    await client.switch("slow-contributions", on=True)
    await client.contribute()
    await client.switch("slow-contributions", on=False)
    await client.contribute()

    slow, quick = (entry["duration"] for entry in log_entries(log_file) if "duration" in entry)
    assert slow > 500 > quick


async def test_service_down(client: Client) -> None:
    await client.switch("service-down", on=True)
    assert await _has_status(client, 503, "unhealthy")
    assert (await client.contribute()).status == 503

    await client.switch("service-down", on=False)
    assert await _has_status(client, 200, "healthy")
    assert (await client.contribute()).status == 200


async def test_pool_exhausted(client: Client) -> None:
    await client.switch("pool-exhausted", on=True)
    await eventually_async(lambda: _pool_stats(client, active=20, idle=0))
    refused = asyncio.create_task(client.contribute())
    await eventually_async(lambda: _pool_stats(client, waiting=1))
    assert (await refused).status == 503

    await client.switch("pool-exhausted", on=False)
    assert (await client.contribute()).status == 200
    assert await _pool_stats(client, active=0, waiting=0)


async def _pool_stats(client: Client, **expected: int) -> bool:
    stats: dict[str, int] = (await client.get("/health/database")).body["connection"]["poolStats"]
    return all(stats[name] == value for name, value in expected.items())


async def test_pool_negative(client: Client, database: _Database) -> None:
    await client.contribute(wager_amount=1_000)

    await client.switch("pool-negative", on=True)
    during = (await client.get("/health/jackpot")).body["pools"]["minor"]
    assert (during["status"], during["currentAmount"]) == ("error", -250_000)
    assert (await client.get("/health/database")).body["integrity"]["constraintViolations"] == 1
    assert (await client.contribute(wager_amount=1_000)).status == 200
    assert (await client.win("minor")).status == 422

    await client.switch("pool-negative", on=False)
    assert (await client.get("/health/jackpot")).body["pools"]["minor"]["currentAmount"] == 50_040
    assert balances(database) == []
    with pytest.raises(psycopg.errors.CheckViolation):
        database.execute("""update jackpots set current_amount = -1 where "group" = 'minor'""")


async def test_config_churn(client: Client, database: _Database, log_file: Path) -> None:
    before = database.execute('select "group", share_basis_points from jackpot_settings order by 1')

    await client.switch("config-churn", on=True)
    await eventually_async(lambda: asyncio.to_thread(_changes, log_file, 2))
    await client.switch("config-churn", on=False)

    assert database.execute('select "group", share_basis_points from jackpot_settings order by 1') == before
    assert (await client.get("/health/jackpot")).body["lastActivity"]["lastConfigChange"]


def _changes(log_file: Path, at_least: int) -> bool:
    return [entry["operation"] for entry in log_entries(log_file)].count("config_change") >= at_least


async def test_dependency_down(client: Client) -> None:
    await client.switch("dependency-down", on=True)
    services = (await client.get("/health")).body["checks"]["externalServices"]["details"]["services"]
    assert services == {"paymentGateway": "down", "userService": "up", "gameEngine": "up"}
    assert await _has_status(client, 200, "degraded")

    await client.switch("dependency-down", on=False)
    assert await _has_status(client, 200, "healthy")


async def test_unknown_fault_is_refused_with_the_known_ones(client: Client) -> None:
    answer = await client.switch("earthquake", on=True)

    assert answer.status == 400
    assert all(fault in answer.body["message"] for fault in Fault)


async def test_faults_are_not_switched_on_the_application_port(client: Client) -> None:
    body = {"name": "service-down", "on": True}

    async with client.session.post(client.service.url + "/demo/fault", json=body) as response:
        assert response.status == 404


async def test_stopping_undoes_the_faults(settings: ServiceSettings, database: _Database) -> None:
    async with JackpotService(settings) as service:
        for fault in Fault:
            await service.switch(fault, on=True)

    assert balances(database) == []
    assert database.execute("select count(*) from jackpots where current_amount < 0") == [(0,)]


async def test_start_repairs_what_a_killed_run_injected(settings: ServiceSettings, database: _Database) -> None:
    async with JackpotService(settings):
        connections = Connections(settings.database_url)
        await inject_negative(connections, "minor")
        await connections.close()
    assert len(balances(database)) == 1

    async with JackpotService(settings):
        assert balances(database) == []


# --- the process


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
        with urllib.request.urlopen(addresses["healthUrl"] + "/health", timeout=5) as response:
            assert json.load(response)["status"] == "healthy"

        process.send_signal(signal.SIGTERM)

        assert process.wait(10) == 0
        assert process.stderr.read() == ""

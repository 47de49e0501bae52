"""Each fault of the simulated service shows while it is on and leaves no trace."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import psycopg
import pytest

from harness.jackpot import Client, Database, balances, has_status, log_entries
from harness.waiting import eventually_async
from jackpot_exporter.demo.connections import Connections
from jackpot_exporter.demo.faults import Fault
from jackpot_exporter.demo.injection import inject_negative
from jackpot_exporter.demo.service import JackpotService, ServiceSettings


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
    assert await has_status(client, 503, "unhealthy")
    assert (await client.contribute()).status == 503

    await client.switch("service-down", on=False)
    assert await has_status(client, 200, "healthy")
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


async def test_pool_negative(client: Client, database: Database) -> None:
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


async def test_config_churn(client: Client, database: Database, log_file: Path) -> None:
    before = database.execute('select "group", share_basis_points from jackpot_settings order by 1')

    await client.switch("config-churn", on=True)
    await eventually_async(lambda: asyncio.to_thread(_changes, log_file, 2))
    await client.switch("config-churn", on=False)

    assert database.execute('select "group", share_basis_points from jackpot_settings order by 1') == before
    assert (await client.get("/health/jackpot")).body["lastActivity"]["lastConfigChange"]


def _changes(log_file: Path, at_least: int) -> bool:
    return [entry["operation"] for entry in log_entries(log_file)].count("config_change") >= at_least


async def test_switching_on_twice_is_undone_by_switching_off_once(client: Client) -> None:
    for _ in range(2):
        await client.switch("pool-exhausted", on=True)
    await client.switch("pool-exhausted", on=False)

    assert (await client.get("/demo/fault")).body == dict.fromkeys(Fault, False)
    assert (await client.contribute()).status == 200
    assert await _pool_stats(client, active=0)


async def test_dependency_down(client: Client) -> None:
    await client.switch("dependency-down", on=True)
    services = (await client.get("/health")).body["checks"]["externalServices"]["details"]["services"]
    assert services == {"paymentGateway": "down", "userService": "up", "gameEngine": "up"}
    assert await has_status(client, 200, "degraded")

    await client.switch("dependency-down", on=False)
    assert await has_status(client, 200, "healthy")


async def test_unknown_fault_is_refused_with_the_known_ones(client: Client) -> None:
    answer = await client.switch("earthquake", on=True)

    assert answer.status == 400
    assert all(fault in answer.body["message"] for fault in Fault)


async def test_faults_are_not_switched_on_the_application_port(client: Client) -> None:
    body = {"name": "service-down", "on": True}

    async with client.session.post(client.service.url + "/demo/fault", json=body) as response:
        assert response.status == 404


async def test_stopping_undoes_the_faults(settings: ServiceSettings, database: Database) -> None:
    async with JackpotService(settings) as service:
        for fault in Fault:
            await service.switch(fault, on=True)

    assert balances(database) == []
    assert database.execute("select count(*) from jackpots where current_amount < 0") == [(0,)]


async def test_start_repairs_what_a_killed_run_injected(settings: ServiceSettings, database: Database) -> None:
    async with JackpotService(settings):
        connections = Connections(settings.database_url)
        await inject_negative(connections, "minor")
        await connections.close()
    assert len(balances(database)) == 1

    async with JackpotService(settings):
        assert balances(database) == []

"""Whether PostgreSQL answers: the truth in every kind of failure."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from conftest import Database
from harness.monitor import errors_in_log, make_role, monitor_dsn
from harness.proxy import FaultProxy
from harness.rounds import Target
from jackpot_exporter.collectors import postgres, postgres_database
from jackpot_exporter.demo.servers import PostgresServer
from jackpot_exporter.model import Outcome


def target(dsn: str, **settings: object) -> Target:
    return Target({"postgres": {"dsn": dsn, **settings}}, postgres.TYPE, postgres_database.TYPE)


async def test_answering_server_is_up_with_its_version_and_start(database: Database) -> None:
    async with target(monitor_dsn(database.server, database.name)) as exporter:
        found = await exporter.collect("postgres")

    assert found.outcome is Outcome.OK
    assert found.value("pg_up") == 1
    assert found.value("jackpot_dependency_up", dependency="database") == 1
    assert 0 < (found.value("jackpot_database_ping_seconds") or 0) < 5
    [(started,)] = database.execute("select extract(epoch from pg_postmaster_start_time())::float8")
    assert found.value("pg_postmaster_start_time_seconds") == started
    [(version, number)] = database.execute("select version(), current_setting('server_version_num')::int")
    short = f"{number // 10000}.{number % 10000}.0"
    server = f"127.0.0.1:{database.server.port}"
    assert found.value("pg_static", version=version, short_version=short, server=server) == 1


async def test_connections_and_their_limit_are_the_servers(database: Database) -> None:
    async with target(monitor_dsn(database.server, database.name)) as exporter:
        found = await exporter.collect("postgres")

    [(limit,)] = database.execute(
        "select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
    )
    assert found.value("pg_connections_limit") == limit
    assert found.value("pg_connections") in range(1, limit)


async def test_stopped_server_is_down(postgres_server: PostgresServer) -> None:
    async with target(postgres_server.dsn) as exporter:
        await exporter.collect("postgres")
        postgres_server.shut_down()

        found = await exporter.collect("postgres")

    assert found.outcome is Outcome.REFUSED
    assert found.value("pg_up") == 0
    assert found.value("jackpot_dependency_up", dependency="database") == 0


async def test_mute_server_is_down_within_the_timeout(
    database: Database, proxy_to: Callable[[int], FaultProxy]
) -> None:
    proxy = proxy_to(database.server.port)
    proxy.mute()
    async with target(f"postgresql://postgres@127.0.0.1:{proxy.port}/postgres", connect_timeout=0.2) as exporter:
        found = await exporter.collect("postgres")

    assert found.outcome is Outcome.TIMEOUT
    assert found.value("pg_up") == 0
    assert found.value("jackpot_dependency_up", dependency="database") == 0


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [("cut", Outcome.REFUSED), ("refuse", Outcome.REFUSED), ("garble", Outcome.BAD_DATA)],
    ids=["cut", "refuse", "garble"],
)
async def test_broken_answer_is_down_and_the_next_round_recovers(
    database: Database, proxy_to: Callable[[int], FaultProxy], fault: str, outcome: Outcome
) -> None:
    proxy = proxy_to(database.server.port)
    async with target(f"postgresql://postgres@127.0.0.1:{proxy.port}/postgres", connect_timeout=10) as exporter:
        assert (await exporter.collect("postgres")).value("pg_up") == 1
        {"cut": lambda: proxy.cut(after_bytes=1), "garble": proxy.garble, "refuse": proxy.refuse}[fault]()

        found = await exporter.collect("postgres")

        assert found.outcome is outcome
        assert found.value("pg_up") == 0
        proxy.pass_through()
        assert (await exporter.collect("postgres")).value("pg_up") == 1


async def test_refused_login_is_not_taken_for_a_database_that_is_down(postgres: PostgresServer) -> None:
    make_role(postgres)
    async with target(postgres.dsn_of(user="jackpot_exporter", password="wrong")) as exporter:
        found = await exporter.collect("postgres")

    assert found.outcome is Outcome.AUTH
    assert found.value("pg_up") == 0
    assert found.values("jackpot_dependency_up") == []


async def test_role_without_grants_is_told_which_one_is_missing(postgres: PostgresServer) -> None:
    if not postgres.execute("select 1 from pg_roles where rolname = 'blind'"):
        postgres.create_role("blind", "sightless")
    async with target(postgres.dsn_of(user="blind", password="sightless")) as exporter:
        found = await exporter.collect("postgres")

    assert found.outcome is Outcome.OK
    assert found.notes == {"grants": Outcome.PERMISSION}
    assert "run: grant pg_monitor to blind" in found.batch.notes[0].message


async def test_those_who_waited_for_a_lost_server_fail_with_it(
    database: Database, proxy_to: Callable[[int], FaultProxy]
) -> None:
    proxy = proxy_to(database.server.port)
    dsn = f"postgresql://postgres@127.0.0.1:{proxy.port}/postgres"
    async with target(dsn, connect_timeout=2) as exporter:
        proxy.mute()
        loop = asyncio.get_running_loop()
        start = loop.time()

        found = await asyncio.gather(*(exporter.collect(name) for name in exporter.names))

        assert loop.time() - start < 3.9  # one attempt, not one for each
        assert [batch.outcome for batch in found] == [Outcome.TIMEOUT] * 2
        proxy.pass_through()
        assert (await exporter.collect("postgres")).value("pg_up") == 1


@pytest.mark.parametrize("name", ["postgres", "postgres_database"])
async def test_server_that_comes_back_is_found_at_the_next_round(postgres_server: PostgresServer, name: str) -> None:
    async with target(postgres_server.dsn) as exporter:
        await exporter.collect(name)
        postgres_server.stop()
        assert (await exporter.collect(name)).outcome is Outcome.REFUSED
        postgres_server.start()

        found = await exporter.collect(name)

    assert found.outcome is Outcome.OK
    assert errors_in_log(postgres_server) == []

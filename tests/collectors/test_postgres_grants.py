"""Everything runs under the role of `deploy/sql/`, and the server has nothing to complain about."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack

import psycopg
import pytest

from harness.monitor import errors_in_log, monitor_dsn, run_script
from harness.rounds import Target
from jackpot_exporter.collectors import discover
from jackpot_exporter.demo.servers import PostgresServer
from jackpot_exporter.model import Outcome

KINDS = [kind for kind in discover() if kind.name.startswith("postgres")]


@pytest.fixture(scope="module", params=[15, 18])
def server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    """A server in use: an extension, tables, a prepared transaction, a slot."""
    settings: dict[str, str | int] = {"max_prepared_transactions": 2, "shared_preload_libraries": "pg_stat_statements"}
    with PostgresServer(version=request.param, settings=settings) as started:
        started.create_database("jackpot")
        run_script(started, "exporter-statements.sql", "jackpot")
        started.execute("create table t (id int primary key, x text)", database="jackpot")
        started.execute("insert into t select n, 'x' from generate_series(1, 1000) as n", database="jackpot")
        started.execute("select pg_create_physical_replication_slot('slot', true)")
        with started.connect("jackpot") as connection:
            connection.execute("begin; update t set x = 'y' where id = 1; prepare transaction 'held'")
        yield started


@pytest.fixture
async def exporter(server: PostgresServer) -> AsyncIterator[Target]:
    settings = {"dsn": monitor_dsn(server, "jackpot"), "statements": {"operations": {"any": "%"}, "query_text": 100}}
    async with Target({"postgres": settings}, *KINDS) as target:
        yield target


async def test_every_collector_works_with_nothing_but_pg_monitor(server: PostgresServer, exporter: Target) -> None:
    before = errors_in_log(server)
    for _ in range(2):
        for name in exporter.names:
            found = await exporter.collect(name)
            assert (name, found.outcome, found.notes, found.batch.message) == (name, Outcome.OK, {}, "")

    assert errors_in_log(server) == before


async def test_exporter_keeps_two_connections_besides_that_of_the_pools(
    server: PostgresServer, exporter: Target
) -> None:
    for name in exporter.names:
        await exporter.collect(name)

    rows = server.execute("select application_name from pg_stat_activity where usename = 'jackpot_exporter'")
    assert sorted(rows) == [("jackpot-exporter/slow",), ("jackpot-exporter/stats",)]


async def test_every_family_given_is_declared(exporter: Target) -> None:
    for kind in KINDS:
        found = await exporter.collect(kind.name)
        assert found.names <= {spec.full_name("jackpot") for spec in kind.metrics}


async def test_series_stay_the_same_from_round_to_round(exporter: Target) -> None:
    steady = [
        name for name in exporter.names if name not in {"postgres_activity", "postgres_statements", "postgres_io"}
    ]
    before = {name: (await exporter.collect(name)).series for name in steady}

    after = {name: (await exporter.collect(name)).series for name in steady}

    assert after == before


def test_role_reads_no_data_and_has_a_connection_limit(server: PostgresServer, closing: ExitStack) -> None:
    dsn = monitor_dsn(server, "jackpot")
    connection = closing.enter_context(psycopg.connect(dsn, autocommit=True))

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("select * from t")

    [(limit,)] = server.execute("select rolconnlimit from pg_roles where rolname = 'jackpot_exporter'")
    roles = server.execute(
        "select r.rolname from pg_auth_members as m join pg_roles as r on r.oid = m.roleid"
        " where m.member = 'jackpot_exporter'::regrole"
    )
    assert limit == 6
    assert roles == [("pg_monitor",)]


@pytest.mark.parametrize(
    "statement",
    [
        "insert into t values (0, 'x')",
        "update t set x = 'y'",
        "create table public.u (id int)",
        "create temporary table u (id int)",
        "copy (select 1) to program 'true'",
        "copy (select 1) to '/nowhere'",
        "select pg_read_file('postgresql.conf')",
        "alter system set work_mem = '1MB'",
        "create extension postgres_fdw",
    ],
)
def test_role_changes_nothing_and_leaves_the_database_nowhere(server: PostgresServer, statement: str) -> None:
    refused = (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)
    connection = psycopg.connect(monitor_dsn(server, "jackpot"), autocommit=True)

    with connection, pytest.raises(refused):
        connection.execute(statement)

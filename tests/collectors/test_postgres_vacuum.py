"""Who keeps old rows alive, on real holders."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from harness.rounds import Round, Target
from harness.sessions import running
from harness.waiting import eventually
from jackpot_exporter.collectors import postgres, postgres_vacuum
from jackpot_exporter.demo.servers import PostgresServer
from jackpot_exporter.model import Outcome


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer(settings={"max_prepared_transactions": 2, "wal_level": "logical"}) as started:
        started.execute("create table t (id int)")
        yield started


async def collect(server: PostgresServer) -> Round:
    async with Target({"postgres": {"dsn": server.dsn}}, postgres.TYPE, postgres_vacuum.TYPE) as exporter:
        return await exporter.collect("postgres_vacuum")


def burn(server: PostgresServer, transactions: int) -> None:
    """Use up transaction ids."""
    for _ in range(transactions):
        server.execute("insert into t values (1)")


async def test_every_kind_of_holder_is_there_from_the_start(server: PostgresServer) -> None:
    found = await collect(server)

    kinds = {"session": 0, "standby": 0, "replication_slot": 0, "prepared_transaction": 0}
    assert found.outcome is Outcome.OK
    assert found.by("pg_xmin_horizon_age", "holder") == kinds
    assert found.by("pg_xmin_horizon_holders", "holder") == kinds
    assert found.value("pg_prepared_transactions_oldest_seconds") == 0


async def test_open_snapshot_holds_back_vacuum(server: PostgresServer) -> None:
    with psycopg.connect(server.dsn) as holder:
        holder.execute("set transaction isolation level repeatable read")
        holder.execute("select * from t")
        burn(server, 5)

        found = await collect(server)

    assert (found.by("pg_xmin_horizon_age", "holder")["session"]) >= 5
    assert found.by("pg_xmin_horizon_holders", "holder")["session"] == 1


async def test_forgotten_prepared_transaction_is_a_holder(server: PostgresServer) -> None:
    server.execute("begin; insert into t values (2); prepare transaction 'forgotten'")
    try:
        burn(server, 5)

        found = await collect(server)
    finally:
        server.execute("rollback prepared 'forgotten'")

    assert found.by("pg_xmin_horizon_age", "holder")["prepared_transaction"] >= 5
    assert (found.value("pg_prepared_transactions_oldest_seconds") or 0) > 0


async def test_unread_slot_is_a_holder(server: PostgresServer) -> None:
    server.execute("select pg_create_logical_replication_slot('unread', 'test_decoding')")
    try:
        burn(server, 5)

        found = await collect(server)
    finally:
        server.execute("select pg_drop_replication_slot('unread')")

    assert found.by("pg_xmin_horizon_age", "holder")["replication_slot"] >= 5


async def test_age_of_each_database_is_the_servers(server: PostgresServer) -> None:
    found = await collect(server)

    expected = dict(server.execute("select datname, age(datfrozenxid)::float8 from pg_database where datallowconn"))
    assert found.by("pg_database_wraparound_age_datfrozenxid_seconds", "datname") == expected


async def test_running_vacuum_shows_its_phase(server: PostgresServer) -> None:
    server.execute("create table big as select n as id from generate_series(1, 5000) as n")
    slowly = f"{server.dsn}?options=-c%20vacuum_cost_delay%3D100%20-c%20vacuum_cost_limit%3D1"
    with running(slowly, "vacuum (disable_page_skipping) big") as pid:
        scanning = "select 1 from pg_stat_progress_vacuum where pid = %s and phase = 'scanning heap'"
        eventually(lambda: server.execute(scanning, (pid,)))

        found = await collect(server)

    phases = found.by("pg_stat_progress_vacuum_phase", "phase")
    assert {phase for phase, value in phases.items() if value} == {"scanning heap"}
    [(blocks,)] = server.execute("select pg_relation_size('big') / 8192")
    assert found.value("pg_stat_progress_vacuum_heap_blks", relname="big", datname="postgres") == blocks

"""Sessions as pg_stat_activity has them, with caps on what clients choose."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import psycopg

from conftest import Database
from harness.monitor import monitor_dsn
from harness.rounds import Round, Target
from harness.sessions import running
from harness.waiting import eventually
from jackpot_exporter.collectors import pgbouncer, postgres, postgres_activity
from jackpot_exporter.model import Outcome


async def collect(database: Database, **settings: object) -> Round:
    dsn = monitor_dsn(database.server, database.name)
    source = {"dsn": dsn, "databases": [database.name], "activity": settings}
    async with Target({"postgres": source}, postgres.TYPE, postgres_activity.TYPE) as exporter:
        return await exporter.collect("postgres_activity")


def session(closing: ExitStack, database: Database, application: str) -> psycopg.Connection[Any]:
    connection = psycopg.connect(database.dsn, application_name=application, autocommit=True)
    return closing.enter_context(connection)


async def test_sessions_are_counted_by_state_and_application(database: Database, closing: ExitStack) -> None:
    for _ in range(2):
        session(closing, database, "shop").execute("select 1")
    session(closing, database, "shop").execute("begin")
    session(closing, database, "report").execute("select 1")

    found = await collect(database)

    assert found.outcome is Outcome.OK
    count = "pg_stat_activity_count"
    here = {"datname": database.name, "server": f"127.0.0.1:{database.server.port}"}
    client = {**here, "usename": "postgres", "backend_type": "client backend"}
    assert found.value(count, application_name="shop", state="idle", **client) == 2
    assert found.value(count, application_name="shop", state="idle in transaction", **client) == 1
    assert found.value(count, application_name="report", state="idle", **client) == 1
    assert found.value(count, application_name="jackpot-exporter/stats", state="active", **here) == 1


async def test_states_that_nobody_is_in_are_zero(database: Database) -> None:
    found = await collect(database)

    assert found.value("pg_stat_activity_count", datname=database.name, state="disabled") == 0
    assert found.value("pg_stat_activity_max_tx_duration", datname=database.name, state="idle") == 0


async def test_running_statement_and_transaction_show_their_age(database: Database) -> None:
    age = (
        "select extract(epoch from clock_timestamp() - query_start)::float8 from pg_stat_activity"
        " where pid = %s and state = 'active'"
    )
    with running(database.dsn, "select pg_sleep(60)") as pid:
        eventually(lambda: database.execute(age, (pid,))[0][0] > 0.1)

        found = await collect(database)

        [(at_most,)] = database.execute(age, (pid,))
    assert 0.1 < (found.value("jackpot_database_oldest_active_query_seconds") or 0) <= at_most
    assert found.value("pg_long_running_transactions") == 1
    assert 0.1 < (found.value("pg_long_running_transactions_oldest_timestamp_seconds") or 0) <= at_most
    sleeping = {"state": "active", "wait_event_type": "Timeout", "wait_event": "PgSleep"}
    assert 0.1 < (found.value("pg_stat_activity_max_tx_duration", **sleeping) or 0) <= at_most


async def test_nothing_running_is_zero_and_not_ourselves(database: Database) -> None:
    found = await collect(database)

    assert found.value("jackpot_database_oldest_active_query_seconds") == 0
    assert found.value("pg_long_running_transactions") == 0


async def test_idle_sessions_fall_into_buckets_by_application(database: Database, closing: ExitStack) -> None:
    for _ in range(3):
        session(closing, database, "shop").execute("select 1")

    found = await collect(database)

    idle = {"application_name": "shop", "state": "idle"}
    assert found.value("pg_process_idle_seconds_bucket", le="+Inf", **idle) == 3
    assert found.value("pg_process_idle_seconds_bucket", le="300.0", **idle) == 3
    assert found.value("pg_process_idle_seconds_count", **idle) == 3


async def test_application_names_over_the_cap_become_other(database: Database, closing: ExitStack) -> None:
    for number in range(6):
        session(closing, database, f"worker-{number}").execute("select 1")

    found = await collect(database, max_applications=4)

    names = set(found.by("pg_stat_activity_count", "application_name")) - {""}
    assert len(names) == 5
    assert "other" in names
    assert found.batch.notes[0].dropped == 3  # seven names with our own, four shown
    assert sum(found.values("pg_stat_activity_count", datname=database.name)) == 7


async def test_names_that_are_shown_stay_shown(database: Database, closing: ExitStack) -> None:
    dsn = monitor_dsn(database.server, database.name)
    source = {"dsn": dsn, "databases": [database.name], "activity": {"max_applications": 2}}
    session(closing, database, "first").execute("select 1")
    async with Target({"postgres": source}, postgres.TYPE, postgres_activity.TYPE) as exporter:
        await exporter.collect("postgres_activity")
        for _ in range(5):
            session(closing, database, "bigger").execute("select 1")

        found = await exporter.collect("postgres_activity")

    assert set(found.by("pg_stat_activity_count", "application_name")) == {
        "", "first", "jackpot-exporter/stats", "other",
    }  # fmt: skip


async def test_application_name_of_any_bytes_is_shown_as_the_server_has_it(
    database: Database, closing: ExitStack
) -> None:
    pid = session(closing, database, 'a"b\\c \n é').info.backend_pid

    found = await collect(database)

    [(name,)] = database.execute("select application_name from pg_stat_activity where pid = %s", (pid,))
    assert found.values("pg_stat_activity_count", application_name=name) == [1]


async def test_sessions_of_the_service_are_its_connection_pool(database: Database, closing: ExitStack) -> None:
    for state in ("select 1", "select 1", "begin"):
        session(closing, database, "jackpot-api").execute(state)

    found = await collect(database, pool={"application_name": "jackpot-*", "max": 20})

    pool = found.by("jackpot_database_pool_connections", "state")
    # The exporter's own session bears the name, too: a pattern is what its author makes of it.
    assert pool == {"active": 2, "idle": 2}
    assert found.value("jackpot_database_pool_connections_max") == 20


async def test_pool_that_pgbouncer_shows_is_not_shown_twice(database: Database) -> None:
    pool = {"application_name": "*", "max": 20}
    settings = {
        "postgres": {"dsn": database.dsn, "activity": {"pool": pool}},
        "pgbouncer": {"dsn": "postgresql://127.0.0.1:1/pgbouncer", "pool": "jackpot"},
    }
    async with Target(settings, postgres.TYPE, postgres_activity.TYPE, pgbouncer.TYPE) as exporter:
        found = await exporter.collect("postgres_activity")

    assert found.values("jackpot_database_pool_connections") == []
    assert found.values("jackpot_database_pool_connections_max") == []

"""Statements as pg_stat_statements counts them, and what reading them costs the server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.monitor import errors_in_log, monitor_dsn, run_script
from harness.rounds import Round, Target
from jackpot_exporter.collectors import postgres, postgres_statements
from jackpot_exporter.demo.servers import PostgresServer
from jackpot_exporter.model import Outcome

CONTRIBUTE = "update jackpots set amount = amount + $1 where name = $2"


@pytest.fixture(scope="module", params=[15, 18])
def server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    settings: dict[str, str | int] = {
        "shared_preload_libraries": "pg_stat_statements",
        "pg_stat_statements.max": 20_000,
    }
    with PostgresServer(version=request.param, settings=settings) as started:
        started.create_database("jackpot")
        run_script(started, "exporter-statements.sql", "jackpot")
        started.execute("create table jackpots (name text primary key, amount bigint)", database="jackpot")
        started.execute("insert into jackpots values ('mega', 0)", database="jackpot")
        yield started


@pytest.fixture(autouse=True)
def _forget(server: PostgresServer) -> None:
    server.execute("select pg_stat_statements_reset()", database="jackpot")


def target(server: PostgresServer, database: str = "jackpot", /, **settings: object) -> Target:
    source = {"dsn": monitor_dsn(server, database), "databases": [database], "statements": settings}
    return Target({"postgres": source}, postgres.TYPE, postgres_statements.TYPE)


async def collect(server: PostgresServer, **settings: object) -> Round:
    async with target(server, "jackpot", **settings) as exporter:
        return await exporter.collect("postgres_statements")


def contribute(server: PostgresServer, times: int) -> None:
    with server.connect("jackpot") as connection:
        for _ in range(times):
            connection.execute("update jackpots set amount = amount + %s where name = %s", (1, "mega"))


async def test_statement_is_counted_as_the_server_counts_it(server: PostgresServer) -> None:
    contribute(server, 7)

    found = await collect(server)

    [(query_id, calls, milliseconds)] = server.execute(
        "select queryid::text, calls, total_exec_time from pg_stat_statements where query like 'update jackpots%'",
        database="jackpot",
    )
    labels = {"queryid": query_id, "datname": "jackpot", "user": "postgres"}
    assert found.outcome is Outcome.OK
    assert found.value("pg_stat_statements_calls_total", **labels) == calls == 7
    assert found.value("pg_stat_statements_rows_total", **labels) == 7
    assert found.value("pg_stat_statements_seconds_total", **labels) == pytest.approx(milliseconds / 1000)


async def test_operations_add_up_their_statements_from_zero(server: PostgresServer) -> None:
    operations = {"contribute": "update jackpots set amount%", "win": "update jackpots set won%"}
    async with target(server, operations=operations) as exporter:
        first = await exporter.collect("postgres_statements")
        contribute(server, 3)
        for _ in range(3):  # the search for new statements comes every second round at first
            second = await exporter.collect("postgres_statements")
        contribute(server, 2)
        third = await exporter.collect("postgres_statements")

    calls = "jackpot_database_statement_calls_total"
    assert first.by(calls, "operation") == {"contribute": 0, "win": 0}
    assert second.by(calls, "operation") == {"contribute": 3, "win": 0}
    assert third.by(calls, "operation") == {"contribute": 5, "win": 0}
    assert third.by("jackpot_database_statement_rows_total", "operation")["contribute"] == 5


async def test_operation_does_not_fall_when_its_statements_are_forgotten(server: PostgresServer) -> None:
    async with target(server, operations={"contribute": "update jackpots%"}) as exporter:
        contribute(server, 5)
        before = await exporter.collect("postgres_statements")
        server.execute("select pg_stat_statements_reset()", database="jackpot")
        contribute(server, 2)

        after = await exporter.collect("postgres_statements")

    calls = "jackpot_database_statement_calls_total"
    assert (before.value(calls), after.value(calls)) == (5, 7)


async def test_operation_beyond_the_most_expensive_statements_is_counted(server: PostgresServer) -> None:
    contribute(server, 4)

    found = await collect(server, operations={"contribute": "UPDATE  jackpots%".replace("  ", " ")}, max_statements=0)

    assert found.values("pg_stat_statements_calls_total") == []
    assert found.value("jackpot_database_statement_calls_total") == 4


async def test_slow_statements_are_counted_by_their_mean(server: PostgresServer) -> None:
    server.execute("select pg_sleep(0.12)", database="jackpot")
    contribute(server, 3)

    found = await collect(server)

    assert found.value("jackpot_database_slow_statements") == 1


async def test_text_is_shown_on_request_only_and_never_a_password(server: PostgresServer) -> None:
    contribute(server, 1)
    server.execute("create role singer password 'do-re-mi'", database="jackpot")
    server.execute("drop role singer", database="jackpot")

    without = await collect(server)
    shown = await collect(server, query_text=60)

    assert without.values("pg_stat_statements_query_id") == []
    texts = shown.by("pg_stat_statements_query_id", "query")
    assert CONTRIBUTE[:60] in texts
    assert not [text for text in texts if "do-re-mi" in text or "create role" in text]


async def test_without_the_extension_a_note_says_what_to_run(server: PostgresServer) -> None:
    before = errors_in_log(server)
    async with target(server, "postgres") as exporter:
        found = await exporter.collect("postgres_statements")

    assert found.outcome.is_success
    assert found.notes == {"extension": Outcome.MISSING}
    assert "create extension pg_stat_statements" in found.batch.notes[0].message
    assert errors_in_log(server) == before


async def test_extension_that_is_not_loaded_is_a_note_without_an_error_in_the_log() -> None:
    with PostgresServer(settings={"shared_preload_libraries": ""}) as bare:
        run_script(bare, "exporter-statements.sql")
        async with target(bare, "postgres") as exporter:
            found = await exporter.collect("postgres_statements")

        assert found.notes == {"extension": Outcome.MISSING}
        assert "shared_preload_libraries" in found.batch.notes[0].message
        assert errors_in_log(bare) == []

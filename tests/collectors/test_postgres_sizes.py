"""Sizes on disk, and a locked table that keeps the size it had."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from conftest import Database
from harness.monitor import errors_in_log, monitor_dsn
from harness.rounds import Target
from jackpot_exporter.collectors import postgres, postgres_sizes
from jackpot_exporter.model import Outcome


def target(database: Database, dsn: str | None = None, **settings: object) -> Target:
    source = {"dsn": dsn or monitor_dsn(database.server, database.name), "sizes": settings}
    return Target({"postgres": source}, postgres.TYPE, postgres_sizes.TYPE)


@pytest.fixture
def filled(database: Database) -> Database:
    database.execute("create table big (id int primary key, t text)")
    database.execute("insert into big select n, repeat('x', 100) from generate_series(1, 5000) as n")
    database.execute("create table small (id int)")
    database.execute("analyze")
    return database


async def test_sizes_are_the_servers(filled: Database) -> None:
    async with target(filled) as exporter:
        found = await exporter.collect("postgres_sizes")

    [(database, table, index)] = filled.execute(
        "select pg_database_size(current_database()), pg_table_size('big'), pg_indexes_size('big')"
    )
    here = {"datname": filled.name, "schemaname": "public", "relname": "big"}
    assert found.outcome is Outcome.OK
    assert found.value("pg_database_size_bytes", datname=filled.name) == database
    assert found.value("pg_stat_user_tables_table_size_bytes", **here) == table
    assert found.value("pg_stat_user_tables_index_size_bytes", **here) == index


async def test_write_ahead_log_is_measured(filled: Database) -> None:
    async with target(filled) as exporter:
        found = await exporter.collect("postgres_sizes")

    segments = found.value("pg_wal_segments") or 0
    assert segments >= 1
    assert found.value("pg_wal_size_bytes") == segments * 16 * 2**20


async def test_only_the_largest_tables_are_measured(filled: Database) -> None:
    async with target(filled, max_tables=1) as exporter:
        found = await exporter.collect("postgres_sizes")

    assert set(found.by("pg_stat_user_tables_table_size_bytes", "relname")) == {"big"}


async def test_locked_table_keeps_its_size_and_stalls_nothing(filled: Database) -> None:
    before = len(errors_in_log(filled.server))
    async with target(filled) as exporter:
        first = await exporter.collect("postgres_sizes")
        with psycopg.connect(filled.dsn) as holder:
            holder.execute("lock table big in access exclusive mode")
            async with asyncio.timeout(0.25):
                found = await exporter.collect("postgres_sizes")

    size = "pg_stat_user_tables_table_size_bytes"
    assert found.notes == {}
    assert found.value(size, relname="big") == first.value(size, relname="big")
    assert found.value(size, relname="small") == 0
    assert len(errors_in_log(filled.server)) == before


async def test_table_locked_from_the_start_is_left_out(filled: Database) -> None:
    async with target(filled) as exporter:
        with psycopg.connect(filled.dsn) as holder:
            holder.execute("lock table big in access exclusive mode")
            found = await exporter.collect("postgres_sizes")

    assert set(found.by("pg_stat_user_tables_table_size_bytes", "relname")) == {"small"}


async def test_without_pg_monitor_the_log_is_left_out_and_the_rest_is_there(filled: Database) -> None:
    if not filled.execute("select 1 from pg_roles where rolname = 'blind'"):
        filled.server.create_role("blind", "sightless")
    async with target(filled, filled.server.dsn_of(filled.name, "blind", "sightless")) as exporter:
        found = await exporter.collect("postgres_sizes")

    assert found.notes == {"wal": Outcome.PERMISSION}
    assert "run: grant pg_monitor to blind" in found.batch.notes[0].message
    assert found.value("pg_database_size_bytes", datname=filled.name)

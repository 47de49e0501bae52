"""Tables and indexes against the server's own statistics."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from conftest import Database
from harness.monitor import monitor_dsn
from harness.rounds import Round, Target
from jackpot_exporter.collectors import postgres, postgres_tables
from jackpot_exporter.model import Outcome


async def collect(database: Database, **settings: object) -> Round:
    source = {"dsn": monitor_dsn(database.server, database.name), "tables": settings}
    async with Target({"postgres": source}, postgres.TYPE, postgres_tables.TYPE) as exporter:
        return await exporter.collect("postgres_tables")


@pytest.fixture
def used(database: Database) -> Database:
    """A table with traffic, an index nobody uses, and a second, smaller table."""
    database.execute("create table t (id int primary key, n int)")
    database.execute("create index idle on t (n)")
    database.execute("create table small (id int)")
    database.execute("insert into t select n, n from generate_series(1, 2000) as n")
    database.execute("update t set n = n + 1 where id <= 100")
    database.execute("delete from t where id > 1900")
    database.execute("vacuum analyze t")
    database.execute("set enable_seqscan = off; select * from t where id = 5")
    return database


@pytest.mark.parametrize(
    "column",
    ["seq_scan", "idx_scan", "n_tup_ins", "n_tup_upd", "n_tup_del", "n_live_tup", "n_dead_tup", "vacuum_count"],
)
async def test_statistics_of_a_table_are_the_servers(used: Database, column: str) -> None:
    found = await collect(used)

    [(expected,)] = used.execute(f"select {column} from pg_stat_user_tables where relname = 't'")
    labels = {"datname": used.name, "schemaname": "public", "relname": "t"}
    assert found.outcome is Outcome.OK
    assert found.value(f"pg_stat_user_tables_{column}", **labels) == expected


async def test_times_of_vacuum_are_there_only_when_there_was_one(used: Database) -> None:
    found = await collect(used)

    [(expected,)] = used.execute(
        "select extract(epoch from last_vacuum)::float8 from pg_stat_user_tables where relname = 't'"
    )
    assert found.by("pg_stat_user_tables_last_vacuum", "relname") == {"t": expected}


async def test_unused_and_invalid_indexes_are_counted(used: Database) -> None:
    used.execute("insert into small values (1), (1)")
    with pytest.raises(psycopg.errors.UniqueViolation):
        used.execute("create unique index concurrently broken on small (id)")

    found = await collect(used)

    [(size,)] = used.execute("select pg_relation_size('idle')")
    assert found.value("pg_indexes_unused", datname=used.name) == 1
    assert found.value("pg_indexes_unused_bytes", datname=used.name) == size
    assert found.value("pg_indexes_invalid", datname=used.name) == 1


async def test_only_the_largest_tables_are_shown_and_the_rest_is_counted(used: Database) -> None:
    found = await collect(used, max_tables=1)

    assert set(found.by("pg_stat_user_tables_seq_scan", "relname")) == {"t"}
    assert set(found.by("pg_statio_user_indexes_idx_blks_hit_total", "relname")) == {"t"}
    assert [(note.key, note.dropped) for note in found.batch.notes] == [("max_tables", 1)]


async def test_lock_on_a_table_does_not_hold_up_the_round(used: Database) -> None:
    with psycopg.connect(used.dsn) as holder:
        holder.execute("lock table t in access exclusive mode")
        async with asyncio.timeout(0.5):
            found = await collect(used)

    assert found.outcome is Outcome.OK
    assert found.value("pg_stat_user_tables_n_live_tup", relname="t") == 1900

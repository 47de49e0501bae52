"""Counters of each database, against the server's own answer."""

from __future__ import annotations

import pytest

from conftest import Database
from harness.monitor import monitor_dsn
from harness.rounds import Round, Target
from jackpot_exporter.collectors import postgres, postgres_database
from jackpot_exporter.model import Outcome


async def collect(database: Database, **settings: object) -> Round:
    source = {"dsn": monitor_dsn(database.server, database.name), **settings}
    async with Target({"postgres": source}, postgres.TYPE, postgres_database.TYPE) as exporter:
        return await exporter.collect("postgres_database")


@pytest.mark.parametrize(
    "column",
    ["xact_commit", "xact_rollback", "tup_inserted", "tup_updated", "tup_deleted", "deadlocks", "temp_files"],
)
async def test_counter_is_the_servers(database: Database, column: str) -> None:
    database.execute("create table t as select generate_series(1, 100) as n")
    database.execute("update t set n = n + 1 where n < 10")
    database.execute("delete from t where n > 90")

    found = await collect(database)

    [(oid, at_most)] = database.execute(
        f"select datid::text, {column} from pg_stat_database where datname = current_database()"
    )
    value = found.value(f"pg_stat_database_{column}", datname=database.name, datid=oid)
    assert found.outcome is Outcome.OK
    assert value is not None
    assert value <= at_most
    if column.startswith("tup_"):
        assert value > 0


async def test_every_database_of_the_server_is_shown(database: Database) -> None:
    found = await collect(database, max_databases=1000)

    names = {name for (name,) in database.execute("select datname from pg_database")}
    assert set(found.by("pg_stat_database_numbackends", "datname")) == names
    assert set(found.by("pg_database_connection_limit", "datname")) == names


async def test_chosen_databases_only(database: Database) -> None:
    found = await collect(database, databases=[database.name])

    assert set(found.by("pg_stat_database_xact_commit", "datname")) == {database.name}
    assert set(found.by("pg_stat_database_conflicts_confl_lock", "datname")) == {database.name}


async def test_databases_over_the_cap_are_counted_and_the_connected_one_is_shown(database: Database) -> None:
    found = await collect(database, max_databases=2)

    [(count,)] = database.execute("select count(*) from pg_database")
    shown = set(found.by("pg_stat_database_xact_commit", "datname"))
    assert len(shown) == 2
    assert database.name in shown
    assert [(note.key, note.dropped) for note in found.batch.notes] == [("max_databases", count - 2)]


async def test_what_was_never_counted_gives_no_sample(database: Database) -> None:
    found = await collect(database)

    [(checksums,)] = database.execute("select current_setting('data_checksums')")
    [(failures,)] = database.execute(
        "select checksum_failures from pg_stat_database where datname = current_database()"
    )
    assert failures is None or checksums == "on"
    shown = found.values("pg_stat_database_checksum_failures_total", datname=database.name)
    assert shown == ([] if failures is None else [failures])

"""Locks, their waiters and blockers, on a table that is really locked."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import psycopg
import pytest

from conftest import Database
from harness.monitor import monitor_dsn
from harness.rounds import Round, Target
from harness.sessions import waiting
from harness.waiting import eventually
from jackpot_exporter.collectors import postgres, postgres_locks
from jackpot_exporter.model import Outcome


async def collect(database: Database) -> Round:
    source = {"dsn": monitor_dsn(database.server, database.name), "databases": [database.name]}
    async with Target({"postgres": source}, postgres.TYPE, postgres_locks.TYPE) as exporter:
        return await exporter.collect("postgres_locks")


@pytest.fixture
def locked(database: Database, closing: ExitStack) -> Database:
    """A database in which one session holds the table `t` and two wait for it."""
    database.execute("create table t (id int primary key, n int)")
    database.execute("insert into t values (1, 0)")
    holder = closing.enter_context(psycopg.connect(database.dsn))
    holder.execute("lock table t in access exclusive mode")
    for _ in range(2):
        closing.enter_context(waiting(database.dsn, "select * from t"))
    return database


async def test_locks_are_counted_by_mode_and_grant(locked: Database) -> None:
    found = await collect(locked)

    here = {"datname": locked.name}
    assert found.outcome is Outcome.OK
    assert found.value("pg_locks_count", mode="accessexclusivelock", **here) == 1
    assert found.value("pg_locks_grant_count", mode="accessexclusivelock", granted="true", **here) == 1
    assert found.value("pg_locks_grant_count", mode="accesssharelock", granted="false", **here) == 2
    assert found.value("pg_locks_count", mode="sireadlock", **here) == 0


async def test_waiters_and_the_one_they_wait_for(locked: Database) -> None:
    oldest = (
        "select max(extract(epoch from clock_timestamp() - waitstart))::float8 from pg_locks where not granted"
        " and database = (select oid from pg_database where datname = current_database())"
    )
    eventually(lambda: locked.execute(oldest)[0][0] > 0.05)

    found = await collect(locked)

    here = {"datname": locked.name}
    assert found.value("pg_locks_waiters", **here) == 2
    assert found.value("pg_locks_blockers", **here) == 1
    assert 0.05 < (found.value("pg_locks_oldest_wait_seconds", **here) or 0) <= locked.execute(oldest)[0][0]


async def test_wait_for_a_row_counts_though_its_lock_belongs_to_no_database(
    database: Database, closing: ExitStack
) -> None:
    database.execute("create table t (id int primary key, n int)")
    database.execute("insert into t values (1, 0)")
    holder = closing.enter_context(psycopg.connect(database.dsn))
    holder.execute("update t set n = 1")
    closing.enter_context(waiting(database.dsn, "update t set n = 2"))

    found = await collect(database)

    assert found.value("pg_locks_waiters", datname=database.name) == 1
    assert found.value("pg_locks_blockers", datname=database.name) == 1


async def test_nobody_waiting_is_zero(database: Database) -> None:
    found = await collect(database)

    for name in ("pg_locks_waiters", "pg_locks_blockers", "pg_locks_oldest_wait_seconds"):
        assert found.value(name, datname=database.name) == 0


async def test_lock_on_a_table_does_not_hold_up_the_round(locked: Database) -> None:
    async with asyncio.timeout(5):  # who waited would fail at lock_timeout, a quarter of a second
        found = await collect(locked)

    assert found.outcome is Outcome.OK

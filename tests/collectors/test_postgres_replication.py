"""A real primary with a real standby."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.monitor import monitor_dsn
from harness.rounds import Round, Target
from harness.standby import StandbyServer
from harness.waiting import eventually
from jackpot_exporter.collectors import postgres, postgres_replication, postgres_wal
from jackpot_exporter.demo.servers import PostgresServer
from jackpot_exporter.model import Outcome


@pytest.fixture(scope="module")
def primary() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        server.execute("create table t (id int)")
        yield server


@pytest.fixture(scope="module")
def standby(primary: PostgresServer) -> Iterator[StandbyServer]:
    monitor_dsn(primary)  # the role comes with the copy
    with StandbyServer(primary, "follower") as server:
        following = "select 1 from pg_stat_replication where state = 'streaming' and replay_lsn is not null"
        eventually(lambda: primary.execute(following))
        yield server


async def collect(server: PostgresServer, name: str = "postgres_replication") -> Round:
    kinds = (postgres.TYPE, postgres_replication.TYPE, postgres_wal.TYPE)
    dsn = server.dsn_of("postgres", "jackpot_exporter", "only-for-tests")
    async with Target({"postgres": {"dsn": dsn}}, *kinds) as exporter:
        return await exporter.collect(name)


async def test_primary_knows_its_standby_and_slot(primary: PostgresServer, standby: StandbyServer) -> None:
    found = await collect(primary)

    labels = {"application_name": "walreceiver", "slot_name": "follower", "state": "streaming"}
    assert (found.outcome, found.notes) == (Outcome.OK, {})
    assert found.value("pg_replication_is_replica") == 0
    assert found.value("pg_stat_replication_pg_wal_lsn_diff", **labels) is not None
    assert found.value("pg_replication_slot_slot_is_active", slot_name="follower", slot_type="physical") == 1
    assert found.value("pg_replication_slot_wal_status", slot_name="follower", wal_status="reserved") == 1
    assert found.value("pg_replication_slots_active", slot_name="follower", database="") == 1


async def test_standby_knows_itself_and_its_primary(standby: StandbyServer) -> None:
    eventually(lambda: standby.execute("select 1 from pg_stat_wal_receiver where status = 'streaming'"))

    found = await collect(standby)

    assert (found.outcome, found.notes) == (Outcome.OK, {})
    assert found.value("pg_replication_is_replica") == 1
    assert found.value("pg_replication_lag_seconds") is not None
    receiver = {"slot_name": "follower", "status": "streaming"}
    assert (found.value("pg_stat_wal_receiver_last_msg_receipt_time", **receiver) or 0) > 1e9


async def test_standby_that_does_not_follow_falls_behind(primary: PostgresServer, standby: StandbyServer) -> None:
    primary.execute("insert into t values (0)")
    eventually(lambda: standby.execute("select pg_last_xact_replay_timestamp()") != [(None,)])
    standby.execute("select pg_wal_replay_pause()")
    primary.execute("insert into t select generate_series(1, 1000)")
    behind = "select pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn()"
    eventually(lambda: standby.execute(behind) == [(True,)])
    try:
        found = await collect(standby)
        at_primary = await collect(primary)
    finally:
        standby.execute("select pg_wal_replay_resume()")

    assert (found.value("pg_replication_lag_seconds") or 0) > 0
    assert (at_primary.value("pg_stat_replication_pg_wal_lsn_diff", slot_name="follower") or 0) > 0


@pytest.mark.parametrize("side", ["primary", "standby"])
async def test_position_of_the_log_is_had_on_both_sides(
    request: pytest.FixtureRequest, standby: StandbyServer, side: str
) -> None:
    found = await collect(request.getfixturevalue(side), "postgres_wal")

    assert (found.outcome, found.notes) == (Outcome.OK, {})
    assert (found.value("pg_wal_position_bytes_total") or 0) > 16 * 2**20


async def test_stopped_standby_leaves_its_slot_inactive(primary: PostgresServer) -> None:
    with StandbyServer(primary, "leaver") as standby:
        active = "select active from pg_replication_slots where slot_name = 'leaver'"
        eventually(lambda: primary.execute(active) == [(True,)])
        standby.stop()
        eventually(lambda: primary.execute(active) == [(False,)])
        monitor_dsn(primary)

        found = await collect(primary)

    primary.execute("select pg_drop_replication_slot('leaver')")
    assert found.value("pg_replication_slot_slot_is_active", slot_name="leaver") == 0
    assert found.values("pg_stat_replication_pg_wal_lsn_diff", slot_name="leaver") == []

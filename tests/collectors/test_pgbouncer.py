"""PgBouncer's console against its own answers, and sampling through PgBouncer in transaction mode."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from harness.monitor import PASSWORD, ROLE, errors_in_log, make_role, run_script
from harness.proxy import FaultProxy
from harness.rounds import Round, Target
from harness.sessions import running
from harness.waiting import eventually
from jackpot_exporter.collectors import discover, pgbouncer
from jackpot_exporter.demo.servers import PgBouncerServer, PostgresServer
from jackpot_exporter.model import Outcome

KINDS = [kind for kind in discover() if kind.name.startswith("postgres")]


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer(settings={"shared_preload_libraries": "pg_stat_statements"}) as started:
        started.create_database("jackpot")
        run_script(started, "exporter-statements.sql", "jackpot")
        make_role(started)
        yield started


@pytest.fixture
def bouncer(server: PostgresServer) -> Iterator[PgBouncerServer]:
    settings: dict[str, str | int] = {"default_pool_size": 1, "stats_users": ROLE}
    with PgBouncerServer(server, users={ROLE: PASSWORD}, settings=settings) as started:
        yield started


async def collect(bouncer: PgBouncerServer, **settings: object) -> Round:
    dsn = bouncer.dsn_of("pgbouncer", ROLE)
    async with Target({"pgbouncer": {"dsn": dsn, **settings}}, pgbouncer.TYPE) as exporter:
        return await exporter.collect("pgbouncer")


async def test_console_is_read_by_a_user_who_may_only_see_statistics(bouncer: PgBouncerServer) -> None:
    found = await collect(bouncer)

    assert (found.outcome, found.notes, found.batch.message) == (Outcome.OK, {}, "")
    assert found.value("pgbouncer_up") == 1
    [version] = [row["version"] for row in bouncer.show("version")]
    assert found.value("pgbouncer_version_info", version=version) == 1
    assert found.value("pgbouncer_config_max_client_connections") == 100
    assert found.names <= {spec.full_name("jackpot") for spec in pgbouncer.TYPE.metrics}


async def test_traffic_is_what_passed_through(bouncer: PgBouncerServer, closing: ExitStack) -> None:
    client = closing.enter_context(psycopg.connect(bouncer.dsn_of("jackpot"), autocommit=True))
    for _ in range(10):
        client.execute("select 1")

    found = await collect(bouncer)

    [totals] = [row for row in bouncer.show("stats_totals") if row["database"] == "jackpot"]
    here = {"database": "jackpot"}
    assert found.value("pgbouncer_stats_totals_queries_pooled_total", **here) == totals["query_count"] >= 10
    assert found.value("pgbouncer_stats_totals_sent_bytes_total", **here) == totals["bytes_sent"] > 0
    spent = float(totals["query_time"]) / 1e6
    assert found.value("pgbouncer_stats_totals_queries_duration_seconds_total", **here) == pytest.approx(spent)


async def test_waiting_clients_and_how_long_in_parts_of_a_second(bouncer: PgBouncerServer) -> None:
    dsn = bouncer.dsn_of("jackpot")
    with running(dsn, "select pg_sleep(60)"):
        eventually(lambda: [row for row in bouncer.show("pools") if row["sv_active"]])
        with running(dsn, "select 1"):
            eventually(lambda: [row for row in bouncer.show("pools") if row["maxwait_us"] > 10_000])

            found = await collect(bouncer, pool="jackpot")

    labels = {"database": "jackpot", "user": "postgres"}
    wait = found.value("pgbouncer_pools_client_maxwait_seconds", **labels)
    assert wait is not None
    assert wait > 0
    assert wait != int(wait)
    assert found.value("pgbouncer_pools_client_waiting_connections", **labels) == 1
    pool = found.by("jackpot_database_pool_connections", "state")
    assert pool == {"active": 1, "idle": 0, "waiting": 1}
    assert found.value("jackpot_database_pool_connections_max") == 1


async def test_rows_over_the_cap_are_counted(bouncer: PgBouncerServer, closing: ExitStack) -> None:
    closing.enter_context(psycopg.connect(bouncer.dsn_of("jackpot"))).execute("select 1")

    found = await collect(bouncer, max_rows=1)

    assert len(found.values("pgbouncer_pools_server_idle_connections")) == 1
    assert {note.key for note in found.batch.notes} >= {"pools"}


async def test_password_is_read_from_its_file(bouncer: PgBouncerServer, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text(PASSWORD + os.linesep)
    dsn = f"postgresql://{ROLE}@127.0.0.1:{bouncer.port}/pgbouncer"
    async with Target({"pgbouncer": {"dsn": dsn, "password_file": str(secret)}}, pgbouncer.TYPE) as exporter:
        assert (await exporter.collect("pgbouncer")).value("pgbouncer_up") == 1
        secret.write_text("rotated")
        await exporter.clients.close()

        found = await exporter.collect("pgbouncer")

    assert found.outcome is Outcome.AUTH
    assert found.value("pgbouncer_up") == 0


async def test_mute_console_is_down_within_the_timeout(
    bouncer: PgBouncerServer, proxy_to: Callable[[int], FaultProxy]
) -> None:
    proxy = proxy_to(bouncer.port)
    dsn = bouncer.dsn_of("pgbouncer", ROLE).replace(str(bouncer.port), str(proxy.port))
    settings = {"dsn": dsn, "interval": 1, "timeout": 0.5, "connect_timeout": 0.3}
    async with Target({"pgbouncer": settings}, pgbouncer.TYPE) as exporter:
        assert (await exporter.collect("pgbouncer")).value("pgbouncer_up") == 1
        proxy.mute()

        found = await exporter.collect("pgbouncer")

        assert found.outcome is Outcome.TIMEOUT
        assert found.value("pgbouncer_up") == 0
        proxy.pass_through()
        assert (await exporter.collect("pgbouncer")).value("pgbouncer_up") == 1


async def test_every_collector_works_through_pgbouncer_in_transaction_mode(
    server: PostgresServer, bouncer: PgBouncerServer
) -> None:
    settings = {"dsn": bouncer.dsn_of("jackpot", ROLE)}
    async with Target({"postgres": settings}, *KINDS) as exporter:
        for _ in range(3):
            for name in exporter.names:
                found = await exporter.collect(name)
                assert (name, found.outcome, found.notes, found.batch.message) == (name, Outcome.OK, {}, "")

    assert [line for line in errors_in_log(server) if f"{ROLE}@" in line] == []
    with psycopg.connect(bouncer.dsn_of("jackpot", ROLE), autocommit=True) as client:
        for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "work_mem"):
            [(left, default)] = client.execute(
                "select setting, reset_val from pg_settings where name = %s", (name,)
            ).fetchall()
            assert left == default
        assert client.execute("select count(*) from pg_prepared_statements").fetchone() == (0,)

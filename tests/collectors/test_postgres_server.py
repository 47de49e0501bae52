"""The log, input and output, and settings, on servers before and since the views changed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.monitor import monitor_dsn
from harness.rounds import Round, Target
from jackpot_exporter.collectors import postgres, postgres_io, postgres_settings, postgres_wal
from jackpot_exporter.demo.servers import PostgresServer
from jackpot_exporter.model import Outcome

KINDS = (postgres.TYPE, postgres_io.TYPE, postgres_settings.TYPE, postgres_wal.TYPE)


@pytest.fixture(scope="module", params=[15, 18])
def server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    settings = {"archive_mode": "on", "archive_command": "/bin/true", "statement_timeout": "45s"}
    with PostgresServer(version=request.param, settings=settings) as started:
        started.execute("create table t as select generate_series(1, 100000) as n")
        yield started


async def collect(server: PostgresServer, name: str) -> Round:
    async with Target({"postgres": {"dsn": monitor_dsn(server)}}, *KINDS) as exporter:
        return await exporter.collect(name)


async def test_checkpoint_on_request_is_counted_wherever_the_server_counts_it(server: PostgresServer) -> None:
    def requested(found: Round) -> float:
        old = found.value("pg_stat_bgwriter_checkpoints_req_total")
        new = found.value("pg_stat_checkpointer_num_requested_total")
        assert (old is None) != (new is None)
        return old if old is not None else new or 0

    before = requested(await collect(server, "postgres_io"))
    server.execute("checkpoint")

    assert requested(await collect(server, "postgres_io")) == before + 1


async def test_input_and_output_is_that_of_the_view(server: PostgresServer) -> None:
    found = await collect(server, "postgres_io")

    if server.version == 15:
        assert not [name for name in found.names if name.startswith("pg_stat_io_")]
        return
    labels = {"backend_type": "client backend", "object": "relation", "context": "bulkwrite"}
    [(extends, size)] = server.execute(
        "select extends, extend_bytes::bigint from pg_stat_io"
        " where (backend_type, object, context) = ('client backend', 'relation', 'bulkwrite')"
    )
    assert found.value("pg_stat_io_extends_total", **labels) == extends > 0
    assert found.value("pg_stat_io_extend_bytes_total", **labels) == size
    assert found.values("pg_stat_io_fsyncs_total", **labels) == []


async def test_log_grows_and_is_archived(server: PostgresServer) -> None:
    before = await collect(server, "postgres_wal")
    server.execute("insert into t select generate_series(1, 1000); select pg_switch_wal()")

    after = await collect(server, "postgres_wal")

    position = "pg_wal_position_bytes_total"
    assert after.outcome is Outcome.OK
    assert (after.value(position) or 0) > (before.value(position) or 0)
    assert (after.value("pg_stat_wal_bytes_total") or 0) >= (before.value("pg_stat_wal_bytes_total") or 0)
    assert after.value("pg_stat_archiver_failed_count") == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pg_settings_shared_buffers_bytes", 16 * 2**20),
        ("pg_settings_max_connections", 40),
        ("pg_settings_fsync", 0),
        ("pg_settings_statement_timeout_seconds", 45),
        ("pg_settings_checkpoint_timeout_seconds", 300),
        ("pg_settings_wal_segment_size_bytes", 16 * 2**20),
        ("pg_settings_checkpoint_completion_target", 0.9),
        ("pg_settings_temp_file_limit_bytes", -1),
        ("pg_settings_autovacuum_naptime_seconds", 60),
        ("pg_settings_pending_restart", 0),
    ],
)
async def test_settings_come_in_base_units(server: PostgresServer, name: str, value: float) -> None:
    found = await collect(server, "postgres_settings")

    assert found.value(name, server=f"127.0.0.1:{server.port}") == pytest.approx(value)


async def test_unit_in_each_name_is_that_of_the_server(server: PostgresServer) -> None:
    units = dict(server.execute("select name, unit from pg_settings"))

    for name, spec in postgres_settings.SPECS.items():
        unit = units.get(name)
        is_time, is_size = unit in {"ms", "s", "min"}, unit is not None and unit.endswith("B")
        assert name not in units or spec.name.endswith("_seconds") == is_time, name
        assert name not in units or spec.name.endswith("_bytes") == is_size, name


async def test_settings_that_are_words_are_labels(server: PostgresServer) -> None:
    found = await collect(server, "postgres_settings")

    assert found.value("pg_setting_info", name="wal_level", setting="replica") == 1


async def test_limit_of_each_role_is_shown(server: PostgresServer) -> None:
    found = await collect(server, "postgres_settings")

    assert found.by("pg_roles_connection_limit", "rolname")["jackpot_exporter"] == 6

"""Real servers start quickly, can be hurt, and leave nothing behind, whatever happens to their parent."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg
import pytest
from redis import Redis
from redis.exceptions import TimeoutError as RedisTimeoutError

from harness.waiting import eventually
from jackpot_exporter.demo.servers import (
    AlertmanagerServer,
    PgBouncerServer,
    PostgresServer,
    PrometheusServer,
    RedisServer,
)
from jackpot_exporter.errors import ToolError

ALERTMANAGER = {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}

PARENT = """
import json, sys
from jackpot_exporter.demo.servers import PostgresServer, RedisServer
servers = [PostgresServer().start(), RedisServer().start()]
if "pause" in sys.argv:
    [server.pause() for server in servers]
pids = [server.pid for server in servers]
print(json.dumps({"pids": pids, "folders": [str(server.folder) for server in servers]}), flush=True)
if "exit" not in sys.argv:
    sys.stdin.read()
"""


@pytest.mark.parametrize("how", ["killed", "killed-while-paused", "exit"])
def test_nothing_is_left_of_a_process_that_ended(how: str) -> None:
    arguments = ["pause"] if how == "killed-while-paused" else [how]
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with parent:
        assert parent.stdout is not None
        started = json.loads(parent.stdout.readline())
        segment = _segment(Path(started["folders"][0]) / "data")
        if how != "exit":
            parent.kill()

    eventually(lambda: not any(_is_alive(pid) for pid in started["pids"]), within=30)
    eventually(lambda: not any(Path(folder).exists() for folder in started["folders"]), within=30)
    assert segment not in _segments()


def test_removing_a_folder_removes_the_memory_of_a_killed_postgres() -> None:
    with PostgresServer() as server:
        segment = _segment(server.data_folder)
        assert segment in _segments()
        server.kill()

    assert segment not in _segments()


def test_postgres_survives_stop_kill_and_pause(postgres_server: PostgresServer) -> None:
    postgres_server.execute("create table kept as select 7 as value")

    postgres_server.shut_down("fast")
    with pytest.raises(psycopg.OperationalError):
        postgres_server.connect()
    postgres_server.start()
    postgres_server.kill()
    postgres_server.start()
    postgres_server.pause()
    with pytest.raises(psycopg.errors.ConnectionTimeout):
        psycopg.connect(postgres_server.dsn, connect_timeout=1)
    postgres_server.resume()

    assert postgres_server.execute("select value from kept") == [(7,)]


def test_postgres_reports_why_it_does_not_start() -> None:
    server = PostgresServer(settings={"shared_buffers": "much"})

    with pytest.raises(ToolError, match="shared_buffers"), server:
        pass

    assert not server.folder.exists()


def test_postgres_roles_need_their_password(postgres_server: PostgresServer) -> None:
    dsn = postgres_server.create_role("reader", "right")

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(dsn.replace("right", "wrong"))
    psycopg.connect(dsn).close()


def test_postgres_collects_statements(postgres_server: PostgresServer) -> None:
    postgres_server.execute("create extension pg_stat_statements")

    assert postgres_server.execute("select count(*) > 0 from pg_stat_statements") == [(True,)]


def test_postgres_18_runs_beside_the_older_one(postgres: PostgresServer) -> None:
    with PostgresServer(version=18) as newer:
        assert newer.execute("show server_version")[0][0].startswith("18")
        assert postgres.is_running


def test_pgbouncer_pools_a_postgres(postgres_server: PostgresServer) -> None:
    postgres_server.create_role("service", "secret")

    with (
        PgBouncerServer(postgres_server, users={"service": "secret"}) as pgbouncer,
        psycopg.connect(pgbouncer.dsn_of(user="service")) as connection,
    ):
        connection.execute("select 1")
        pools = {(pool["database"], pool["user"]): pool for pool in pgbouncer.show("pools")}

    assert pools["postgres", "service"]["sv_active"] == 1


@pytest.mark.parametrize("version", [None, 8], ids=["system", "newer"])
def test_redis_answers_on_port_and_socket_and_can_be_paused(version: int | None) -> None:
    with RedisServer(version=version, password="secret") as server, server.client() as client:
        client.set("key", "value")
        assert server.socket_path.is_socket()

        server.pause()
        with Redis.from_url(server.url, socket_timeout=0.1) as waiting, pytest.raises(RedisTimeoutError):
            waiting.ping()
        server.resume()

        assert client.get("key") == "value"


@pytest.mark.parametrize("version", [None, 3], ids=["system", "newer"])
def test_prometheus_scrapes_and_reloads(version: int | None, prometheus: Callable[..., PrometheusServer]) -> None:
    server = prometheus({}, version=version)

    itself = {"job_name": "itself", "static_configs": [{"targets": [f"127.0.0.1:{server.port}"]}]}
    server.reload({"global": {"scrape_interval": "100ms", "scrape_timeout": "100ms"}, "scrape_configs": [itself]})

    eventually(lambda: [one for one in server.query("up") if one["value"][1] == "1"], within=30)
    assert [target["health"] for target in server.targets()] == ["up"]


def test_prometheus_says_why_a_configuration_is_refused(prometheus: Callable[..., PrometheusServer]) -> None:
    server = prometheus({})

    with pytest.raises(ToolError, match="scrape_configz"):
        server.reload({"scrape_configz": []})


@pytest.mark.parametrize("version", [None, "current"], ids=["system", "current"])
def test_alertmanager_holds_alerts(version: str | None, alertmanager: Callable[..., AlertmanagerServer]) -> None:
    server = alertmanager(ALERTMANAGER, version=version)

    server.post_alerts([{"labels": {"alertname": "Something"}}])

    assert [alert["labels"] for alert in server.alerts()] == [{"alertname": "Something"}]


def test_two_prometheus_versions_stand_side_by_side(prometheus: Callable[..., PrometheusServer]) -> None:
    servers = [prometheus({}, version=version) for version in (2, 3)]

    assert [server.api("/api/v1/status/buildinfo")["data"]["version"][0] for server in servers] == ["2", "3"]


def _is_alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def _segment(data_folder: Path) -> str:
    """The id of the System V segment that PostgreSQL names in its pid file."""
    return (data_folder / "postmaster.pid").read_text().splitlines()[6].split()[1]


def _segments() -> set[str]:
    return {line.split()[1] for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]}

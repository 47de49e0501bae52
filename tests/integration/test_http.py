"""The HTTP side of a running exporter: formats, targets, reload, readiness, an end in order."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from harness.exporter import OPENMETRICS, TEXT, ExporterProcess
from harness.pool_table import TABLE
from harness.waiting import eventually
from jackpot_exporter import tools
from jackpot_exporter.demo.servers import PostgresServer, PrometheusServer, RedisServer, free_port


@pytest.fixture(scope="module")
def settings(postgres: PostgresServer, shared_redis: RedisServer) -> Iterator[dict[str, Any]]:
    dsn = postgres.create_database("test_http")
    postgres.execute(TABLE, database="test_http")
    row = """insert into jackpots values ('we"ird \\ \U0001f3b0', 500, 900, 2, 400, now(), 7, now(), now())"""
    postgres.execute(row, database="test_http")
    yield {"interval": "1s", "postgres": {"dsn": dsn}, "redis": {"url": shared_redis.url}}
    postgres.drop_database("test_http")


@contextlib.contextmanager
def serving(settings: dict[str, Any]) -> Iterator[ExporterProcess]:
    further = {"brand-b": {"namespace": "brand_b", "redis": settings["redis"]}}
    with ExporterProcess({**settings, "targets": further, "web": {"enable_reload": True}}) as process:
        eventually(lambda: process.get("/-/ready"), within=20)
        yield process


@pytest.fixture(scope="module")
def exporter(settings: dict[str, Any]) -> Iterator[ExporterProcess]:
    """Shared: ask it what you like, change nothing."""
    with serving(settings) as process:
        yield process


@pytest.fixture
def own_exporter(settings: dict[str, Any]) -> Iterator[ExporterProcess]:
    """One that the test may reload and stop."""
    with serving(settings) as process:
        yield process


def status(exporter: ExporterProcess, path: str, method: str = "GET") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", exporter.port, timeout=10)
    with contextlib.closing(connection):
        connection.request(method, path)
        return connection.getresponse().status


@pytest.mark.parametrize("accept", [TEXT, OPENMETRICS], ids=["text", "openmetrics"])
def test_both_formats_are_read_by_the_client_library(exporter: ExporterProcess, accept: str) -> None:
    families = exporter.scrape(accept)

    amounts = families["jackpot_pool_amount_cents"].samples
    assert [(s.labels, s.value) for s in amounts] == [({"pool": 'we"ird \\ \U0001f3b0'}, 500)]
    assert {"redis_up", "pg_up", "node_load1", "jackpot_exporter_build_info", "process_cpu_seconds"} <= set(
        families
    ) | {name.removesuffix("_total") for name in families}


def test_promtool_finds_nothing_wrong_with_our_own_families(exporter: ExporterProcess) -> None:
    text = exporter.get("/metrics", {"Accept": TEXT})

    done = subprocess.run([tools.find("promtool", 3), "check", "metrics"], input=text, capture_output=True, check=False)

    said = done.stderr.decode()
    assert "error while linting" not in said
    assert [line for line in said.splitlines() if line.startswith("jackpot_")] == []


def test_gzip_is_sent_to_those_who_take_it(exporter: ExporterProcess) -> None:
    plain = exporter.get("/metrics", {"Accept": TEXT})
    zipped = exporter.get("/metrics", {"Accept": TEXT, "Accept-Encoding": "gzip"})

    assert zipped[:2] == b"\x1f\x8b"
    assert gzip.decompress(zipped).splitlines()[:50] == plain.splitlines()[:50]


def test_curl_reads_the_whole_compressed_answer(exporter: ExporterProcess) -> None:
    done = subprocess.run(
        ["curl", "-s", "--compressed", "-H", f"Accept: {OPENMETRICS}", f"{exporter.url}/metrics"],
        capture_output=True,
        check=True,
    )

    assert done.stdout.endswith(b"# EOF\n")


def test_chosen_collectors_only(exporter: ExporterProcess) -> None:
    families = exporter.scrape(path="/metrics?collect[]=pools")

    assert "jackpot_pool_amount_cents" in families
    assert "redis_up" not in families


@pytest.mark.parametrize(
    ("method", "path", "wanted"),
    [
        ("GET", "/metrics?collect[]=nonsense", 400),
        ("GET", "/probe?target=nonsense", 404),
        ("GET", "/probe?target=127.0.0.1:5432", 404),
        ("GET", "/probe?target=http://169.254.169.254/", 404),
        ("GET", "/probe", 404),
        ("GET", "/probe?target=brand-b", 200),
        ("HEAD", "/metrics", 200),
        ("POST", "/metrics", 405),
        ("GET", "/nonsense", 404),
        ("GET", "/", 200),
        ("GET", "/-/healthy", 200),
        ("GET", "/-/ready", 200),
        ("GET", "/-/reload", 405),
        ("POST", "/-/reload", 200),
    ],
)
def test_status(exporter: ExporterProcess, method: str, path: str, wanted: int) -> None:
    assert status(exporter, path, method) == wanted


def test_a_further_target_is_served_under_its_own_namespace(exporter: ExporterProcess) -> None:
    families = exporter.scrape(path="/probe?target=brand-b")

    assert "brand_b_cache_ping_seconds" in families
    assert not any(name.startswith(("pg_", "process_", "jackpot_pool")) for name in families)


def test_scrapes_are_counted(own_exporter: ExporterProcess) -> None:
    before = own_exporter.value("jackpot_exporter_scrapes_total", code="200") or 0
    status(own_exporter, "/probe?target=nonsense")

    assert (own_exporter.value("jackpot_exporter_scrapes_total", code="200") or 0) == before + 1
    assert own_exporter.value("jackpot_exporter_scrapes_total", code="404") == 1


def test_a_reload_takes_new_settings(own_exporter: ExporterProcess, settings: dict[str, Any]) -> None:
    own_exporter.settings_path.write_text(yaml.safe_dump({**settings, "namespace": "other"}))

    os.kill(own_exporter.pid, signal.SIGHUP)

    eventually(lambda: own_exporter.value("other_pool_amount_cents") == 500)
    assert own_exporter.value("jackpot_exporter_config_last_reload_successful") == 1


def test_counters_go_on_over_a_reload(own_exporter: ExporterProcess) -> None:
    before = own_exporter.value("jackpot_exporter_collector_duration_seconds_count", collector="pools") or 0

    assert status(own_exporter, "/-/reload", "POST") == 200

    after = own_exporter.value("jackpot_exporter_collector_duration_seconds_count", collector="pools") or 0
    assert after >= before > 0


def test_a_bad_file_leaves_the_running_settings_in_force(own_exporter: ExporterProcess) -> None:
    own_exporter.settings_path.write_text("pols: {}\n")

    assert status(own_exporter, "/-/reload", "POST") == 400

    assert own_exporter.value("jackpot_exporter_config_last_reload_successful") == 0
    assert own_exporter.value("jackpot_pool_amount_cents") == 500
    assert "pols: not a known setting" in own_exporter.log_text()


def test_reload_over_http_is_off_by_default(settings: dict[str, Any]) -> None:
    with ExporterProcess({"host": {}}) as process:
        assert status(process, "/-/reload", "POST") == 403


def test_sigterm_ends_it_in_order(settings: dict[str, Any], postgres: PostgresServer) -> None:
    with ExporterProcess({**settings, "namespace": "ending"}) as process:
        eventually(lambda: process.get("/-/ready"), within=20)
        running = psutil.Process(process.pid)
        ports = ", ".join(str(c.laddr.port) for c in running.net_connections() if c.raddr)

        running.terminate()

        assert running.wait(30) == 0
        asked = f"select count(*) from pg_stat_activity where client_port in ({ports})"
        eventually(lambda: postgres.execute(asked)[0][0] == 0)


def test_a_taken_port_is_told_without_a_traceback() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            ["jackpot-exporter", "serve", "--web.listen-address", f"127.0.0.1:{port}"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        )

    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("version", [None, 3], ids=["Prometheus 2.42", "Prometheus 3.5"])
def test_a_real_prometheus_takes_it_in(exporter: ExporterProcess, version: int | None) -> None:
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
        "scrape_configs": [
            {
                "job_name": "jackpot-exporter",
                "static_configs": [{"targets": [f"127.0.0.1:{exporter.port}"], "labels": {"service": "jackpot"}}],
            }
        ],
    }

    with PrometheusServer(config, version=version, port=free_port()) as prometheus:
        eventually(lambda: prometheus.query("jackpot_pool_amount_cents"), within=30)
        target = prometheus.targets()[0]
        dropped = prometheus.query("scrape_samples_scraped - scrape_samples_post_metric_relabeling")
        amount = prometheus.query("jackpot_pool_amount_cents")[0]

    assert target["lastError"] == ""
    assert target["health"] == "up"
    assert [one["value"][1] for one in dropped] == ["0"]
    assert amount["metric"]["pool"] == 'we"ird \\ \U0001f3b0'
    assert amount["value"][1] == "500"

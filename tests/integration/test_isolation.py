"""A source in trouble harms nobody: scrapes stay quick, the others stay fresh, nothing piles up, all comes back."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any

import pytest

from harness.exporter import ExporterProcess, Scraper
from harness.proxy import FaultProxy
from harness.waiting import eventually
from jackpot_exporter.demo.servers import PostgresServer, RedisServer

SCHEMA = files("jackpot_exporter.demo").joinpath("schema.sql").read_text()
INTERVAL = 1.0
SLOWEST_SCRAPE = 0.010  # seconds, at the 99th percentile
WAITING = """
select
    count(*),
    coalesce(extract(epoch from max(clock_timestamp() - waitstart)), 0)
from pg_locks
where not granted
"""
CONNECTIONS = "select count(*) from pg_stat_activity where application_name like 'jackpot-exporter%%'"


@pytest.fixture
def server(postgres_server: PostgresServer) -> PostgresServer:
    postgres_server.execute(SCHEMA)
    return postgres_server


def settings(server: PostgresServer, redis_url: str) -> dict[str, Any]:
    return {
        "interval": f"{INTERVAL}s",
        "postgres": {"dsn": server.dsn},
        "redis": {"url": redis_url},
        "host": {"interval": f"{INTERVAL}s"},
    }


@pytest.fixture
def exporter(server: PostgresServer, private_redis: RedisServer) -> Iterator[ExporterProcess]:
    with ExporterProcess(settings(server, private_redis.url)) as process:
        eventually(lambda: process.get("/-/ready"), within=20)
        yield process


@contextlib.contextmanager
def table_locked(server: PostgresServer) -> Iterator[None]:
    with server.connect() as locker:
        locker.execute("begin; lock table jackpots in access exclusive mode")
        yield


@contextlib.contextmanager
def scraping(exporter: ExporterProcess, often: float = 0.01) -> Iterator[Scraper]:
    """A scrape every hundredth of a second in the background."""
    scraper, stop = Scraper(exporter), threading.Event()
    failures: list[BaseException] = []

    def run() -> None:
        try:
            while not stop.wait(often):
                scraper.scrape()
        except BaseException as failure:
            failures.append(failure)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield scraper
    finally:
        stop.set()
        thread.join()
        scraper.close()
    assert failures == []


def watch(is_over: Callable[[], bool], look: Callable[[], Any]) -> list[Any]:
    """What `look` gave, again and again until then."""
    found: list[Any] = []

    def looked() -> bool:
        found.append(look())
        return is_over()

    eventually(looked)
    return found


def assert_fresh(exporter: ExporterProcess, *names: str) -> None:
    """Each of these collectors was shown to succeed within the last few intervals."""
    for name in names:
        age = exporter.value("jackpot_exporter_collector_age_seconds", collector=name)
        assert age is not None, name
        assert age < 5 * INTERVAL, (name, age)


def leaks_nothing(exporter: ExporterProcess, before: dict[str, int]) -> bool:
    """A connection may be closed at the moment; more than before is a leak."""
    return all(count <= before[what] for what, count in exporter.resources().items())


def test_a_locked_table_harms_nobody(server: PostgresServer, exporter: ExporterProcess) -> None:
    before = exporter.resources()
    connections = server.execute(CONNECTIONS)[0][0]

    with table_locked(server), scraping(exporter) as scraper:
        waits = watch(lambda: exporter.failures("pools", "timeout") >= 3, lambda: server.execute(WAITING)[0])
        assert not exporter.is_up("pools")
        assert exporter.is_up("postgres")
        assert exporter.value("jackpot_pool_amount_cents", pool="mega") is None
        assert_fresh(exporter, "postgres", "redis", "host")

    scraper.assert_quick(SLOWEST_SCRAPE)
    assert max(number for number, _ in waits) == 1
    assert max(seconds for _, seconds in waits) < 0.250 + 0.25
    eventually(lambda: exporter.is_up("pools"), within=20)
    eventually(lambda: exporter.value("jackpot_pool_amount_cents", pool="mega"), within=20)
    assert server.execute(CONNECTIONS)[0][0] == connections <= 3
    eventually(lambda: leaks_nothing(exporter, before), within=20)


def test_a_stopped_server_harms_nobody(server: PostgresServer, exporter: ExporterProcess) -> None:
    before = exporter.resources()

    server.shut_down("fast")
    with scraping(exporter) as scraper:
        eventually(lambda: not exporter.is_up("pools") and not exporter.is_up("postgres"), within=20)
        eventually(lambda: exporter.failures("postgres", "refused") >= 3)
        assert exporter.value("pg_up") == 0
        assert exporter.value("jackpot_pool_amount_cents", pool="mega") is None
        assert exporter.is_up("redis")
        assert exporter.is_up("host")
    scraper.assert_quick(SLOWEST_SCRAPE)

    server.start()
    eventually(lambda: exporter.is_up("pools") and exporter.is_up("postgres"), within=20)
    eventually(lambda: exporter.value("pg_up") == 1, within=20)
    eventually(lambda: leaks_nothing(exporter, before), within=20)


def test_a_mute_redis_harms_nobody(server: PostgresServer, private_redis: RedisServer) -> None:
    with (
        FaultProxy(private_redis.port) as proxy,
        ExporterProcess(settings(server, f"redis://127.0.0.1:{proxy.port}/0")) as exporter,
    ):
        eventually(lambda: exporter.get("/-/ready"), within=20)
        before = exporter.resources()

        proxy.mute()
        with scraping(exporter) as scraper:
            eventually(lambda: exporter.failures("redis", "timeout") >= 3, within=30)
            assert exporter.value("redis_up") == 0
            assert exporter.is_up("pools")
            assert_fresh(exporter, "pools", "postgres", "host")
            assert proxy.open_connections <= 2
        scraper.assert_quick(SLOWEST_SCRAPE)

        proxy.pass_through()
        eventually(lambda: exporter.is_up("redis"), within=20)
        eventually(lambda: leaks_nothing(exporter, before), within=20)


def test_a_server_that_hangs_is_left_at_the_deadline(server: PostgresServer, exporter: ExporterProcess) -> None:
    before = exporter.resources()

    server.pause()
    try:
        with scraping(exporter) as scraper:
            eventually(lambda: exporter.failures("pools", "timeout") >= 2, within=30)
            assert exporter.is_up("redis")
        scraper.assert_quick(SLOWEST_SCRAPE)
    finally:
        server.resume()

    eventually(lambda: exporter.is_up("pools") and exporter.is_up("postgres"), within=20)
    eventually(lambda: leaks_nothing(exporter, before), within=20)
    eventually(lambda: server.execute(CONNECTIONS)[0][0] <= 3, within=20)


def test_it_starts_with_everything_down_and_comes_up_with_the_sources(
    postgres_server: PostgresServer, private_redis: RedisServer
) -> None:
    postgres_server.execute(SCHEMA)
    postgres_server.shut_down()
    private_redis.stop()

    with ExporterProcess(settings(postgres_server, private_redis.url)) as exporter:
        eventually(lambda: exporter.get("/-/ready"), within=20)
        assert not exporter.is_up("pools")
        assert exporter.value("pg_up") == 0
        assert exporter.value("redis_up") == 0
        assert exporter.is_up("host")

        postgres_server.start()
        private_redis.start()

        eventually(lambda: exporter.is_up("pools") and exporter.is_up("redis"), within=20)
        eventually(lambda: exporter.value("jackpot_pool_amount_cents", pool="mega"), within=20)

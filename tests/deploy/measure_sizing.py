"""The figures of docs/sizing.md: series, bytes, memory and processor time, by pools and by targets.

    PYTHONPATH=tests python tests/deploy/measure_sizing.py

prints its tables; `pools` or `targets` behind it, only that one. Each target is a database of its own on one real
PostgreSQL, and a real Redis.
"""

# ruff: noqa: T201 - it prints what it measures
from __future__ import annotations

import gzip
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psutil

from harness.exporter import ExporterProcess
from harness.waiting import eventually
from jackpot_exporter.demo.servers import PostgresServer, RedisServer

_WATCHED_SECONDS = 30.0
_TABLE = """
create table jackpots (
    "group" text primary key, current_amount bigint, total_contributions bigint, total_wins bigint,
    last_won_amount bigint, last_won_at timestamptz, version bigint, created_at timestamptz, updated_at timestamptz
)
"""


@contextmanager
def exporter(settings: Mapping[str, Any]) -> Iterator[ExporterProcess]:
    with ExporterProcess(settings) as running:
        eventually(lambda: running.get("/-/ready"), within=120)
        yield running


def cost(running: ExporterProcess) -> str:
    """Memory, and processor time over a while, both as the kernel has them."""
    process = psutil.Process(running.pid)
    before, began = process.cpu_times(), time.monotonic()
    time.sleep(_WATCHED_SECONDS)
    after, seconds = process.cpu_times(), time.monotonic() - began
    used = (after.user + after.system - before.user - before.system) / seconds
    return f"{process.memory_info().rss / 2**20:.0f} MB | {used:.1%}"


def size(running: ExporterProcess, path: str = "/metrics") -> str:
    body = running.get(path)
    series = sum(not line.startswith(b"#") for line in body.splitlines())
    return f"{series:,} | {len(body) / 1024:,.0f} KiB | {len(gzip.compress(body, 6)) / 1024:,.0f} KiB"


def measure_pools(postgres: PostgresServer, redis: RedisServer) -> None:
    print("| pools | series | a scrape | compressed | memory | of a core |\n|---|---|---|---|---|---|")
    for pools in (10, 1_000, 10_000):
        name = f"pools_{pools}"
        dsn = postgres.create_database(name)
        postgres.execute(_TABLE, database=name)
        postgres.execute(
            "insert into jackpots select 'pool-' || n, 100000 + n, n, 0, null, null, 1, now(), now()"
            f" from generate_series(1, {pools}) n",
            database=name,
        )
        settings = {**_target(dsn, redis, name), "pools": {"max_series": 10 * pools + 100}}
        with exporter(settings) as running:
            print(f"| {pools:,} | {size(running)} | {cost(running)} |", flush=True)


def measure_targets(postgres: PostgresServer, redis: RedisServer) -> None:
    print("| targets | series of one | memory | of a core |\n|---|---|---|---|")
    blocks: dict[str, Any] = {}
    for targets in (1, 10, 50, 200):
        for number in range(len(blocks), targets):
            name = f"brand_{number}"
            dsn = postgres.create_database(name)
            postgres.execute(_TABLE, database=name)
            blocks[f"brand-{number}"] = _target(dsn, redis, name)
        with exporter({"host": {"enabled": False}, "targets": blocks}) as running:
            series = size(running, "/probe?target=brand-0").partition(" ")[0]
            print(f"| {targets} | {series} | {cost(running)} |", flush=True)


def _target(dsn: str, redis: RedisServer, database: str) -> dict[str, Any]:
    postgres = {"dsn": dsn, "databases": [database]}
    return {"postgres": postgres, "redis": {"url": redis.url}, "host": {"enabled": False}}


def main() -> None:
    settings: dict[str, str | int] = {"max_connections": 700, "shared_buffers": "64MB"}
    with PostgresServer(settings=settings) as postgres, RedisServer() as redis:
        if "targets" not in sys.argv:
            measure_pools(postgres, redis)
        if "pools" not in sys.argv:
            measure_targets(postgres, redis)


if __name__ == "__main__":
    main()

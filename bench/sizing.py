"""The figures of docs/sizing.md: what a number of pools or targets costs here, and what its samples cost where they go.

    python -m bench.sizing [pools | targets | storage]...

Real PostgreSQL, Redis, Prometheus and VictoriaMetrics on this machine, the shipped interval of 15 s. A thousand targets
are watched as a site would: by the first of five exporters that share them.
"""

# ruff: noqa: T201 - it prints what it measures
from __future__ import annotations

import gzip
import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from jackpot_exporter.demo.process import ServerProcess
from jackpot_exporter.demo.programs import ExporterProcess, fetch
from jackpot_exporter.demo.servers import PostgresServer, PrometheusServer, RedisServer
from jackpot_exporter.tools import find

_WATCHED_SECONDS = 60.0
_DATABASES = 20
_RECORDED_SECONDS = 300
_POOLS = 10
_TABLE = """
create table jackpots (
    "group" text primary key, current_amount bigint, total_contributions bigint, total_wins bigint,
    last_won_amount bigint, last_won_at timestamptz, version bigint, created_at timestamptz, updated_at timestamptz
)
"""
_FILL = """
insert into jackpots
select 'pool-' || n, 100000 + n, n, 0, null, null, 1, now(), now()
from generate_series(1, {}) n
"""
_PLAY = """
update jackpots
set current_amount = current_amount + (random() * 500)::int,
    total_contributions = total_contributions + (random() * 500)::int,
    version = version + 1,
    updated_at = now()
where random() < 0.5
"""


@contextmanager
def _exporter(settings: Mapping[str, Any], *arguments: str) -> Iterator[ExporterProcess]:
    with ExporterProcess(settings, *arguments) as running:
        _get(f"{running.url}/-/ready")
        time.sleep(10)
        yield running


def _get(url: str, patience_seconds: float = 300) -> bytes:
    """The body, however long a machine that has other work lets it take."""
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            return fetch(url)
        except OSError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.2)


def _cost(*pids: int) -> str:
    """Memory, and processor time over a while, as the kernel has them; of the last ones, time alone."""
    processes = [psutil.Process(pid) for pid in pids]
    before, began = [_seconds(process) for process in processes], time.monotonic()
    time.sleep(_WATCHED_SECONDS)
    seconds = time.monotonic() - began
    used = [(_seconds(p) - b) / seconds for p, b in zip(processes, before, strict=True)]
    return f"{processes[0].memory_info().rss / 2**20:.0f} MB | " + " | ".join(f"{share:.1%}" for share in used)


def _seconds(process: psutil.Process) -> float:
    """With the children's, which is where PostgreSQL works; what one took that has ended is its parent's."""
    own = process.cpu_times()
    seconds = own.user + own.system + own.children_user + own.children_system
    for child in process.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            times = child.cpu_times()
            seconds += times.user + times.system
    return seconds


def _size(running: ExporterProcess, path: str = "/metrics") -> tuple[int, str]:
    body = _get(running.url + path)
    series = sum(not line.startswith(b"#") for line in body.splitlines())
    return series, f"{series:,} | {len(body) / 1024:,.0f} KiB | {len(gzip.compress(body, 6)) / 1024:,.0f} KiB"


def _target(dsn: str, redis: RedisServer, database: str) -> dict[str, Any]:
    postgres = {"dsn": dsn, "databases": [database]}
    return {"postgres": postgres, "redis": {"url": redis.url}, "host": {"enabled": False}}


def _database(postgres: PostgresServer, name: str, pools: int = 0) -> str:
    dsn = postgres.create_database(name)
    postgres.execute(_TABLE, database=name)
    postgres.execute(_FILL.format(pools), database=name)
    return dsn


def measure_pools(postgres: PostgresServer, redis: RedisServer) -> None:
    print("| pools | series | a scrape | compressed | memory | of a core | PostgreSQL |")
    print("|---|---|---|---|---|---|---|")
    for pools in (10, 1_000, 10_000, 100_000):
        name = f"pools_{pools}"
        settings = _target(_database(postgres, name, pools), redis, name) | {"pools": {"max_series": 10 * pools + 100}}
        with _exporter(settings) as running:
            print(f"| {pools:,} | {_size(running)[1]} | {_cost(running.pid, postgres.pid)} |", flush=True)


def measure_targets(postgres: PostgresServer, redis: RedisServer) -> None:
    print("| targets | watched here | series of one | memory | of a core | PostgreSQL |\n|---|---|---|---|---|---|")
    names = [f"brand_{number}" for number in range(_DATABASES)]
    dsns = {name: _database(postgres, name, _POOLS) for name in names}
    for targets, shards in ((1, 1), (10, 1), (100, 1), (200, 1), (1_000, 5)):
        databases = [names[number % _DATABASES] for number in range(targets)]
        blocks = {f"brand-{n}": _target(dsns[name], redis, name) for n, name in enumerate(databases)}
        with _exporter({"host": {"enabled": False}, "targets": blocks}, "--shard", f"1/{shards}") as running:
            found = [group["labels"]["__param_target"] for group in json.loads(_get(f"{running.url}/sd"))]
            series = _size(running, f"/probe?target={found[0]}")[0]
            cost = _cost(running.pid, postgres.pid)
            print(f"| {targets:,} | {len(found)} | {series} | {cost} |", flush=True)


def measure_storage(postgres: PostgresServer, redis: RedisServer) -> None:
    """A scrape each second of values that change each second, as 15 s apart: chunks hold differences, not times."""
    settings = {**_target(_database(postgres, "storage", _POOLS), redis, "storage"), "interval": "1s"}
    with _exporter(settings) as running:
        scraping = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
            "scrape_configs": [
                {"job_name": "exporter", "static_configs": [{"targets": [f"127.0.0.1:{running.port}"]}]}
            ],
        }
        prometheus = PrometheusServer(scraping, "--web.enable-admin-api", version=3)
        with prometheus, _Victoria(prometheus) as victoria:
            end = time.monotonic() + _RECORDED_SECONDS
            while time.monotonic() < end:
                postgres.execute(_PLAY, database="storage")
                time.sleep(0.2)
            print("| store | series | samples | bytes a sample | index, bytes a series |\n|---|---|---|---|---|")
            print(f"| Prometheus | {_of_prometheus(prometheus)} |")
            print(f"| VictoriaMetrics | {victoria.figures()} |")


def _of_prometheus(server: PrometheusServer) -> str:
    snapshot = json.loads(server.call("/api/v1/admin/tsdb/snapshot", method="POST"))["data"]["name"]
    (block,) = [p.parent for p in (server.folder / "data" / "snapshots" / snapshot).glob("*/meta.json")]
    stats = json.loads((block / "meta.json").read_text())["stats"]
    chunks = sum(path.stat().st_size for path in (block / "chunks").iterdir())
    index = (block / "index").stat().st_size
    return _row(stats["numSeries"], stats["numSamples"], chunks, index)


def _row(series: int, samples: int, chunks: float, index: float) -> str:
    return f"{series:,} | {samples:,} | {chunks / samples:.2f} | {index / series:.0f}"


class _Victoria(ServerProcess):
    """VictoriaMetrics that scrapes for itself."""

    def __init__(self, twin: PrometheusServer) -> None:
        super().__init__()
        self._scraping: Path = twin.config_path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        data, scraping = f"-storageDataPath={self.folder / 'data'}", f"-promscrape.config={self._scraping}"
        return [str(find("victoria-metrics", "current")), f"-httpListenAddr=127.0.0.1:{self.port}", data, scraping]

    def is_ready(self) -> bool:
        try:
            return fetch(f"{self.url}/health") == b"OK"
        except OSError:
            return False

    def figures(self) -> str:
        """After everything is written down and put together."""
        fetch(f"{self.url}/internal/force_flush")
        fetch(f"{self.url}/internal/force_merge")
        time.sleep(10)
        lines = fetch(f"{self.url}/metrics").decode().splitlines()
        data = _sum(lines, "vm_data_size_bytes{", "storage")
        index = _sum(lines, "vm_data_size_bytes{", "indexdb")
        return _row(
            int(_sum(lines, "vm_new_timeseries_created_total")), int(_sum(lines, "vm_rows{", "storage")), data, index
        )


def _sum(lines: list[str], family: str, part: str = "") -> float:
    return sum(float(line.split()[-1]) for line in lines if line.startswith(family) and part in line)


_PARTS = {"pools": measure_pools, "targets": measure_targets, "storage": measure_storage}


def main() -> None:
    """Measure the parts named, or all."""
    settings: dict[str, str | int] = {"max_connections": 1_000, "shared_buffers": "64MB"}
    with PostgresServer(settings=settings) as postgres, RedisServer() as redis:
        for name in sys.argv[1:] or _PARTS:
            _PARTS[name](postgres, redis)


if __name__ == "__main__":
    main()

"""The servers that all exporters look at, and our exporter with the clocks that a measurement needs."""

from __future__ import annotations

import gzip
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import Any, TypeVar
from urllib.error import HTTPError

import psycopg

from jackpot_exporter.collectors import discover
from jackpot_exporter.config import Source
from jackpot_exporter.demo.programs import ExporterProcess, fetch
from jackpot_exporter.demo.servers import PostgresServer, RedisServer

OURS = "jackpot_exporter"
_PASSWORD = "measured"  # noqa: S105 - of a server that lives for one run on 127.0.0.1
_DEFAULT_INTERVAL = 15.0
_NO_LIMIT = 100_000_000
_SETTINGS: Mapping[str, str | int] = {
    "max_connections": 200,
    # What the server does by itself, or in workers that end with the statement, would count for nobody.
    "autovacuum": "off",
    "max_parallel_workers_per_gather": 0,
    "shared_buffers": "256MB",
}
_WIDE = """
create table jackpots (
    "group" text primary key,
    current_amount bigint not null,
    total_contributions bigint not null default 0,
    total_wins bigint not null default 0,
    last_won_amount bigint,
    last_won_at timestamptz,
    version bigint not null default 0,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
) with (fillfactor = 50);
insert into jackpots
select
    format('pool-%%s', lpad(i::text, 6, '0')),
    50000 + i, i * 17, i %% 90, 4000 + i, now() - i * interval '1 second', i, now(), now()
from generate_series(1, %(pools)s) as i;
analyze jackpots;
"""
_PLAY = """
update public.jackpots
set
    current_amount = current_amount + 7,
    total_contributions = total_contributions + 7,
    version = version + 1,
    updated_at = now()
where abs(hashtext("group")) %% 10 = %(tenth)s or (select count(*) < 10 from public.jackpots)
"""

_N = TypeVar("_N", int, float)


Pace = Callable[[float], float]
"""A collector's interval, from its default one."""


def always(seconds: float) -> Pace:
    """Every collector once in this time."""
    return lambda _: seconds


def sped_up(seconds: float) -> Pace:
    """As if 15 s passed in this time: each collector has its share in a round."""
    return lambda interval: interval * seconds / _DEFAULT_INTERVAL


@dataclass(frozen=True, slots=True)
class Effort:
    """How thorough a run is."""

    is_quick: bool

    def pick(self, full: _N, quick: _N) -> _N:
        return quick if self.is_quick else full


class Scene:
    """A PostgreSQL and a Redis; databases with any number of pools; exporters on them. A context manager."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.postgres = PostgresServer(settings=_SETTINGS)
        self.redis = RedisServer()
        self._databases: set[int] = set()
        self._roles: set[str] = set()

    def __enter__(self) -> Scene:
        self._stack.enter_context(self.postgres)
        self._stack.enter_context(self.redis)
        self.postgres.execute("create extension pg_stat_statements")
        with self.redis.client() as client:
            client.mset({f"session:{number}": "x" * 64 for number in range(1000)})
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def dsn(self, role: str, pools: int = 3) -> str:
        """The address of the database with so many pools, for a role that may read everything."""
        self._make_role(role)
        return self.postgres.dsn_of(self._database(pools), role, _PASSWORD)

    def ours(self, pools: int = 3, *, pace: Pace | None = None) -> ExporterProcess:
        """Our exporter with everything on, to be entered; without a pace each collector keeps its default interval."""
        settings: dict[str, Any] = {"postgres": {"dsn": self.dsn(OURS, pools)}, "redis": {"url": self.redis.url}}
        if pace:
            for _, way, default in list(_schedules(settings)):
                interval = pace(default)
                _block(settings, way).update(interval=interval, timeout=min(10.0, interval * 2 / 3))
        _block(settings, ("pools",))["max_series"] = _NO_LIMIT
        return ExporterProcess(settings, "--log.level=error")

    def pools_only(self, pools: int, interval: float) -> ExporterProcess:
        """Our exporter with no collector but that of the pools."""
        block = {"interval": interval, "timeout": interval * 0.9, "max_series": _NO_LIMIT}
        return only("pools", {"postgres": {"dsn": self.dsn(OURS, pools)}, "pools": block})

    @contextmanager
    def play(self, pools: int, pause: float = 1.0) -> Iterator[None]:
        """Let a tenth of the pools win and lose meanwhile, again and again: what never changes would be cheap."""
        stop = threading.Event()

        def run() -> None:
            with self.postgres.connect(self._database(pools)) as connection:
                tenth = 0
                while not stop.wait(pause):
                    connection.execute(_PLAY, {"tenth": tenth})
                    tenth = (tenth + 1) % 10

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    @cached_property
    def watch(self) -> psycopg.Connection[Any]:
        """A connection that looks on."""
        return self._stack.enter_context(self.postgres.connect())

    def _make_role(self, role: str) -> None:
        if role not in self._roles:
            self._roles.add(role)
            self.postgres.create_role(role, _PASSWORD)
            self.postgres.execute(f"grant pg_monitor, pg_read_all_data to {role}")

    def _database(self, pools: int) -> str:
        name = f"pools_{pools}"
        if pools not in self._databases:
            self.postgres.create_database(name)
            self._databases.add(pools)
            with psycopg.connect(self.postgres.dsn_of(name), autocommit=True) as connection:
                if pools == 3:
                    connection.execute((files("jackpot_exporter.demo") / "schema.sql").read_bytes())
                else:
                    for statement in _WIDE.split(";\n"):
                        connection.execute(statement.encode(), {"pools": pools})
        return name


def only(collector: str, settings: dict[str, Any]) -> ExporterProcess:
    """Our exporter with these settings and no other collector, to be entered."""
    for name, way, _ in list(_schedules(settings)):
        if name != collector:
            _block(settings, way)["enabled"] = False
    return ExporterProcess(settings, "--log.level=error")


def wait_until_ready(server: ExporterProcess) -> None:
    """Until every collector of ours has finished once; TimeoutError after 30 s."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            fetch(f"{server.url}/-/ready")
        except HTTPError:
            time.sleep(0.01)
        else:
            return
    raise TimeoutError("not every collector finished once within 30 s")


def assert_no_failures(server: ExporterProcess, collector: str) -> None:
    """RuntimeError when a collection failed since the start: a round that was cut short costs less."""
    text = gzip.decompress(fetch(f"{server.url}/metrics", {"Accept-Encoding": "gzip"})).decode()
    counts = re.findall(
        rf'^\S+_failures_total{{collector="{collector}",reason="(\w+)"}} ([1-9]\S*)$', text, re.MULTILINE
    )
    if counts:
        raise RuntimeError(f"collector {collector} failed, its figures mean nothing: {dict(counts)}")


def _schedules(settings: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...], float]]:
    """Every collector that these settings make run: its name, where its own settings stand, and its interval."""
    kinds = [kind for kind in discover() if not (kind.section.many or kind.section.named)]
    sources = {kind.section.way[0] for kind in kinds if Source in kind.section.model.__mro__}
    for kind in kinds:
        way = kind.section.way
        if way[0] in settings or way[0] not in sources:
            yield kind.name, way, kind.section.model.model_fields["interval"].default or _DEFAULT_INTERVAL


def _block(settings: dict[str, Any], way: tuple[str, ...]) -> dict[str, Any]:
    for step in way:
        settings = settings.setdefault(step, {})
    return settings

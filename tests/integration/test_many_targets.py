"""Two hundred databases, of PostgreSQL and of Redis, from one process: each on its own, in time and in failure."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import psutil
import pytest

from harness.exporter import ExporterProcess
from harness.pool_table import TABLE
from harness.proxy import FaultProxy
from harness.waiting import eventually
from jackpot_exporter.demo.servers import PostgresServer, RedisServer, free_port

TARGETS = 200
DATABASES = 10
INTERVAL = 10.0
ROW = "insert into jackpots values ('mega', {amount}, 0, 0, null, null, 1, now(), now())"
POOLS = [f"pools-{number}" for number in range(TARGETS // 2)]
CACHES = [f"cache-{number}" for number in range(TARGETS // 2)]
SPARED = (
    "activity",
    "database",
    "statements",
    "sizes",
    "tables",
    "vacuum",
    "io",
    "settings",
    "replication",
    "wal",
    "locks",
)
"""Collectors of PostgreSQL that this test can do without, to be quick on a busy machine."""


@dataclass(frozen=True, slots=True)
class Scene:
    """The server of all targets, the exporter, and the one target's way that the test may bar."""

    server: PostgresServer
    exporter: ExporterProcess
    way: FaultProxy

    def values(self, target: str, sample: str) -> dict[str, float]:
        """By the collector that they are about, where they are; read without a parser, for it is two hundred times."""
        text = self.exporter.get(f"/probe?target={target}").decode()
        found = re.findall(rf'^{sample}{{(?:collector="(\w+)")?[^}}]*}} (\S+)$', text, re.MULTILINE)
        return {collector: float(value) for collector, value in found}

    def is_up(self, target: str, collector: str) -> bool:
        return self.values(target, "jackpot_exporter_collector_up").get(collector) == 1

    def age(self, target: str, collector: str) -> float:
        return self.values(target, "jackpot_exporter_collector_age_seconds")[collector]


def database_target(dsn: str) -> dict[str, Any]:
    off = {name: {"enabled": False} for name in SPARED}
    return {"postgres": {"dsn": dsn, "connect_timeout": "2s", **off}, "host": {"enabled": False}}


def cache_target(port: int, number: int = 0) -> dict[str, Any]:
    return {"redis": {"url": f"redis://127.0.0.1:{port}/{number}"}, "host": {"enabled": False}}


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    """Further ones beside the two hundred: one behind a proxy, one where nobody listens."""
    with ExitStack() as stack:
        server = stack.enter_context(PostgresServer(settings={"max_connections": 400, "shared_buffers": "32MB"}))
        redis = stack.enter_context(RedisServer())
        dsns = []
        for number in range(DATABASES):
            dsns.append(server.create_database(f"brand_{number}"))
            server.execute(f"{TABLE}; {ROW.format(amount=1_000 + number)}", database=f"brand_{number}")
        way = stack.enter_context(FaultProxy(server.port))
        targets = {
            **{name: database_target(dsns[number % DATABASES]) for number, name in enumerate(POOLS)},
            **{name: cache_target(redis.port, number % 16) for number, name in enumerate(CACHES)},
            "behind": database_target(f"postgresql://postgres@127.0.0.1:{way.port}/brand_0"),
            "gone": cache_target(free_port()),
        }
        settings = {"interval": f"{INTERVAL}s", "host": {"enabled": False}, "targets": targets}
        exporter = stack.enter_context(ExporterProcess(settings))
        eventually(lambda: exporter.get("/-/ready"), within=120)
        yield Scene(server, exporter, way)


def test_every_target_is_watched_and_found(scene: Scene) -> None:
    groups = eventually(lambda: json.loads(scene.exporter.get("/sd")), within=120)

    amounts = {name: {"": 1_000 + number % DATABASES} for number, name in enumerate(POOLS)}
    wait_for(POOLS, lambda name: scene.values(name, "jackpot_pool_amount_cents") == amounts[name])
    wait_for(CACHES, lambda name: scene.is_up(name, "redis"))
    wait_for(["gone"], lambda name: not scene.is_up(name, "redis"))
    assert {group["labels"]["__param_target"] for group in groups} == {*POOLS, *CACHES, "behind", "gone"}


def test_what_fails_harms_no_other_target(scene: Scene) -> None:
    """A server that says nothing, and a table that is locked for a tenth of the targets."""
    locked, well = POOLS[::DATABASES], [name for number, name in enumerate(POOLS) if number % DATABASES]
    wait_for(["behind"], lambda name: scene.is_up(name, "pools"))

    with scene.server.connect("brand_0") as locker:
        locker.execute("begin; lock table jackpots in access exclusive mode")
        scene.way.mute()
        began = time.monotonic()
        wait_for(locked, lambda name: not scene.is_up(name, "pools") and scene.is_up(name, "postgres"))
        wait_for(["behind"], lambda name: not scene.is_up(name, "postgres"))
        wait_for(well, lambda name: scene.is_up(name, "pools") and scene.age(name, "pools") < time.monotonic() - began)
        wait_for(
            CACHES, lambda name: scene.is_up(name, "redis") and scene.age(name, "redis") < time.monotonic() - began
        )
    scene.way.pass_through()

    wait_for([*locked, "behind"], lambda name: scene.is_up(name, "pools"))


def wait_for(names: list[str], is_so: Callable[[str], bool]) -> None:
    """Until it is so of each."""
    for name in names:
        eventually(partial(is_so, name), within=120)


def test_a_target_is_cheap(scene: Scene) -> None:
    """Bounds with room for a crowded machine; docs/sizing.md has what was measured."""
    process = psutil.Process(scene.exporter.pid)
    threads = process.num_threads()

    assert process.memory_info().rss / TARGETS < 2 * 2**20
    assert threads < 30

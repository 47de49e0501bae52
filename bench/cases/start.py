"""How long each exporter takes from its start to the first scrape, and ours until every collector has finished once."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack

from jackpot_exporter.demo.programs import ExporterProcess
from jackpot_exporter.demo.servers import ServerProcess

from .. import peers
from ..figures import Report, Table, median, milliseconds
from ..peers import NodeExporter, PostgresExporter, RedisExporter, SqlExporter
from ..scene import OURS, Effort, Scene, wait_until_ready

_READY = f"{OURS}, every collector once"


def measure(scene: Scene, effort: Effort) -> Report:
    makers: dict[str, Callable[[], ServerProcess]] = {
        OURS: scene.ours,
        peers.POSTGRES: lambda: PostgresExporter(scene.dsn(peers.POSTGRES)),
        peers.REDIS: lambda: RedisExporter(scene.redis.url),
        peers.NODE: NodeExporter,
        peers.SQL: lambda: SqlExporter(scene.dsn(peers.SQL), "15s"),
    }
    seconds: dict[str, list[float]] = {name: [] for name in (OURS, _READY, *list(makers)[1:])}
    for _ in range(effort.pick(5, 1)):
        for name, make in makers.items():
            with ExitStack() as stack:
                server = make()
                started = time.perf_counter()
                stack.enter_context(server)
                seconds[name].append(time.perf_counter() - started)
                if isinstance(server, ExporterProcess):
                    wait_until_ready(server)
                    seconds[_READY].append(time.perf_counter() - started)
    rows = [[name, milliseconds(median(values))] for name, values in seconds.items()]
    return Report([Table("Start to first scrape", ["exporter", "p50"], rows)])

"""What a round with its scrape costs: our CPU, PostgreSQL's, statements, temporary blocks, connections, memory.

One scrape of each exporter every 15 s, as in use: between two rounds the processor's caches forget everybody alike, and
what a process does while nobody asks counts. A slow collector's cost is in it with its share; so is what sql_exporter
reads in the background. A quick look lets 15 s pass in one.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace

from .. import peers
from ..figures import NONE, Report, Table, Verdict, megabytes, milliseconds, times
from ..processes import cpu_seconds, resident_bytes
from ..scene import OURS, Effort, Scene, sped_up
from ..scraping import Connection
from ..server_costs import Cost, Reading, ServerCosts

_WARM_UP = 4


@dataclass(frozen=True, slots=True)
class _Result:
    turns: int
    cpu: Mapping[str, float]
    memory: Mapping[str, int]
    server: Mapping[str, Cost]
    connections: Mapping[str, int]

    def cpu_of(self, *names: str) -> float:
        return sum(self.cpu[name] for name in names) / self.turns


def measure(scene: Scene, effort: Effort) -> Report:
    result = _run(scene, effort.pick(16, 4), effort.pick(15.0, 1.0))
    return Report([_table(result)], _verdicts(result))


def _run(scene: Scene, turns: int, seconds: float) -> _Result:
    with ExitStack() as stack:
        servers = {
            OURS: scene.ours(pace=sped_up(seconds)),
            **peers.all_peers(scene.dsn, scene.redis.url, f"{seconds:g}s"),
        }
        for server in servers.values():
            stack.enter_context(server)
        stack.enter_context(scene.play(3))
        kept = [stack.enter_context(closing(Connection(server.port, gzipped=True))) for server in servers.values()]
        costs = ServerCosts(scene.postgres.pid, scene.watch)
        _scrape(kept, _WARM_UP, min(seconds, 5.0))
        cpu, before = {name: cpu_seconds(server.pid) for name, server in servers.items()}, costs.read()
        _scrape(kept, turns, seconds)
        after = costs.read()
        return _Result(
            turns,
            {name: cpu_seconds(server.pid) - cpu[name] for name, server in servers.items()},
            {name: resident_bytes(server.pid) for name, server in servers.items()},
            {name: _server_cost(before, after, name) for name in (OURS, peers.POSTGRES, peers.SQL)},
            costs.connections(),
        )


def _server_cost(before: Reading, after: Reading, name: str) -> Cost:
    """postgres_exporter's backends end with their scrape: what ended backends and the postmaster used is its."""
    cost = after.since(before, name)
    return replace(cost, cpu=cost.cpu + after.rest - before.rest) if name == peers.POSTGRES else cost


def _scrape(kept: list[Connection], turns: int, seconds: float) -> None:
    """Every so many seconds; the last turn is over when its time is."""
    start = time.monotonic()
    for turn in range(turns):
        for connection in kept:
            connection.scrape()
        time.sleep(max(0.0, start + (turn + 1) * seconds - time.monotonic()))


_COLUMNS = ["exporter", "CPU", "to ours", "PostgreSQL CPU", "statements", "temporary blocks", "connections", "memory"]


def _table(result: _Result) -> Table:
    ours = result.cpu_of(OURS)
    rows = []
    for name in result.cpu:
        cells = [milliseconds(result.cpu_of(name)), times(result.cpu_of(name) / ours)]
        if name in (peers.REDIS, peers.NODE):
            cells += [NONE] * 4
        else:
            cost = result.server[name]
            connections = "1 for each" if name == peers.POSTGRES else str(result.connections.get(name, 0))
            per_turn = [f"{count / result.turns:.1f}" for count in (cost.statements, cost.temporary_blocks)]
            cells += [milliseconds(cost.cpu / result.turns), *per_turn, connections]
        rows.append([name, *cells, megabytes(result.memory[name])])
    others = [name for name in result.cpu if name != OURS]
    sums = [milliseconds(result.cpu_of(*others)), times(result.cpu_of(*others) / ours)]
    rows.append(["sum of peers", *sums, *[NONE] * 4, megabytes(sum(result.memory[name] for name in others))])
    note = "A scrape, and the round that goes with it. PostgreSQL CPU is that of the backends' processes."
    return Table("A sampling round with a scrape, 3 pools, everything on", _COLUMNS, rows, note)


def _verdicts(result: _Result) -> list[Verdict]:
    others = [name for name in result.cpu if name != OURS]
    share = result.cpu_of(OURS) / result.cpu_of(*others)
    ours, postgres = (result.server[name].cpu / result.turns for name in (OURS, peers.POSTGRES))
    shown = f"{milliseconds(ours)} to {milliseconds(postgres)}"
    connections, blocks = result.connections.get(OURS, 0), result.server[OURS].temporary_blocks
    memory = result.memory[OURS]
    return [
        Verdict.at_most("CPU of a round and a scrape: at most half of the peers' sum", share, 0.5, times(share)),
        Verdict.at_most("PostgreSQL time of a round: at most postgres_exporter's of a scrape", ours, postgres, shown),
        Verdict.at_most("PostgreSQL time of a round: at most 6 ms", ours, 0.006, milliseconds(ours)),
        Verdict.at_most("connections: at most 3", connections, 3, str(connections)),
        Verdict.at_most("temporary blocks of a round: none", blocks, 0, str(blocks)),
        Verdict.at_most("memory, everything on: at most 72 MB", memory, 72e6, megabytes(memory)),
    ]

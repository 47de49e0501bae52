"""How cost grows with the number of pools, beside the peers that can read them and beside ready bytes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from .. import peers
from ..figures import Report, Table, Verdict, growth, median, megabytes, milliseconds, times
from ..floor import Floor
from ..peers import PostgresExporter, SqlExporter
from ..processes import cpu_seconds, resident_bytes
from ..scene import OURS, Effort, Scene, assert_no_failures, sped_up, wait_until_ready
from ..scraping import scrape_for, take_turns
from ..server_costs import Cost, ServerCosts


@dataclass(frozen=True, slots=True)
class _Latency:
    """A scrape's p50, and that of the same bytes when they are ready."""

    ours: float
    floor: float

    @property
    def ratio(self) -> float:
        return self.ours / self.floor

    def __str__(self) -> str:
        return f"{milliseconds(self.ours)} ({times(self.ratio)})"


@dataclass(frozen=True, slots=True)
class _Ours:
    """Our figures for one number of pools, in seconds and bytes."""

    round_cpu: float
    server: Cost
    plain: _Latency
    gzipped: _Latency
    worst_during: float
    memory: int
    memory_all: int


@dataclass(frozen=True, slots=True)
class _Peer:
    gzipped: float
    memory: int


def measure(scene: Scene, effort: Effort) -> Report:
    sizes = (10_000,) if effort.is_quick else (1_000, 10_000, 100_000)
    ours = {pools: _ours(scene, effort, pools) for pools in sizes}
    beside = {pools: _peers(scene, effort, pools) for pools in sizes}
    tables = [_our_table(ours), _peer_table(ours, beside)]
    verdicts = [verdict for pools, figures in ours.items() for verdict in _verdicts(pools, figures)]
    if len(sizes) > 1:
        verdicts.append(_growth(ours))
    return Report(tables, verdicts)


def _ours(scene: Scene, effort: Effort, pools: int) -> _Ours:
    scrapes = effort.pick(100, 20) if pools < 100_000 else 20
    interval = effort.pick(2.0, 1.0) if pools < 100_000 else 6.0
    with scene.pools_only(pools, interval) as ours, scene.play(pools, pause=interval):
        scrape_for(ours.port, 2 * interval, gzipped=True, pause=interval / 4)
        costs = ServerCosts(scene.postgres.pid, scene.watch)
        rounds = effort.pick(4, 2) if pools < 100_000 else 2
        round_cpu, server = _round_cost(costs, ours.pid, rounds)
        # Only after the CPU: until somebody asks for plain text, none is made.
        during = scrape_for(ours.port, rounds * interval, gzipped=True, pause=0.001)
        memory = resident_bytes(ours.pid)
        assert_no_failures(ours, "pools")
    with scene.pools_only(pools, 3600.0) as still:
        wait_until_ready(still)
        with Floor(f"{still.url}/metrics") as floor:
            ports = {OURS: still.port, "floor": floor.port}
            plain, gzipped = (_latency(ports, scrapes, gzipped=packed) for packed in (False, True))
    everything = _memory_of_all(scene, pools, interval)
    return _Ours(round_cpu, server, plain, gzipped, max(during), memory, everything)


def _latency(ports: Mapping[str, int], scrapes: int, *, gzipped: bool) -> _Latency:
    seconds = take_turns(ports, rounds=scrapes, gzipped=gzipped).seconds
    return _Latency(median(seconds[OURS]), median(seconds["floor"]))


def _round_cost(costs: ServerCosts, pid: int, rounds: int) -> tuple[float, Cost]:
    """CPU of ours and of the server for each of `rounds` rounds, from one reading of the table to another."""
    begun = _wait_for_reads(costs, costs.reads_of_pools() + 1)
    before, cpu = costs.read(), cpu_seconds(pid)
    done = _wait_for_reads(costs, begun + rounds) - begun
    used = cpu_seconds(pid) - cpu
    spent = costs.read().since(before, OURS)
    return used / done, Cost(spent.cpu / done, round(spent.statements / done), spent.temporary_blocks)


def _wait_for_reads(costs: ServerCosts, count: int) -> int:
    """How many there are when there are at least so many."""
    deadline = time.monotonic() + 60
    while (reads := costs.reads_of_pools()) < count:
        if time.monotonic() > deadline:
            raise TimeoutError("the pools were not read within 60 s")
        time.sleep(0.02)
    return reads


def _memory_of_all(scene: Scene, pools: int, interval: float) -> int:
    """Everything on, after some rounds with both forms asked for."""
    with scene.ours(pools, pace=sped_up(interval)) as ours:
        for gzipped in (True, False, True):
            scrape_for(ours.port, interval, gzipped=gzipped, pause=interval / 3)
        return resident_bytes(ours.pid)


def _peers(scene: Scene, effort: Effort, pools: int) -> dict[str, _Peer]:
    rounds = max(1, effort.pick(20_000, 5_000) // pools)
    servers = {
        peers.POSTGRES: PostgresExporter(scene.dsn(peers.POSTGRES, pools), pools=True),
        peers.SQL: SqlExporter(scene.dsn(peers.SQL, pools), "1h"),
    }
    with ExitStack() as stack:
        ports = {name: stack.enter_context(server).port for name, server in servers.items()}
        seconds = take_turns(ports, rounds=rounds, gzipped=True, warm_up=0).seconds
        return {name: _Peer(median(seconds[name]), resident_bytes(server.pid)) for name, server in servers.items()}


def _our_table(ours: dict[int, _Ours]) -> Table:
    rows = []
    for pools, figures in ours.items():
        rows.append([
            f"{pools:,}",
            *(milliseconds(value) for value in (figures.round_cpu, figures.server.cpu)),
            str(figures.server.temporary_blocks),
            str(figures.plain),
            str(figures.gzipped),
            milliseconds(figures.worst_during),
            *(megabytes(size) for size in (figures.memory, figures.memory_all)),
        ])  # fmt: skip
    columns = [
        "pools", "CPU of a round", "PostgreSQL CPU of a round", "temporary blocks", "plain p50 (to ready bytes)",
        "gzip p50 (to ready bytes)", "slowest gzip during rounds", "memory", "memory, everything on",
    ]  # fmt: skip
    note = "The pools alone, but for the last column; a tenth of them change between two rounds; gzip is asked for."
    return Table(f"Many pools, {OURS}", columns, rows, note)


def _peer_table(ours: dict[int, _Ours], beside: dict[int, dict[str, _Peer]]) -> Table:
    rows = []
    for pools, found in beside.items():
        for name, figures in found.items():
            ratio = times(figures.gzipped / ours[pools].gzipped.ours)
            rows.append([f"{pools:,}", name, milliseconds(figures.gzipped), ratio, megabytes(figures.memory)])
    columns = ["pools", "exporter", "gzip p50", "to ours", "memory"]
    note = "sql_exporter reads in the background; its scrape renders only."
    return Table("Many pools, peers", columns, rows, note)


@dataclass(frozen=True, slots=True)
class _Limits:
    plain_floors: float
    round_cpu: float
    memory: float


_LIMITS = {10_000: _Limits(1.5, 0.05, 105e6), 100_000: _Limits(2.0, 0.4, 280e6)}


def _verdicts(pools: int, ours: _Ours) -> list[Verdict]:
    limits = _LIMITS.get(pools)
    if limits is None:
        return []
    name = f"{pools:,} pools"
    verdicts = [
        _at_most(f"{name}: plain scrape to ready bytes", ours.plain.ratio, limits.plain_floors, times),
        _at_most(f"{name}: CPU of a round", ours.round_cpu, limits.round_cpu, milliseconds),
        _at_most(f"{name}: memory, everything on", ours.memory_all, limits.memory, megabytes),
    ]
    if pools == 10_000:
        verdicts.append(_at_most(f"{name}: gzip scrape to ready bytes", ours.gzipped.ratio, 1.5, times))
    else:
        verdicts.append(_at_most(f"{name}: gzip scrape", ours.gzipped.ours, 0.003, milliseconds))
        verdicts.append(_at_most(f"{name}: slowest scrape during rounds", ours.worst_during, 0.015, milliseconds))
    return verdicts


def _at_most(what: str, value: float, limit: float, show: Callable[[float], str]) -> Verdict:
    return Verdict(f"{what} at most {show(limit)}", show(value), value <= limit)


def _growth(ours: Mapping[int, _Ours]) -> Verdict:
    small, large = min(ours), max(ours)
    exponent = growth((small, ours[small].round_cpu), (large, ours[large].round_cpu))
    return Verdict.at_most("round against pools: no worse than n^1.05", exponent, 1.05, f"n^{exponent:.3f}")

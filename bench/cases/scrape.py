"""How long a scrape takes, plain and gzip, beside the peers; and while rounds are going on."""

from __future__ import annotations

from contextlib import ExitStack

from .. import peers
from ..figures import Report, Table, Verdict, median, milliseconds, quantile, times
from ..peers import NodeExporter, PostgresExporter, RedisExporter, SqlExporter
from ..scene import OURS, Effort, Scene, always, sped_up, wait_until_ready
from ..scraping import Latencies, scrape_for, take_turns

_SUM = "sum of peers"
_HOUR = 3600.0


def measure(scene: Scene, effort: Effort) -> Report:
    rounds = effort.pick(300, 30)
    with ExitStack() as stack:
        ours = scene.ours(pace=always(_HOUR))
        servers = {
            OURS: ours,
            peers.POSTGRES: PostgresExporter(scene.dsn(peers.POSTGRES)),
            peers.REDIS: RedisExporter(scene.redis.url),
            peers.NODE: NodeExporter(),
            peers.SQL: SqlExporter(scene.dsn(peers.SQL), "15s"),
        }
        ports = {name: stack.enter_context(server).port for name, server in servers.items()}
        wait_until_ready(ours)
        plain = take_turns(ports, rounds=rounds, gzipped=False)
        gzipped = take_turns(ports, rounds=rounds, gzipped=True)
    during = _during_rounds(scene, effort)
    return Report([_table(plain, gzipped, during)], _verdicts(gzipped, during))


def _during_rounds(scene: Scene, effort: Effort) -> list[float]:
    """Scrapes without a pause, with everything collected twice a second."""
    with scene.ours(pace=sped_up(0.5)) as ours, scene.play(3, pause=0.2):
        scrape_for(ours.port, 1.0, gzipped=True)
        return scrape_for(ours.port, effort.pick(10, 2), gzipped=True, pause=0.002)


def _table(plain: Latencies, gzipped: Latencies, during: list[float]) -> Table:
    rows = []
    ours = median(gzipped.seconds[OURS])
    for name, seconds in plain.seconds.items():
        packed = gzipped.seconds[name]
        shown = [
            milliseconds(value) for values in (seconds, packed) for value in (median(values), quantile(values, 0.99))
        ]
        sizes = [f"{size / 1000:.0f} kB" for size in (plain.sizes[name], gzipped.sizes[name])]
        rows.append([name, *shown, *sizes, times(median(packed) / ours)])
    rows.append(
        [_SUM, milliseconds(_sum(plain)), "-", milliseconds(_sum(gzipped)), "-", "-", "-", times(_sum(gzipped) / ours)]
    )
    busy = [milliseconds(median(during)), milliseconds(quantile(during, 0.99))]
    rows.append([f"{OURS}, two rounds a second", "-", "-", *busy, "-", "-", "-"])
    columns = ["exporter", "plain p50", "plain p99", "gzip p50", "gzip p99", "plain", "gzip", "gzip p50 to ours"]
    return Table("Scrape, 3 pools, everything on", columns, rows, "Kept connections, one scrape of each in turn.")


def _sum(latencies: Latencies) -> float:
    return sum(median(seconds) for name, seconds in latencies.seconds.items() if name != OURS)


def _verdicts(gzipped: Latencies, during: list[float]) -> list[Verdict]:
    ours = median(gzipped.seconds[OURS])
    ratio = _sum(gzipped) / ours
    late = quantile(during, 0.99)
    return [
        Verdict.at_most("scrape, 3 pools: p50 at most 1 ms", ours, 0.001, milliseconds(ours)),
        Verdict("scrape, 3 pools: p50 at most 1/20 of the peers' sum", f"1/{ratio:.0f}", ratio >= 20),
        Verdict.at_most("scrape during rounds: p99 under 3 ms", late, 0.003, milliseconds(late)),
    ]

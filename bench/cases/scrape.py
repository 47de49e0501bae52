"""How long a scrape takes, plain and gzip, beside the peers; and while rounds are going on."""

from __future__ import annotations

from contextlib import ExitStack

from .. import peers
from ..figures import Report, Table, Verdict, median, milliseconds, quantile, times
from ..floor import Floor
from ..scene import OURS, Effort, Scene, always, sped_up, wait_until_ready
from ..scraping import Latencies, take_turns

_SUM = "sum of peers"
_FLOOR = "ready bytes"
_HOUR = 3600.0


def measure(scene: Scene, effort: Effort) -> Report:
    rounds = effort.pick(300, 30)
    with ExitStack() as stack:
        ours = scene.ours(pace=always(_HOUR))
        servers = {
            OURS: ours,
            **peers.all_peers(scene.dsn, scene.redis.url, "15s"),
        }
        ports = {name: stack.enter_context(server).port for name, server in servers.items()}
        wait_until_ready(ours)
        plain = take_turns(ports, rounds=rounds, gzipped=False)
        gzipped = take_turns(ports, rounds=rounds, gzipped=True)
    during = _during_rounds(scene, effort)
    return Report([_table(plain, gzipped, during)], _verdicts(gzipped, during))


def _during_rounds(scene: Scene, effort: Effort) -> Latencies:
    """Scrapes with everything collected twice a second; beside them ready bytes, which show the machine's noise."""
    with scene.ours(pace=sped_up(0.5)) as ours, scene.play(3, pause=0.2):
        wait_until_ready(ours)
        with Floor(f"{ours.url}/metrics") as floor:
            ports = {OURS: ours.port, _FLOOR: floor.port}
            return take_turns(ports, rounds=effort.pick(2000, 400), gzipped=True, pause=0.003)


def _table(plain: Latencies, gzipped: Latencies, during: Latencies) -> Table:
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
    for name, seconds in during.seconds.items():
        busy = [milliseconds(median(seconds)), milliseconds(quantile(seconds, 0.99))]
        rows.append([f"{name}, two rounds a second", "-", "-", *busy, "-", "-", "-"])
    columns = ["exporter", "plain p50", "plain p99", "gzip p50", "gzip p99", "plain", "gzip", "gzip p50 to ours"]
    return Table("Scrape, 3 pools, everything on", columns, rows, "Kept connections, one scrape of each in turn.")


def _sum(latencies: Latencies) -> float:
    return sum(median(seconds) for name, seconds in latencies.seconds.items() if name != OURS)


def _verdicts(gzipped: Latencies, during: Latencies) -> list[Verdict]:
    ours = median(gzipped.seconds[OURS])
    ratio = _sum(gzipped) / ours
    late, noise = (quantile(during.seconds[name], 0.99) for name in (OURS, _FLOOR))
    return [
        Verdict.at_most("scrape, 3 pools: p50 at most 1 ms", ours, 0.001, milliseconds(ours)),
        Verdict("scrape, 3 pools: p50 at most 1/20 of the peers' sum", f"1/{ratio:.0f}", ratio >= 20),
        Verdict.at_most(
            "scrape during rounds: p99 under 3 ms",
            late,
            0.003,
            f"{milliseconds(late)}, ready bytes {milliseconds(noise)}",
        ),
    ]

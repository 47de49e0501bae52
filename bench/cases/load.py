"""Fifty scrapers at once: scrapes a second, errors, and statements that scrapes cause."""

from __future__ import annotations

from contextlib import ExitStack

from .. import peers
from ..figures import NONE, Report, Table, Verdict, milliseconds, quantile, times
from ..scene import OURS, Effort, Scene, always, wait_until_ready
from ..scraping import Crowd, crowd
from ..server_costs import ServerCosts

_SCRAPERS = 50
_HOUR = 3600.0


def measure(scene: Scene, effort: Effort) -> Report:
    turns, seconds = effort.pick(2, 1), effort.pick(1.5, 0.5)
    with ExitStack() as stack:
        ours = scene.ours(pace=always(_HOUR))
        servers = {
            OURS: ours,
            **peers.all_peers(scene.dsn, scene.redis.url, "1h"),
        }
        for server in servers.values():
            stack.enter_context(server)
        wait_until_ready(ours)
        costs = ServerCosts(scene.postgres.pid, scene.watch)
        before = costs.read()
        got = {name: _merged([crowd(server.port, scrapers=_SCRAPERS, seconds=seconds) for _ in range(turns)])
               for name, server in servers.items()}  # fmt: skip
        after = costs.read()
        statements = {name: after.since(before, name).statements for name in servers}
    return Report([_table(got, statements)], _verdicts(got, statements))


def _merged(crowds: list[Crowd]) -> Crowd:
    whole = Crowd()
    for part in crowds:
        whole.scrapes += part.scrapes
        whole.errors += part.errors
        whole.seconds += part.seconds
        whole.waits += part.waits
    return whole


def _table(got: dict[str, Crowd], statements: dict[str, int]) -> Table:
    rows = []
    for name, crowded in got.items():
        counted = NONE if name in (peers.REDIS, peers.NODE) else str(statements.get(name, 0))
        latency = milliseconds(quantile(crowded.waits, 0.99)) if crowded.waits else NONE
        ratio = times(got[OURS].per_second / crowded.per_second) if crowded.scrapes else NONE
        rows.append([name, f"{crowded.per_second:.0f}", ratio, latency, str(crowded.errors), counted])
    columns = ["exporter", "scrapes a second", "ours to it", "p99", "errors", "statements"]
    return Table(f"{_SCRAPERS} scrapers at once, gzip", columns, rows, "No round falls into this time.")


def _verdicts(got: dict[str, Crowd], statements: dict[str, int]) -> list[Verdict]:
    ratio = got[OURS].per_second / max(got[peers.POSTGRES].per_second, 0.001)
    errors, asked = got[OURS].errors, statements.get(OURS, 0)
    return [
        Verdict("50 scrapers: at least 20 times postgres_exporter's scrapes a second", times(ratio), ratio >= 20),
        Verdict.at_most("50 scrapers: no error", errors, 0, str(errors)),
        Verdict.at_most("50 scrapers: no statement", asked, 0, str(asked)),
    ]

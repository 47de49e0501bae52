"""How long a real Prometheus takes for the dashboards' queries about pools, with 10,000 pools and three hours.

Run by hand: `PYTHONPATH=tests python tests/grafana/measure_pools.py [POOLS] [MINUTES]`; about a minute. It fails when a
query takes two seconds or more, or a panel gets more than 50 series. The tests ask the same of a few minutes.
"""

from __future__ import annotations

import sys

from harness.dashboard_queries import ask_about_pools
from harness.pool_history import prometheus_with_pools
from jackpot_exporter.bundle import load_packs


def main(pools: int = 10_000, minutes: int = 180) -> int:
    with prometheus_with_pools(pools, minutes) as history:
        found = list(ask_about_pools(load_packs().dashboards, history, minutes * 60))
    for one in sorted(found, key=lambda one: -one.seconds):
        print(f"{one.seconds:6.2f} s {one.series:5} series  {one.dashboard}: {one.panel}")  # noqa: T201 - what it is for
    return int(any(one.seconds >= 2 or one.series > 50 for one in found))


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))

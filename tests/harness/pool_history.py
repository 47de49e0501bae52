"""A real Prometheus that already holds the history of many pools, written as blocks: nothing is scraped first."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

from jackpot_exporter import tools
from jackpot_exporter.demo.prometheus import PrometheusServer

STEP_SECONDS = 15
TARGET = 'job="jackpot-exporter",instance="127.0.0.1:7777",service="demo"'
_NOW = 1
"""Minutes of a family that is only read at one moment."""

# By family: its type, its name in the text, and how many minutes of it queries read; None is all there is.
_FAMILIES: dict[str, tuple[str, str, int | None]] = {
    "jackpot_pool_amount_cents": ("gauge", "jackpot_pool_amount_cents", None),
    "jackpot_contributions_cents": ("counter", "jackpot_contributions_cents_total", 75),
    "jackpot_pool_last_won_timestamp_seconds": ("gauge", "jackpot_pool_last_won_timestamp_seconds", _NOW),
    "jackpot_pool_last_won_amount_cents": ("gauge", "jackpot_pool_last_won_amount_cents", _NOW),
    "jackpot_pool_last_update_timestamp_seconds": ("gauge", "jackpot_pool_last_update_timestamp_seconds", _NOW),
    "jackpot_pool_status": ("gauge", "jackpot_pool_status", _NOW),
}


@dataclass(frozen=True, slots=True)
class History:
    """The server, and the moment at which its history ends."""

    server: PrometheusServer
    end: float


@contextmanager
def prometheus_with_pools(pools: int, minutes: int) -> Iterator[History]:
    """`pools` pools scraped every 15 s for `minutes` minutes until now."""
    end = time.time() // STEP_SECONDS * STEP_SECONDS
    server = PrometheusServer({})
    with TemporaryDirectory() as folder:
        text = Path(folder, "pools.om")
        with text.open("w") as file:
            _write(file, pools, minutes, end)
        data = server.folder / "data"
        create = [str(tools.find("promtool")), "tsdb", "create-blocks-from", "openmetrics", str(text), str(data)]
        subprocess.run(create, check=True, capture_output=True, timeout=300)
    with server:
        yield History(server, end)


def _write(file: TextIO, pools: int, minutes: int, end: float) -> None:
    for family, (kind, name, most) in _FAMILIES.items():
        file.write(f"# TYPE {family} {kind}\n")
        back = 60 * min(minutes, most or minutes)
        times = [end - back + step for step in range(0, back + 1, STEP_SECONDS)]
        for labels, start in _series(family, pools, end):
            head = f"{name}{{{labels},{TARGET}}}"
            file.writelines(f"{head} {start + 37 * n} {at:.0f}\n" for n, at in enumerate(times))
    file.write("# EOF\n")


def _series(family: str, pools: int, end: float) -> Iterator[tuple[str, float]]:
    for number in range(pools):
        pool = f'pool="pool-{number}"'
        if family == "jackpot_pool_status":
            yield from ((f'{pool},status="{status}"', 0) for status in ("inactive", "error"))
        elif family.endswith("_timestamp_seconds"):
            yield pool, end - number - 3600
        else:
            yield pool, number * 100

"""The steps of a round in this process, without server and socket: lines, document, gzip; beside prometheus_client."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from jackpot_exporter import compression
from jackpot_exporter.exposition import Format, document, render
from jackpot_exporter.model import Column, Frame, gauge

from ..figures import Report, Table, Verdict, growth, median, milliseconds
from ..scene import Effort, Scene

_FAMILIES = 8
_FRAME_ROWS = 1024
_LARGEST_FOR_CLIENT = 10_000


def measure(_scene: Scene, effort: Effort) -> Report:
    sizes = (1_000, 10_000) if effort.is_quick else (1_000, 10_000, 100_000)
    rows, rendering = [], {}
    for pools in sizes:
        times = effort.pick(9, 3) if pools < 100_000 else 3
        frames = _frames(pools)
        families = asyncio.run(render(frames, "bench"))
        text = document(families.values(), Format.TEXT)
        rendering[pools] = _cpu(lambda: asyncio.run(render(frames, "bench")), times)  # noqa: B023 - called at once
        joining = _cpu(lambda: document(families.values(), Format.TEXT), times)  # noqa: B023
        packing = _cpu(lambda: compression.compress(text), times)  # noqa: B023
        registry = CollectorRegistry()
        registry.register(_Client(pools))
        is_small = pools <= _LARGEST_FOR_CLIENT
        client = _cpu(lambda: generate_latest(registry), 3) if is_small else None  # noqa: B023
        usual = _cpu(lambda: gzip.compress(text, 6), 3) if is_small else None  # noqa: B023
        shown = [milliseconds(value) for value in (rendering[pools], joining, packing, client, usual)]
        rows.append([f"{pools:,}", *shown, f"{len(text) / 1e6:.1f} MB"])
    columns = ["pools", "lines", "document", "compress", "prometheus_client", "gzip 6", "text"]
    exponent = growth((sizes[0], rendering[sizes[0]]), (sizes[-1], rendering[sizes[-1]]))
    verdict = Verdict.at_most("rendering against pools: no worse than n^1.05", exponent, 1.05, f"n^{exponent:.3f}")
    return Report([Table(f"Rendering {_FAMILIES} families of pools, CPU", columns, rows)], [verdict])


def _cpu(work: Callable[[], object], times: int) -> float:
    used = []
    for _ in range(times):
        started = time.thread_time()
        work()
        used.append(time.thread_time() - started)
    return median(used)


def _frames(pools: int) -> list[Frame]:
    specs = [gauge(f"pool_{number}_cents", "A value of each pool.", "pool", own=True) for number in range(_FAMILIES)]
    frames = []
    for start in range(0, pools, _FRAME_ROWS):
        numbers = range(start, min(start + _FRAME_ROWS, pools))
        rows = [(f"pool-{number:06}",) for number in numbers]
        frames.append(Frame(rows, tuple(Column(spec, [50_000 + number for number in numbers]) for spec in specs)))
    return frames


class _Client:
    """The same series for prometheus_client."""

    def __init__(self, pools: int) -> None:
        self._pools = pools

    def collect(self) -> Iterator[Metric]:
        for number in range(_FAMILIES):
            family = GaugeMetricFamily(f"bench_pool_{number}_cents", "A value of each pool.", labels=["pool"])
            for pool in range(self._pools):
                family.add_metric([f"pool-{pool:06}"], 50_000 + pool)
            yield family

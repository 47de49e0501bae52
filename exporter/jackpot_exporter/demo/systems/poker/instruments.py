"""The families that the platform exposes itself, made as its pack declares them: a name stands in one place only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import yaml
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_PREFIX = "poker_"


class Instruments:
    """Counts, observes and sets by the name without `poker_`."""

    def __init__(self, registry: CollectorRegistry, pack: Path) -> None:
        declared: Mapping[str, Mapping[str, Any]] = yaml.safe_load((pack / "pack.yaml").read_text())["metrics"]
        self._counters: dict[str, Counter] = {}
        self._gauges: dict[str, Gauge] = {}
        self._histograms: dict[str, Histogram] = {}
        for name, entry in declared.items():
            self._make(name, entry, registry)

    def _make(self, name: str, entry: Mapping[str, Any], registry: CollectorRegistry) -> None:
        labels, short = entry.get("labels", []), name.removeprefix(_PREFIX)
        if entry["type"] == "counter":
            self._counters[short] = Counter(name, entry["help"], labels, registry=registry)
        elif entry["type"] == "gauge":
            self._gauges[short] = Gauge(name, entry["help"], labels, registry=registry)
        else:
            bounds = entry["buckets"]
            self._histograms[short] = Histogram(name, entry["help"], labels, buckets=bounds, registry=registry)

    def know(self, name: str, *labels: Iterable[str]) -> None:
        """Let a counter begin at 0 for every combination of these labels: a rise from nothing is not seen."""
        for values in product(*labels):
            self.count(name, *values, times=0)

    def count(self, name: str, *labels: str, times: int = 1) -> None:
        counter = self._counters[name]
        (counter.labels(*labels) if labels else counter).inc(times)

    def observe(self, name: str, seconds: float, *labels: str) -> None:
        histogram = self._histograms[name]
        (histogram.labels(*labels) if labels else histogram).observe(seconds)

    def set(self, name: str, value: float) -> None:
        self._gauges[name].set(value)

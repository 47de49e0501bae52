"""A histogram being counted."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from .model import Bucket, Exemplar, Histogram


class Observations:
    """Counts observations into buckets; `histogram` gives what was counted so far."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = (*bounds, float("inf"))
        self._counts = [0] * len(self._bounds)
        self._exemplars: list[Exemplar | None] = [None] * len(self._bounds)
        self._sum = 0.0

    def observe(self, value: float, exemplar: Exemplar | None = None) -> None:
        index = bisect_left(self._bounds, value)
        self._counts[index] += 1
        self._sum += value
        if exemplar is not None:
            self._exemplars[index] = exemplar

    def histogram(self) -> Histogram:
        total = 0
        buckets = []
        for bound, count, exemplar in zip(self._bounds, self._counts, self._exemplars, strict=True):
            total += count
            buckets.append(Bucket(bound, total, exemplar))
        return Histogram(tuple(buckets), self._sum)

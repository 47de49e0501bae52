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

    def observe(self, value: float, exemplar: Exemplar | None = None) -> int:
        """Count one value; returns which bucket it fell into, for `mark`."""
        index = bisect_left(self._bounds, value)
        self._counts[index] += 1
        self._sum += value
        if exemplar is not None:
            self._exemplars[index] = exemplar
        return index

    def mark(self, index: int, exemplar: Exemplar) -> None:
        """Give a bucket its exemplar after the fact."""
        self._exemplars[index] = exemplar

    def add(self, counts: Sequence[int], total: float) -> None:
        """Add what another histogram counted: by bucket (not cumulative), and its sum. ValueError for other buckets."""
        self._counts = [own + more for own, more in zip(self._counts, counts, strict=True)]
        self._sum += total

    def merge(self, other: Observations) -> None:
        """Add another histogram of the same buckets, with its exemplars."""
        self.add(other._counts, other._sum)
        self._exemplars = [new or old for old, new in zip(self._exemplars, other._exemplars, strict=True)]

    def counted(self) -> tuple[list[int], float]:
        """What `add` takes: the counts by bucket and the sum, without exemplars."""
        return list(self._counts), self._sum

    def histogram(self) -> Histogram:
        total = 0
        buckets = []
        for bound, count, exemplar in zip(self._bounds, self._counts, self._exemplars, strict=True):
            total += count
            buckets.append(Bucket(bound, total, exemplar))
        return Histogram(tuple(buckets), self._sum)

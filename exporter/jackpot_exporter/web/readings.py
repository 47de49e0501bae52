"""Values read back from what a scrape shows: the JSON documents can never say something else than Prometheus sees."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from ..exposition import Family, Format, document
from ..store import Store


class Readings:
    """The store of one target, by names without the namespace (`own`) or whole (`field`).

    For one document: what is read is remembered, because a document asks for many values of few families.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._parsed: dict[int, tuple[Family, list[Sample]]] = {}

    def own(self, name: str, **labels: str) -> float | None:
        """One value of a family of ours; None when it is not shown."""
        return self.field(f"{self._store.namespace}_{name}", **labels)

    def field(self, name: str, **labels: str) -> float | None:
        """One value of a family with a name of the field's; None when it is not shown."""
        return next((s.value for s in self._samples(name) if labels.items() <= s.labels.items()), None)

    def by_label(self, name: str, label: str, **labels: str) -> dict[str, float]:
        """The values of a family of ours by one of its labels."""
        found = self._samples(f"{self._store.namespace}_{name}")
        return {s.labels[label]: s.value for s in found if labels.items() <= s.labels.items()}

    def total(self, name: str) -> float | None:
        """The sum of a field's family over all its series; None when there is none."""
        values = [sample.value for sample in self._samples(name)]
        return sum(values) if values else None

    def total_own(self, name: str) -> float | None:
        """The same for a family of ours."""
        return self.total(f"{self._store.namespace}_{name}")

    def ratio(self, part: str, whole: str) -> float | None:
        """One field's family's sum by another's; None when there is nothing to divide by."""
        above, below = self.total(part), self.total(whole)
        return above / below if above is not None and below else None

    def labels(self, name: str) -> Mapping[str, str] | None:
        """The labels of the first series of a family of ours."""
        return next((s.labels for s in self._samples(f"{self._store.namespace}_{name}")), None)

    def outcome(self, collector: str) -> str | None:
        """How the collector's last collection ended."""
        record = dict(self._store.telemetry.records()).get(collector)
        return record.outcome.value if record is not None and record.outcome is not None else None

    def rate(self, name: str, **labels: str) -> float | None:
        """Increase a second of a remembered counter over the last minutes; None when nothing is known."""
        past = self._store.past(f"{self._store.namespace}_{name}")
        if len(past) < 2:
            return None
        (oldest, first), (newest, last) = past[0], past[-1]
        increase = self._sum(last, labels) - self._sum(first, labels)
        return max(0.0, increase) / (oldest - newest)

    def quantile(self, name: str, quantile: float, **labels: str) -> float | None:
        """A quantile of a remembered histogram over the last minutes, interpolated as Prometheus does."""
        past = self._store.past(f"{self._store.namespace}_{name}")
        if not past:
            return None
        counts = self._buckets(past[-1][1], labels)
        if len(past) > 1:
            before = self._buckets(past[0][1], labels)
            counts = {le: count - before.get(le, 0.0) for le, count in counts.items()}
        return _quantile(counts, quantile)

    def mean(self, name: str, **labels: str) -> float | None:
        """The mean of a remembered histogram over the last minutes."""
        past = self._store.past(f"{self._store.namespace}_{name}")
        if not past:
            return None
        count, total = (self._sum(past[-1][1], labels, suffix) for suffix in ("_count", "_sum"))
        if len(past) > 1:
            count -= self._sum(past[0][1], labels, "_count")
            total -= self._sum(past[0][1], labels, "_sum")
        return total / count if count > 0 else None

    def last_success(self, *collectors: str) -> str | None:
        """When one of these collectors last succeeded, as ISO 8601."""
        records = dict(self._store.telemetry.records())
        times = [records[name].last_success for name in collectors if name in records]
        return iso(max((at for at in times if at is not None), default=None))

    def _samples(self, name: str) -> Iterable[Sample]:
        family = self._store.family(name)
        return self._parse(family) if family is not None else ()

    def _parse(self, family: Family) -> list[Sample]:
        """Found again by identity, which holds as long as the family is kept beside what it says."""
        if id(family) not in self._parsed:
            self._parsed[id(family)] = family, list(_parse(family))
        return self._parsed[id(family)][1]

    def _sum(self, family: Family, labels: Mapping[str, str], suffix: str = "") -> float:
        name = family.name + suffix
        return sum(s.value for s in self._parse(family) if s.name == name and labels.items() <= s.labels.items())

    def _buckets(self, family: Family, labels: Mapping[str, str]) -> dict[float, float]:
        found: dict[float, float] = {}
        for sample in self._parse(family):
            if sample.name.endswith("_bucket") and labels.items() <= sample.labels.items():
                bound = float(sample.labels["le"])
                found[bound] = found.get(bound, 0.0) + sample.value
        return found


def iso(seconds: float | None) -> str | None:
    """Unix seconds as the guide writes times."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _parse(family: Family) -> Iterator[Sample]:
    for parsed in text_string_to_metric_families(document([family], Format.TEXT).decode()):
        yield from parsed.samples


def _quantile(counts: Mapping[float, float], quantile: float) -> float | None:
    bounds = sorted(counts)
    if not bounds or counts[bounds[-1]] <= 0:
        return None
    rank = quantile * counts[bounds[-1]]
    below, lower = 0.0, 0.0
    for bound in bounds:
        if counts[bound] >= rank:
            if bound == float("inf"):
                return lower
            share = (rank - below) / (counts[bound] - below) if counts[bound] > below else 0.0
            return lower + (bound - lower) * share
        below, lower = counts[bound], bound
    return lower

"""The families that rules may read, found by the names that PromQL uses for them.

A histogram is read as `x_bucket`, `x_sum` and `x_count`; a recording rule is a family too. This module
does not judge expressions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from .. import telemetry
from ..collectors import discover
from ..model import Kind
from ..queries import QuerySettings
from .model import TARGET_LABELS, Family, Recording
from .promql import Expression, read
from .schema import MetricEntry

_PARTS = {
    Kind.HISTOGRAM: (("_bucket", ("le",)), ("_sum", ()), ("_count", ())),
    Kind.SUMMARY: (("", ("quantile",)), ("_sum", ()), ("_count", ())),
}


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What can be read, by the name it is read with."""

    readable: Mapping[str, Family]

    @classmethod
    def of(cls, families: Iterable[Family]) -> Catalogue:
        return cls({name: part for family in families for name, part in _parts(family)})

    def with_recordings(self, recordings: Iterable[Recording]) -> Catalogue:
        """Recordings carry whatever labels their expressions may leave; those before may be read by those after."""
        readable = dict(self.readable)
        for recording in recordings:
            readable[recording.record] = _recorded(recording, Catalogue(readable))
        return Catalogue(readable)

    def labels(self, expression: Expression) -> frozenset[str]:
        """Every label that a series in `expression` may have."""
        read_labels = (self.readable[name].labels for name in expression.names if name in self.readable)
        return frozenset(TARGET_LABELS).union(*read_labels, expression.created)


def exporter_families(namespaces: Iterable[str]) -> dict[str, Family]:
    """What the exporter itself can give: what its collectors declare, nothing that is written down twice."""
    title = "The exporter itself"
    specs = [(title, spec) for spec in (*telemetry.METRICS, *telemetry.process_families())]
    specs += [(f"{kind.name}: {kind.help.rstrip('.')}", spec) for kind in discover() for spec in kind.metrics]
    found: dict[str, Family] = {}
    for namespace in namespaces:
        for source, spec in specs:
            # A family of several collectors stands where it is declared first, in the order in which they are shown.
            found.setdefault(spec.full_name(namespace), Family.from_spec(spec, namespace, source))
    return found


def queried(queries: Mapping[str, QuerySettings], source: str) -> dict[str, Family]:
    """What the queries of a pack give."""
    specs = {name: spec for query in queries.values() for name, spec in query.specs().items()}
    return {name: Family.from_spec(spec, "", source) for name, spec in specs.items()}


def declared(metrics: Mapping[str, MetricEntry], source: str) -> dict[str, Family]:
    return {
        name: Family(name, entry.type, entry.help, tuple(entry.labels), tuple(entry.buckets), source)
        for name, entry in metrics.items()
    }


def _parts(family: Family) -> Iterable[tuple[str, Family]]:
    for suffix, labels in _PARTS.get(family.kind, (("", ()),)):
        yield family.name + suffix, replace(family, labels=(*family.labels, *labels))


def _recorded(recording: Recording, catalogue: Catalogue) -> Family:
    try:
        labels = catalogue.labels(read(recording.expr)) | frozenset(recording.labels)
    except ValueError:  # reported where the expression itself is judged
        labels = frozenset(recording.labels)
    return Family(recording.record, Kind.GAUGE, recording.help, tuple(sorted(labels)), source="recording rules")

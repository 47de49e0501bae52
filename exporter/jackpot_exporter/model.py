"""What flows from collectors to the exposition: frozen values, standard library only.

A collector yields three kinds of items: `Sample` (one value), `Frame` (many series of several families
that share their label sets, kept as columns because 100,000 pools as objects cost seconds), and `Note`
(something went wrong that hurts a part and not the whole).

Names: a family of our own carries the namespace of its target in front (`jackpot_pool_amount_cents`), a
family of the field's exporters keeps its name (`redis_up`). `MetricSpec.own` says which; the namespace is
put in front only where text is made, so that a collector is written once for every namespace.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Hashable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

_METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\Z")
_LABEL_NAME = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*\Z")

COUNTER_MODULUS = 2**53
"""Counters wrap here: a float64 holds every integer below it, and `rate()` takes a wrap for a restart."""


class Kind(StrEnum):
    """The type of a family, in the words of the text format."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    SUMMARY = "summary"
    UNTYPED = "untyped"


class Outcome(StrEnum):
    """How one collection ended; all but OK and EMPTY are values of the label `reason`."""

    OK = "ok"
    EMPTY = "empty"
    TIMEOUT = "timeout"
    REFUSED = "refused"
    AUTH = "auth"
    PERMISSION = "permission"
    MISSING = "missing"
    BAD_DATA = "bad_data"
    BUG = "bug"

    @property
    def is_success(self) -> bool:
        return self in (Outcome.OK, Outcome.EMPTY)


FAILURE_REASONS = tuple(outcome for outcome in Outcome if not outcome.is_success)


@dataclass(frozen=True, slots=True)
class Exemplar:
    """A trace or correlation id of one observation; `at` is in Unix seconds."""

    labels: tuple[tuple[str, str], ...]
    value: float
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Bucket:
    """Observations at or below `le`, counted cumulatively."""

    le: float
    count: int
    exemplar: Exemplar | None = None


@dataclass(frozen=True, slots=True)
class Histogram:
    """Cumulative buckets, the last one at +Inf, with the sum of all observations."""

    buckets: tuple[Bucket, ...]
    sum: float


@dataclass(frozen=True, slots=True)
class Summary:
    """Quantiles (0 to 1) as the source reports them; neither sum nor count may be NaN."""

    quantiles: tuple[tuple[float, float], ...]
    sum: float
    count: int


Number = int | float
Value = Number | Histogram | Summary


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """A family: its name, type, help and label names. `own` families get the namespace in front."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    own: bool = False
    buckets: tuple[float, ...] = ()
    """The bounds of a histogram that always has the same; rules may only ask at one of them."""

    def __post_init__(self) -> None:
        if not _METRIC_NAME.match(self.name):
            raise ValueError(f"{self.name!r} is not a metric name")
        for label in self.labels:
            if not _LABEL_NAME.match(label):
                raise ValueError(f"{self.name}: {label!r} is not a label name")
        if len(set(self.labels)) != len(self.labels):
            raise ValueError(f"{self.name}: a label name stands twice in {self.labels}")

    def full_name(self, namespace: str) -> str:
        return f"{namespace}_{self.name}" if self.own else self.name

    def with_labels(self, *labels: str) -> MetricSpec:
        """The same family with further label names behind its own."""
        return replace(self, labels=(*self.labels, *labels))

    def sample(self, value: Value, *labels: str) -> Sample:
        """One value of this family. ValueError when the label values do not fit the label names."""
        if len(labels) != len(self.labels):
            raise ValueError(f"{self.name} has labels {self.labels}, got values {labels}")
        return Sample(self, labels, value)


def counter(name: str, help: str, *labels: str, own: bool = False) -> MetricSpec:  # noqa: A002 - the field's word
    return MetricSpec(name, Kind.COUNTER, help, labels, own)


def gauge(name: str, help: str, *labels: str, own: bool = False) -> MetricSpec:  # noqa: A002
    return MetricSpec(name, Kind.GAUGE, help, labels, own)


def histogram(
    name: str,
    help: str,  # noqa: A002
    *labels: str,
    own: bool = False,
    buckets: tuple[float, ...] = (),
) -> MetricSpec:
    return MetricSpec(name, Kind.HISTOGRAM, help, labels, own, buckets)


def summary(name: str, help: str, *labels: str, own: bool = False) -> MetricSpec:  # noqa: A002
    return MetricSpec(name, Kind.SUMMARY, help, labels, own)


def untyped(name: str, help: str, *labels: str, own: bool = False) -> MetricSpec:  # noqa: A002
    return MetricSpec(name, Kind.UNTYPED, help, labels, own)


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a family; `labels` are the values in the order of the family's label names."""

    spec: MetricSpec
    labels: tuple[str, ...]
    value: Value


@dataclass(frozen=True, slots=True)
class Column:
    """The values of one family over the rows of a frame; None gives no sample.

    Of one collector, columns of equal `version` hold equal values over equal rows, so that what was made of one
    serves for the next; its rows are distinct from those of every other column of the family. `texts`, where there are
    some, are the values as the text formats write them.
    """

    spec: MetricSpec
    values: Sequence[Number | None]
    version: Hashable = None
    texts: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """Several families over the same label sets: `rows[i]` labels `column.values[i]` of every column.

    The columns' families all have the same label names. Rows must be distinct. A frame is rendered in one go on
    the event loop: wide tables come as several frames of about a thousand rows.
    """

    rows: Sequence[tuple[str, ...]]
    columns: tuple[Column, ...]

    def __post_init__(self) -> None:
        for column in self.columns:
            if len(column.values) != len(self.rows):
                raise ValueError(f"{column.spec.name}: {len(column.values)} values for {len(self.rows)} rows")
            if column.spec.labels != self.columns[0].spec.labels:
                raise ValueError(f"{column.spec.name}: labels differ from those of {self.columns[0].spec.name}")


@dataclass(frozen=True, slots=True)
class Note:
    """A part of a collection that could not be had, with the reason; the rest stands.

    `key` tells one note from another between rounds, so that each is logged when it appears and when it
    goes, not every time. `dropped` counts series left out by a cap.
    """

    key: str
    message: str
    outcome: Outcome = Outcome.OK
    dropped: int = 0


Item = Sample | Frame | Note


class Collector(Protocol):
    """Reads one source of a target."""

    def collect(self) -> AsyncGenerator[Item, None]:
        """One collection. Raises SourceError, or any error at all when it has a bug; cancelled at its deadline.

        What is yielded before a failure is shown; what was not yielded keeps its last value until stale.
        """
        ...

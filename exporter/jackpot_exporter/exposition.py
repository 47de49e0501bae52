"""Items to text: families with the body of their lines ready, and documents in the two formats of Prometheus.

The lines of a family are the same bytes in both formats but for exemplars; only the heads differ. A counter
whose field name lacks `_total` (`pg_stat_database_blks_hit`) is declared `unknown` in OpenMetrics, because
that format would force the suffix on it and break the name every dashboard uses.

Formats: https://prometheus.io/docs/instrumenting/exposition_formats/ and the OpenMetrics 1.0 specification.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from .model import COUNTER_MODULUS, Bucket, Exemplar, Frame, Histogram, Kind, MetricSpec, Number, Sample, Summary

_WIDE = 1024  # series; families above it are put together one at a time
_EXEMPLAR_MAX = 128  # characters of an exemplar's labels, by the OpenMetrics specification


class Format(Enum):
    """The two text formats, with their content types."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Family:
    """One family with its lines as bytes; `with_exemplars` differs from `body` only where there are some."""

    name: str
    kind: Kind
    help: str
    series: int
    body: bytes
    with_exemplars: bytes | None = None

    def head(self, fmt: Format) -> bytes:
        """The HELP and TYPE lines."""
        name, kind = self.name, self.kind.value
        if fmt is Format.OPENMETRICS:
            if self.kind is Kind.COUNTER and name.endswith("_total"):
                name = name.removesuffix("_total")
            elif self.kind in (Kind.COUNTER, Kind.UNTYPED):
                kind = "unknown"
            return f"# HELP {name} {escape_label(self.help)}\n# TYPE {name} {kind}\n".encode()
        return f"# HELP {name} {escape_help(self.help)}\n# TYPE {name} {kind}\n".encode()

    def lines(self, fmt: Format) -> bytes:
        if fmt is Format.OPENMETRICS and self.with_exemplars is not None:
            return self.with_exemplars
        return self.body


def document(families: Iterable[Family], fmt: Format) -> bytes:
    """The families one after another; the caller ends an OpenMetrics document with `END`."""
    parts: list[bytes] = []
    for family in families:
        parts += (family.head(fmt), family.lines(fmt))
    return b"".join(parts)


END = {Format.TEXT: b"", Format.OPENMETRICS: b"# EOF\n"}


async def render(items: Iterable[Sample | Frame], namespace: str) -> dict[str, Family]:
    """The families of one collection, by full name; lets the event loop run after each frame.

    ValueError when a family comes with two types or a series comes twice.
    """
    building: dict[str, _Lines] = {}
    for item in items:
        if isinstance(item, Sample):
            _lines_of(building, item.spec, namespace).add(item)
        elif item.columns:
            heads = [_labels(item.columns[0].spec.labels, row) + " " for row in item.rows]
            for column in item.columns:
                _lines_of(building, column.spec, namespace).extend(heads, column.values)
            await asyncio.sleep(0)
    families: dict[str, Family] = {}
    for name, lines in building.items():
        families[name] = lines.family()
        if lines.is_wide:
            await asyncio.sleep(0)
    return families


def render_now(items: Iterable[Sample], namespace: str) -> dict[str, Family]:
    """Like `render`, for a few samples, without giving way."""
    building: dict[str, _Lines] = {}
    for item in items:
        _lines_of(building, item.spec, namespace).add(item)
    return {name: lines.family() for name, lines in building.items()}


def merge(families: list[Family]) -> Family:
    """One family out of the parts that several collectors have of it; an earlier part's series win.

    ValueError when the types differ.
    """
    first = families[0]
    if any(family.kind is not first.kind for family in families):
        raise ValueError(f"{first.name} comes with different types")
    taken: dict[bytes, bytes] = {}
    for family in families:
        for line in family.body.splitlines(keepends=True):
            taken.setdefault(line.rpartition(b" ")[0], line)
    return Family(first.name, first.kind, first.help, len(taken), b"".join(taken.values()))


def join_disjoint(groups: Iterable[Mapping[str, Family]]) -> list[Family]:
    """The families of groups that are known to share no series, each made one."""
    by_name: dict[str, list[Family]] = {}
    for group in groups:
        for name, family in group.items():
            by_name.setdefault(name, []).append(family)
    return [
        Family(name, parts[0].kind, parts[0].help, sum(p.series for p in parts), b"".join([p.body for p in parts]))
        for name, parts in by_name.items()
    ]


def escape_label(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def escape_help(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n")


def number_text(value: Number) -> str:
    """A value as both formats write it."""
    if value != value:  # noqa: PLR0124 - NaN is the one value that differs from itself
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if isinstance(value, bool) else str(value)


class _Lines:
    """The lines of one family while it is being built: blocks of ready text."""

    def __init__(self, spec: MetricSpec, name: str) -> None:
        self.spec = spec
        self.name = name
        self._heads: set[str] = set()
        self._plain: list[bytes] = []
        self._exemplars: list[bytes] | None = None

    @property
    def is_wide(self) -> bool:
        return len(self._heads) > _WIDE

    def add(self, sample: Sample) -> None:
        labels = _labels(sample.spec.labels, sample.labels)
        self._claim([labels + " "])
        value = sample.value
        if isinstance(value, Histogram):
            self._add_histogram(labels, value)
        elif isinstance(value, Summary):
            self._plain.append(_encode("".join(_summary_lines(self.name, labels, value))))
        else:
            self._plain.append(_encode(f"{self.name}{labels} {number_text(_wrapped(self.spec, value))}\n"))

    def extend(self, heads: Sequence[str], values: Sequence[Number | None]) -> None:
        """Many lines at once; `heads` are label sets, each with the blank before its value."""
        numbers = [value for value in values if value is not None]
        if len(numbers) < len(heads):
            heads = [head for head, value in zip(heads, values, strict=True) if value is not None]
        if not heads:
            return
        self._claim(heads)
        lines = f"\n{self.name}".join(map(str.__add__, heads, _texts(self.spec, numbers)))
        self._plain.append(_encode(f"{self.name}{lines}\n"))

    def family(self) -> Family:
        exemplars = b"".join(self._exemplars) if self._exemplars is not None else None
        return Family(self.name, self.spec.kind, self.spec.help, len(self._heads), b"".join(self._plain), exemplars)

    def _claim(self, heads: Sequence[str]) -> None:
        expected = len(self._heads) + len(heads)
        known = self._heads.intersection(heads) if self._heads and len(heads) == 1 else ()
        self._heads.update(heads)
        if len(self._heads) != expected:
            double = next(iter(known), None) or max(heads, key=list(heads).count)
            raise ValueError(f"{self.name}{double.rstrip()} comes twice")

    def _add_histogram(self, labels: str, value: Histogram) -> None:
        if self._exemplars is None and any(bucket.exemplar for bucket in value.buckets):
            self._exemplars = list(self._plain)
        self._plain.append(_encode("".join(_histogram_lines(self.name, labels, value, with_exemplars=False))))
        if self._exemplars is not None:
            self._exemplars.append(_encode("".join(_histogram_lines(self.name, labels, value, with_exemplars=True))))


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _texts(spec: MetricSpec, values: Sequence[Number]) -> Iterable[str]:
    """The values as text; whole columns of plain integers, the usual case, take one call."""
    if set(map(type, values)) == {int} and (spec.kind is not Kind.COUNTER or max(values) < COUNTER_MODULUS):
        return map(str, values)
    return [number_text(_wrapped(spec, value)) for value in values]


def _wrapped(spec: MetricSpec, value: Number) -> Number:
    if spec.kind is Kind.COUNTER and isinstance(value, int) and value >= COUNTER_MODULUS:
        return value % COUNTER_MODULUS
    return value


def _lines_of(building: dict[str, _Lines], spec: MetricSpec, namespace: str) -> _Lines:
    name = spec.full_name(namespace)
    lines = building.get(name)
    if lines is None:
        lines = building[name] = _Lines(spec, name)
    elif lines.spec.kind is not spec.kind:
        raise ValueError(f"{name} comes as {lines.spec.kind} and as {spec.kind}")
    return lines


def _labels(names: tuple[str, ...], values: tuple[str, ...]) -> str:
    if not names:
        return ""
    return "{" + ",".join([f'{n}="{escape_label(v)}"' for n, v in zip(names, values, strict=True)]) + "}"


def _with_label(labels: str, name: str, value: str) -> str:
    return f'{labels[:-1]},{name}="{value}"}}' if labels else f'{{{name}="{value}"}}'


def _histogram_lines(name: str, labels: str, value: Histogram, *, with_exemplars: bool) -> Iterator[str]:
    for bucket in value.buckets:
        tail = _exemplar(bucket) if with_exemplars else ""
        yield f"{name}_bucket{_with_label(labels, 'le', number_text(float(bucket.le)))} {bucket.count}{tail}\n"
    yield f"{name}_sum{labels} {number_text(value.sum)}\n"
    yield f"{name}_count{labels} {value.buckets[-1].count}\n"


def _summary_lines(name: str, labels: str, value: Summary) -> Iterator[str]:
    for quantile, number in value.quantiles:
        yield f"{name}{_with_label(labels, 'quantile', number_text(float(quantile)))} {number_text(number)}\n"
    yield f"{name}_sum{labels} {number_text(value.sum)}\n"
    yield f"{name}_count{labels} {value.count}\n"


def _exemplar(bucket: Bucket) -> str:
    exemplar: Exemplar | None = bucket.exemplar
    if exemplar is None or sum(len(k) + len(v) for k, v in exemplar.labels) > _EXEMPLAR_MAX:
        return ""
    pairs = ",".join(f'{k}="{escape_label(v)}"' for k, v in exemplar.labels)
    at = f" {exemplar.at:.3f}" if exemplar.at is not None else ""
    return f" # {{{pairs}}} {number_text(exemplar.value)}{at}"


def series_of(families: Mapping[str, Family]) -> int:
    """How many label sets the families hold; a histogram's buckets count as one."""
    return sum(family.series for family in families.values())

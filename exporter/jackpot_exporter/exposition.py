"""Items to text: families with the body of their lines ready, and documents in the two formats of Prometheus.

The lines of a family are the same bytes in both formats but for exemplars; only the heads differ. A counter
whose field name lacks `_total` (`pg_stat_database_blks_hit`) is declared `unknown` in OpenMetrics, because
that format would force the suffix on it and break the name every dashboard uses.

Formats: https://prometheus.io/docs/instrumenting/exposition_formats/ and the OpenMetrics 1.0 specification.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache, lru_cache, partial

from .blocks import Block
from .lines import (
    escape_help,
    escape_label,
    histogram_lines,
    known_label_set,
    line_heads,
    number_text,
    summary_lines,
    value_texts,
    without_secrets,
    wrapped,
)
from .model import (
    Column,
    Frame,
    Histogram,
    Kind,
    MetricSpec,
    Number,
    Sample,
    Summary,
)

_WIDE = 1024  # series; families above it are put together one at a time


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
    blocks: tuple[Block, ...]
    with_exemplars: bytes | None = None

    @property
    def body(self) -> bytes:
        """The lines, without exemplars."""
        return b"".join([block.text for block in self.blocks])

    @property
    def size(self) -> int:
        """Bytes of the lines."""
        return sum(block.size for block in self.blocks)

    def head(self, fmt: Format) -> bytes:
        """The HELP and TYPE lines."""
        return _head(self.name, self.kind, self.help, fmt)

    def lines(self, fmt: Format) -> bytes:
        if fmt is Format.OPENMETRICS and self.with_exemplars is not None:
            return self.with_exemplars
        return self.body


@lru_cache(maxsize=4096)
def _head(name: str, kind: Kind, help: str, fmt: Format) -> bytes:  # noqa: A002 - the field's word
    if fmt is Format.TEXT:
        return f"# HELP {name} {escape_help(help)}\n# TYPE {name} {kind}\n".encode()
    shown = kind.value
    if kind is Kind.COUNTER and name.endswith("_total"):
        name = name.removesuffix("_total")
    elif kind in (Kind.COUNTER, Kind.UNTYPED):
        shown = "unknown"
    return f"# HELP {name} {escape_label(help)}\n# TYPE {name} {shown}\n".encode()


def document(families: Iterable[Family], fmt: Format) -> bytes:
    """The families one after another; the caller ends an OpenMetrics document with `END`."""
    parts: list[bytes] = []
    for family in families:
        parts += (family.head(fmt), family.lines(fmt))
    return b"".join(parts)


END = {Format.TEXT: b"", Format.OPENMETRICS: b"# EOF\n"}


class Known:
    """The lines of a collector's last columns that have a version: what comes again is not made again."""

    def __init__(self) -> None:
        self._before: dict[Hashable, tuple[Block, int]] = {}
        self._now: dict[Hashable, tuple[Block, int]] = {}

    def lines(self, name: str, version: Hashable, make: Callable[[], tuple[bytes, int]]) -> tuple[Block, int]:
        """The lines of a column and how many they are."""
        key = (name, version)
        found = self._before.get(key)
        if found is None:
            text, series = make()
            found = Block(without_secrets(text)), series
        self._now[key] = found
        return found

    def turn(self) -> None:
        """Forget what did not come again."""
        self._before, self._now = self._now, {}


async def render(items: Iterable[Sample | Frame], namespace: str, known: Known | None = None) -> dict[str, Family]:
    """The families of one collection, by full name; lets the event loop run after each frame.

    ValueError when a family comes with two types or a series comes twice.
    """
    known = known or Known()
    building: dict[str, _Lines] = {}
    for item in items:
        if isinstance(item, Sample):
            _lines_of(building, item.spec, namespace).add(item)
        elif item.columns:
            _add_frame(building, item, namespace, known)
            await asyncio.sleep(0)
    known.turn()
    families: dict[str, Family] = {}
    for name, lines in building.items():
        families[name] = lines.family()
        if lines.is_wide:
            await asyncio.sleep(0)
    return families


def render_now(items: Iterable[Sample | Frame], namespace: str) -> dict[str, Family]:
    """Like `render`, for little, without giving way."""
    building: dict[str, _Lines] = {}
    known = Known()
    for item in items:
        if isinstance(item, Sample):
            _lines_of(building, item.spec, namespace).add(item)
        else:
            _add_frame(building, item, namespace, known)
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
        for line in family.body.split(b"\n")[:-1]:  # not splitlines: a label may hold a carriage return
            taken.setdefault(line.rpartition(b" ")[0], line + b"\n")
    return Family(first.name, first.kind, first.help, len(taken), (Block(b"".join(taken.values())),))


def join_disjoint(groups: Iterable[Mapping[str, Family]]) -> list[Family]:
    """The families of groups that are known to share no series, each made one."""
    by_name: dict[str, list[Family]] = {}
    for group in groups:
        for name, family in group.items():
            by_name.setdefault(name, []).append(family)
    return [
        Family(
            name,
            parts[0].kind,
            parts[0].help,
            sum(p.series for p in parts),
            (Block(b"".join([p.body for p in parts])),),
        )
        for name, parts in by_name.items()
    ]


class _Lines:
    """The lines of one family while it is being built: blocks of ready text."""

    def __init__(self, spec: MetricSpec, name: str) -> None:
        self.spec = spec
        self.name = name
        self._heads: set[str] = set()
        self._blocks: list[Block] = []
        self._series = 0
        self._plain: list[str] = []
        self._exemplars: list[str] | None = None

    @property
    def is_wide(self) -> bool:
        return len(self._heads) > _WIDE

    def add(self, sample: Sample) -> None:
        labels = known_label_set(sample.spec.labels, sample.labels)
        if (head := labels + " ") in self._heads:
            raise ValueError(f"{self.name}{labels} comes twice")
        self._heads.add(head)
        value = sample.value
        if isinstance(value, Histogram):
            self._add_histogram(labels, value)
        elif isinstance(value, Summary):
            self._plain += summary_lines(self.name, labels, value)
        else:
            self._plain.append(f"{self.name}{labels} {number_text(wrapped(self.spec, value))}\n")

    def extend(self, heads: Sequence[str], values: Sequence[Number | None]) -> None:
        """Many lines at once; `heads` are label sets, each with the blank before its value."""
        heads, numbers = _present(heads, values)
        self._claim(heads)
        self._plain.append(self._text(heads, value_texts(self.spec, numbers)))

    def text_of(self, heads: Sequence[str], column: Column) -> tuple[bytes, int]:
        """The lines of a column and how many they are; they do not become part of the family."""
        if column.texts is not None:
            return _encode(self._text(heads, column.texts)), len(heads)
        heads, numbers = _present(heads, column.values)
        return _encode(self._text(heads, value_texts(self.spec, numbers))), len(heads)

    def append(self, block: Block, series: int) -> None:
        """Lines that are ready."""
        self._end_block()
        self._blocks.append(block)
        self._series += series

    def family(self) -> Family:
        exemplars = without_secrets(_encode("".join(self._exemplars))) if self._exemplars is not None else None
        self._end_block()
        series = self._series + len(self._heads)
        return Family(self.name, self.spec.kind, self.spec.help, series, tuple(self._blocks), exemplars)

    def _end_block(self) -> None:
        if self._plain:
            self._blocks.append(Block(without_secrets(_encode("".join(self._plain)))))
            self._plain = []

    def _text(self, heads: Sequence[str], values: Iterable[str]) -> str:
        if not heads:
            return ""
        lines = f"\n{self.name}".join(map(str.__add__, heads, values))
        return f"{self.name}{lines}\n"

    def _claim(self, heads: Sequence[str]) -> None:
        expected = len(self._heads) + len(heads)
        self._heads.update(heads)
        if len(self._heads) != expected:
            double = max(heads, key=list(heads).count)
            raise ValueError(f"{self.name}{double.rstrip()} comes twice")

    def _add_histogram(self, labels: str, value: Histogram) -> None:
        if self._exemplars is None and any(bucket.exemplar for bucket in value.buckets):
            self._exemplars = list(self._plain)
        self._plain += histogram_lines(self.name, labels, value, with_exemplars=False)
        if self._exemplars is not None:
            self._exemplars += histogram_lines(self.name, labels, value, with_exemplars=True)


def _add_frame(building: dict[str, _Lines], frame: Frame, namespace: str, known: Known) -> None:
    heads = cache(partial(_distinct_heads, frame, namespace))
    for column in frame.columns:
        lines = _lines_of(building, column.spec, namespace)
        if column.version is None:
            lines.extend(heads(), column.values)
        else:
            lines.append(*known.lines(lines.name, column.version, partial(_column_text, lines, heads, column)))


def _distinct_heads(frame: Frame, namespace: str) -> list[str]:
    spec = frame.columns[0].spec
    heads = line_heads(spec.labels, frame.rows)
    if len(set(heads)) != len(heads):
        raise ValueError(f"{spec.full_name(namespace)}{max(heads, key=heads.count).rstrip()} comes twice")
    return heads


def _column_text(lines: _Lines, heads: Callable[[], list[str]], column: Column) -> tuple[bytes, int]:
    return lines.text_of(heads(), column)


def _present(heads: Sequence[str], values: Sequence[Number | None]) -> tuple[Sequence[str], Sequence[Number]]:
    """The heads and values of the lines, without those that have no value."""
    numbers = [value for value in values if value is not None]
    if len(numbers) < len(heads):
        heads = [head for head, value in zip(heads, values, strict=True) if value is not None]
    return heads, numbers


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _lines_of(building: dict[str, _Lines], spec: MetricSpec, namespace: str) -> _Lines:
    name = spec.full_name(namespace)
    lines = building.get(name)
    if lines is None:
        lines = building[name] = _Lines(spec, name)
    elif lines.spec.kind is not spec.kind:
        raise ValueError(f"{name} comes as {lines.spec.kind} and as {spec.kind}")
    return lines


def series_of(families: Mapping[str, Family]) -> int:
    """How many label sets the families hold; a histogram's buckets count as one."""
    return sum(family.series for family in families.values())

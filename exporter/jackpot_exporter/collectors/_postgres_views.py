"""Statistics views of PostgreSQL read as families.

A `View` is a table of families and columns. Which of its columns exist is asked of the server's own catalogue, so
that a version which renames or adds one changes what is exported and breaks nothing. The text of every statement is
made of constants of this package; values are bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, LiteralString

from ..model import Column, Frame, Item, MetricSpec

if TYPE_CHECKING:
    from ..clients.postgres import Reader, Row

CHOSEN = """datname = any(coalesce(%s::name[], array(
    select datname
    from pg_catalog.pg_database
    order by datname <> pg_catalog.current_database(), oid
    limit %s
)))"""
"""Bound to a list of databases, or to None and a number: the connected one and the oldest others."""

LARGEST_TABLES = """array(
    select oid
    from pg_catalog.pg_class
    where relkind in ('r', 'm') and relpersistence <> 't' and oid >= 16384
    order by relpages desc, oid
    limit %s
)"""
"""The oids of the users' own largest tables; bound to their number. Oids below 16384 are PostgreSQL's."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One family and the SQL of its value; left out where one of the columns it needs does not exist."""

    spec: MetricSpec
    expression: LiteralString
    needs: frozenset[str]


def plain(spec: MetricSpec, column: LiteralString) -> Measure:
    """The column as it is."""
    return Measure(spec, column, frozenset((column,)))


def whole(spec: MetricSpec, column: LiteralString) -> Measure:
    """A numeric or boolean column as a whole number."""
    return Measure(spec, f"{column}::bigint", frozenset((column,)))


def epoch(spec: MetricSpec, column: LiteralString) -> Measure:
    """A point in time in Unix seconds."""
    return Measure(spec, epoch_of(column), frozenset((column,)))


def epoch_of(expression: LiteralString) -> LiteralString:
    """Seconds of an interval, or Unix seconds of a point in time."""
    return f"extract(epoch from {expression})::float8"


def seconds(spec: MetricSpec, column: LiteralString) -> Measure:
    """Milliseconds, as the statistics views count them, in seconds."""
    return Measure(spec, f"{column} / 1000", frozenset((column,)))


def computed(spec: MetricSpec, expression: LiteralString, *needs: str) -> Measure:
    """Any expression over the columns named."""
    return Measure(spec, expression, frozenset(needs))


@dataclass(frozen=True, slots=True)
class View:
    """Families whose label sets are the rows of one relation.

    `labels` are SQL expressions in the order of the families' labels; `by_server` adds the server as the last label.
    `source` follows `from` when the relation needs company, `tail` ends the statement.
    """

    relation: LiteralString
    labels: tuple[LiteralString, ...]
    measures: tuple[Measure, ...]
    source: LiteralString = ""
    tail: LiteralString = ""
    by_server: bool = False

    def __post_init__(self) -> None:
        for spec in self.metrics:
            if len(spec.labels) != len(self.labels) + self.by_server:
                raise ValueError(f"{spec.name} has labels {spec.labels}, {self.relation} gives {self.labels}")

    @property
    def metrics(self) -> tuple[MetricSpec, ...]:
        return tuple(dict.fromkeys(measure.spec for measure in self.measures))

    def present(self, columns: frozenset[str]) -> tuple[Measure, ...]:
        """The measures that a relation with these columns can give."""
        return tuple(measure for measure in self.measures if measure.needs <= columns)

    def statement(self, measures: Sequence[Measure]) -> LiteralString:
        """Selects the labels and these measures."""
        values = ", ".join((*self.labels, *(measure.expression for measure in measures)))
        return f"select {values} from {self.source or self.relation} {self.tail}"  # noqa: S608 - constants

    async def read(self, reader: Reader, parameters: Sequence[object] | None = None) -> list[Item]:
        """The families of this view; none where the server has no such relation."""
        measures = self.present(await reader.columns(self.relation))
        if not measures:
            return []
        rows = await reader.rows(self.statement(measures), parameters)
        last = (reader.server,) if self.by_server else ()
        return list(frames(rows, [measure.spec for measure in measures], len(self.labels), last))


def frames(
    rows: Sequence[Row], specs: Sequence[MetricSpec], label_count: int, last_labels: tuple[str, ...] = ()
) -> Iterator[Frame]:
    """Rows of `label_count` labels and one value for each family, as columns.

    Two rows may come to bear the same labels where names hold bytes that are no UTF-8; the first one stands.
    """
    distinct: dict[tuple[str, ...], Row] = {}
    for row in rows:
        distinct.setdefault((*[value or "" for value in row[:label_count]], *last_labels), row)
    if distinct:
        columns = zip(*distinct.values(), strict=True)
        values = list(columns)[label_count:]
        yield Frame(list(distinct), tuple(Column(spec, v) for spec, v in zip(specs, values, strict=True)))


class Cap:
    """Lets a limited number of label values through; who is in stays in, so that series do not come and go."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._admitted: set[str] = set()

    def admit(self, values: Iterable[str]) -> set[str]:
        """Those of `values` that may be shown by name, the first ones first; what is gone makes room."""
        ordered = dict.fromkeys(values)
        self._admitted &= ordered.keys()
        for value in ordered:
            if len(self._admitted) >= self._limit:
                break
            self._admitted.add(value)
        return set(self._admitted)

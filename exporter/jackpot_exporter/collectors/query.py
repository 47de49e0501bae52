"""The rows of SQL queries as families: what a pack or a site asks of its own tables.

Every query is a collector of its own, named `query_NAME`: its interval, its deadline, its failures. All that are quick
share one connection; one that is not gets a connection for as long as it runs, so that nobody waits for it. What is
wrong with one family of a query (a NULL, a text where a number belongs, two rows of one label set) hurts that family.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ..clients import Clients
from ..config import CollectorSection
from ..errors import BadDataError, PermissionDeniedError, SourceTimeoutError
from ..model import Bucket, Collector, Histogram, Item, MetricSpec, Note, Number, Outcome, Sample
from ..queries import FamilySettings, QuerySettings
from ._base import CollectorType

if TYPE_CHECKING:
    from ..clients.postgres import Answer

_SHARED = "queries"
_QUICK_SECONDS = 0.5
"""What takes longer leaves the shared connection."""

_ANSWER_SHARE = 0.8  # of the deadline; the rest is for the server to give up first
_LABEL_MAX = 200


class QueryCollector:
    """Runs one query."""

    def __init__(self, name: str, settings: QuerySettings, timeout_seconds: float, clients: Clients) -> None:
        self._settings = settings
        self._clients = clients
        self._own = f"query_{name}"
        self._seconds = timeout_seconds * _ANSWER_SHARE
        self._specs = settings.specs()
        self._is_slow = False

    async def collect(self) -> AsyncGenerator[Item, None]:
        answer = await self._ask()
        if len(answer.rows) > self._settings.max_rows:
            raise BadDataError(f"more than max_rows, {self._settings.max_rows}; part of the rows would be a wrong sum")
        for name, family in self._settings.metrics.items():
            try:
                samples = list(_samples(self._specs[name], family, family.column(name), answer))
            except BadDataError as error:
                yield Note(name, f"{name}: {error}", Outcome.BAD_DATA)
            else:
                for sample in samples:
                    yield sample

    async def _ask(self) -> Answer:
        until = _now() + self._seconds
        if not self._is_slow:
            try:
                return await self._run(_SHARED, min(_QUICK_SECONDS, self._seconds))
            except SourceTimeoutError:
                self._is_slow = True
        session = self._clients.postgres(self._own, self._seconds)
        started = _now()
        try:
            answer = await self._run(self._own, max(0.05, until - started))
        finally:
            await session.close()
        self._is_slow = _now() - started > _QUICK_SECONDS / 2
        return answer

    async def _run(self, name: str, seconds: float) -> Answer:
        session = self._clients.postgres(name, self._seconds)
        try:
            async with session.read(seconds) as reader:
                return await reader.answer(self._settings.sql, self._settings.max_rows + 1)
        except PermissionDeniedError as error:
            raise PermissionDeniedError(f"{error}; grant it to {session.user}") from None


def _samples(spec: MetricSpec, family: FamilySettings, column: str, answer: Answer) -> Iterator[Sample]:
    """One sample for each row that has a value, then the zeros that no row has. BadDataError when any is wrong."""
    at = {name: answer.columns.index(name) for name in _columns(family, column, answer.columns)}
    seen: set[tuple[str, ...]] = set()
    for row in answer.rows:
        labels = tuple(_label(row[at[label]]) for label in family.labels)
        if labels in seen:
            raise BadDataError("two rows have the same labels")
        seen.add(labels)
        value = _histogram(family, column, row, at) if family.buckets else _number(row[at[column]])
        if value is not None:
            if spec.kind == "counter" and not isinstance(value, Histogram) and value < 0:
                raise BadDataError(f"a counter is never below zero, and {column} is")
            yield spec.sample(value, *labels)
    for labels in family.zeros():
        if labels not in seen:
            nothing = Histogram(tuple(Bucket(le, 0) for le in (*family.buckets, float("inf"))), 0.0)
            yield spec.sample(nothing if family.buckets else 0, *labels)


def _columns(family: FamilySettings, column: str, there: Sequence[str]) -> list[str]:
    parts = [f"{column}{part}" for part in ("_bucket", "_sum", "_count")] if family.buckets else [column]
    wanted = [*family.labels, *parts]
    for name in wanted:
        if there.count(name) != 1:
            what = "has no column" if name not in there else "has two columns"
            raise BadDataError(f"the query {what} {name}; its columns: {', '.join(there)}")
    return wanted


def _label(value: Any) -> str:
    """NULL is the empty label, which is the same as none."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)[:_LABEL_MAX]


def _number(value: Any) -> Number | None:
    """NULL is no sample. Points in time are Unix seconds, and spans of time seconds."""
    match value:
        case None:
            return None
        case bool():
            return int(value)
        case int() | float():
            return value
        case Decimal():
            return int(value) if value == value.to_integral_value() and abs(value) < 1 << 53 else float(value)
        case datetime() if value.tzinfo is not None:
            return value.timestamp()
        case timedelta():
            return value.total_seconds()
        case date():
            raise BadDataError("a date or a timestamp without time zone is no point in time; use timestamptz")
        case _:
            raise BadDataError(f"a value is a number, a timestamptz or an interval, not {type(value).__name__}")


def _histogram(family: FamilySettings, column: str, row: Sequence[Any], at: Mapping[str, int]) -> Histogram | None:
    counts, total, count = (row[at[f"{column}{part}"]] for part in ("_bucket", "_sum", "_count"))
    if counts is None or count is None:
        return None
    if not isinstance(counts, list) or len(counts) != len(family.buckets):
        raise BadDataError(f"{column}_bucket must be an array of {len(family.buckets)} counts, one for each bucket")
    numbers = [_number(one) for one in (*counts, count)]
    if any(not isinstance(one, int) or one < 0 for one in numbers):
        raise BadDataError(f"{column}_bucket and {column}_count are whole numbers")
    whole = [one for one in numbers if isinstance(one, int)]
    if whole != sorted(whole):
        raise BadDataError(f"{column}_bucket is not cumulative")
    bounds = zip((*family.buckets, float("inf")), whole, strict=True)
    return Histogram(tuple(Bucket(le, number) for le, number in bounds), float(_number(total) or 0))


def _now() -> float:
    return asyncio.get_running_loop().time()


def _build(settings: Mapping[str, QuerySettings], timeout_seconds: float, clients: Clients) -> Collector | None:
    if clients.postgres_source is None:
        return None
    [(name, query)] = settings.items()
    return QueryCollector(name, query, timeout_seconds, clients)


TYPE = CollectorType(
    name="query",
    help="rows of SQL queries, those of packs and the site's own",
    section=CollectorSection(("queries",), QuerySettings, named=True),
    metrics=(),
    build=_build,
)

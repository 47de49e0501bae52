"""The jackpot pools, from the service's own table: amounts, contributions, wins, versions and their integrity.

One COPY a round, whatever the number of pools. Nothing is written and no row is locked; the table's name and
columns are settings, and are checked against the catalogue, which needs no lock, before the table is touched.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, LiteralString

from pydantic import AfterValidator, Field

from ..clients import Clients
from ..config import CollectorSection, Schedule, Seconds, Section
from ..errors import MissingError, PermissionDeniedError, SourceTimeoutError
from ..model import Collector, Column, Frame, Item, MetricSpec, Note, Number, Outcome, counter, gauge
from ._base import CollectorType
from ._copy_text import parse_columns
from ._integrity import Ledger, PoolRow

if TYPE_CHECKING:
    from psycopg.sql import Composed

    from ..clients.postgres import PostgresSession, Reader

AMOUNT = gauge("pool_amount_cents", "What the pool holds.", "pool", own=True)
CONTRIBUTIONS = counter(
    "contributions_cents_total", "Paid into the pool since it exists; wraps at 2^53.", "pool", own=True
)
WINS = counter("wins_total", "Wins paid by the pool since it exists; wraps at 2^53.", "pool", own=True)
WINS_CENTS = counter("wins_cents_total", "Won from the pool since it exists; wraps at 2^53.", "pool", own=True)
LAST_WON_AMOUNT = gauge("pool_last_won_amount_cents", "The last win.", "pool", own=True)
LAST_WON_AT = gauge("pool_last_won_timestamp_seconds", "When the pool was last won.", "pool", own=True)
VERSION = gauge("pool_version", "Version of the row, raised by every update.", "pool", own=True)
CREATED_AT = gauge("pool_created_timestamp_seconds", "When the pool was made.", "pool", own=True)
UPDATED_AT = gauge("pool_last_update_timestamp_seconds", "When the row was last written.", "pool", own=True)
STATUS = gauge(
    "pool_status", "1 for the state the pool is in: error below zero, else by age.", "pool", "status", own=True
)
ACCESSIBLE = gauge("table_accessible", "1 when the table of pools can be read.", own=True)
VIOLATIONS = gauge("integrity_violations", "Pools (or constraints) that violate the check.", "check", own=True)

METRICS: tuple[MetricSpec, ...] = (
    AMOUNT, CONTRIBUTIONS, WINS, WINS_CENTS, LAST_WON_AMOUNT, LAST_WON_AT, VERSION, CREATED_AT, UPDATED_AT, STATUS,
    ACCESSIBLE, VIOLATIONS,
)  # fmt: skip

_STATES = ("active", "inactive", "error")
_OTHER = "other"
_RESERVED_LABELS = {"pool", "status", "le", "quantile", "job", "instance", "service"}
_SUMMED = {AMOUNT, CONTRIBUTIONS, WINS, WINS_CENTS}
_LATEST = {LAST_WON_AT, UPDATED_AT}
_FRAME_ROWS = 1024
_TIME_TYPES = {"timestamp", "timestamptz", "date"}

Key = tuple[str, ...]


def _check_labels(value: dict[str, str]) -> dict[str, str]:
    if taken := _RESERVED_LABELS & value.keys():
        raise ValueError(f"the label {min(taken)!r} is already in use; choose another name")
    gauge("x", "", *value)  # raises ValueError for what is no label name
    return value


class PoolColumns(Section):
    """The table's own names for what is read; null where the table has no such column."""

    pool: str = Field("group", description="the pool's name")
    amount: str = Field("current_amount", description="what the pool holds, in cents")
    contributions: str | None = Field("total_contributions", description="paid in since the pool exists, in cents")
    wins: str | None = Field("total_wins", description="wins since the pool exists: a count, or see wins_are_cents")
    last_won_amount: str | None = Field("last_won_amount", description="the last win, in cents")
    last_won_at: str | None = Field("last_won_at", description="time of the last win")
    version: str | None = Field("version", description="raised by every update")
    created_at: str | None = Field("created_at", description="time the pool was made")
    updated_at: str | None = Field("updated_at", description="time of the last update")


class PoolsSettings(Schedule):
    """The table of jackpot pools."""

    table: str = Field("public.jackpots", description="table or view, with its schema")
    columns: PoolColumns = PoolColumns()
    labels: Annotated[dict[str, str], AfterValidator(_check_labels)] = Field(
        {}, description="further labels, each with the column that holds it"
    )
    max_series: int = Field(20_000, ge=100, description="limit of series; pools over it are added up as other")
    wins_are_cents: bool = Field(False, description="true when the wins column holds cents, not a count")
    inactive_after: Seconds = Field(86_400.0, description="a pool not updated for so long is inactive")


class PoolsCollector:
    """Reads every pool with one statement."""

    def __init__(self, settings: PoolsSettings, session: PostgresSession) -> None:
        self._settings = settings
        self._session = session
        self._plan: _Plan | None = None
        self._ledger = Ledger()
        self._shown: dict[Key, None] = {}
        self._timeouts = 0

    async def collect(self) -> AsyncGenerator[Item, None]:
        try:
            plan, stream, unvalidated = await self._read()
        except SourceTimeoutError:
            # One missed round is a migration that has its lock; two are a table that nobody can use.
            self._timeouts += 1
            if self._timeouts > 1:
                yield ACCESSIBLE.sample(0)
            raise
        except (MissingError, PermissionDeniedError):
            self._plan = None
            yield ACCESSIBLE.sample(0)
            raise
        self._timeouts = 0
        yield ACCESSIBLE.sample(1)
        table, notes = await plan.parse(stream)
        for note in notes:
            yield note
        violations = await self._ledger.check(_ledger_rows(table))
        for check, count in {**violations, "unvalidated_constraint": unvalidated}.items():
            yield VIOLATIONS.sample(count, check)
        shown, dropped = self._cap(table)
        if dropped:
            message = f"{len(table.keys) - len(shown.keys) + 1} pools over max_series are added up as other"
            yield Note("max_series", message, dropped=dropped)
        for frame in _frames(shown, plan.label_names, time.time() - self._settings.inactive_after):
            yield frame

    async def _read(self) -> tuple[_Plan, bytes, int]:
        try:
            async with self._session.read() as reader:
                if self._plan is None:
                    self._plan = await self._make_plan(reader)
                unvalidated = (await reader.rows(_UNVALIDATED, self._plan.name))[0][0]
                return self._plan, await reader.copy(self._plan.query), unvalidated
        except PermissionDeniedError as error:
            grant = f"grant select on {self._settings.table} to {self._session.user}"
            raise PermissionDeniedError(f"{error}; run: {grant}") from None

    async def _make_plan(self, reader: Reader) -> _Plan:
        schema, _, table = self._settings.table.rpartition(".")
        name = {"schema": schema, "table": table}
        types: dict[str, str] = dict(await reader.rows(_COLUMNS, name))
        if not types:
            raise MissingError(f"no table {self._settings.table} in database {self._session.database}")
        return _make_plan(self._settings, name, types)

    def _cap(self, table: _Table) -> tuple[_Table, int]:
        """The pools within the limit, and one called other for the rest; pools once shown stay shown."""
        per_pool = len(table.columns) + len(_STATES)
        limit = self._settings.max_series // per_pool
        if len(table.keys) <= limit:
            self._shown = dict.fromkeys(table.keys)
            return table, 0
        still = [key for key in table.keys if key in self._shown][: limit - 1]
        chosen = set(still)
        for key in table.keys:
            if len(chosen) >= limit - 1:
                break
            chosen.add(key)
        self._shown = dict.fromkeys(chosen)
        shown = table.gathered([key if key in chosen else _other(key) for key in table.keys])
        return shown, (len(table.keys) - len(chosen)) * per_pool


@dataclass(frozen=True, slots=True)
class _Table:
    """The pools of one round: a label set for each, and the values of each family."""

    keys: Sequence[Key]
    columns: Mapping[MetricSpec, Sequence[Number | None]]

    def gathered(self, keys: Sequence[Key]) -> _Table:
        """Rows of the same key made one: money and counts added, times the latest, the rest left out."""
        where: dict[Key, int] = {}
        for key in keys:
            where.setdefault(key, len(where))
        alone = [0] * len(where)
        for key in keys:
            alone[where[key]] += 1
        columns: dict[MetricSpec, list[Number | None]] = {spec: [None] * len(where) for spec in self.columns}
        for spec, values in self.columns.items():
            out = columns[spec]
            for key, value in zip(keys, values, strict=True):
                at = where[key]
                if alone[at] == 1:
                    out[at] = value
                elif value is not None and spec in _SUMMED:
                    out[at] = (out[at] or 0) + value
                elif value is not None and spec in _LATEST:
                    out[at] = max(out[at] or 0, value)
        return _Table(list(where), columns)


@dataclass(frozen=True, slots=True)
class _Plan:
    """How to read the table: its name, the query, and which family each column after the labels fills."""

    name: Mapping[str, str]
    query: Composed
    label_names: tuple[str, ...]
    specs: tuple[MetricSpec, ...]

    async def parse(self, stream: bytes) -> tuple[_Table, list[Note]]:
        width = 1 + len(self.label_names)
        columns = await parse_columns(stream, width + len(self.specs))
        notes = []
        labels = [[text or "" for text in column.texts()] for column in columns[:width]]
        values: dict[MetricSpec, Sequence[Number | None]] = {}
        for spec, column in zip(self.specs, columns[width:], strict=True):
            try:
                values[spec], note = _without_nonsense(spec, column.numbers())
            except ValueError:
                note = Note(spec.name, f"{spec.name}: the column holds what is no number", Outcome.BAD_DATA)
            if note:
                notes.append(note)
        table = _Table(list(zip(*labels, strict=True)), values)
        if len(set(table.keys)) != len(table.keys):
            message = "pools with equal labels are added up; name the column that tells them apart under pools.labels"
            notes.append(Note("duplicates", message, Outcome.BAD_DATA))
            table = table.gathered(table.keys)
        return table, notes


def _without_nonsense(spec: MetricSpec, values: list[Number | None]) -> tuple[list[Number | None], Note | None]:
    """A counter below zero, or not a number, is no counter: its sample is left out and said."""
    if spec not in _SUMMED or spec is AMOUNT:
        return values, None
    good = [v if v is None or 0 <= v < float("inf") else None for v in values]
    bad = sum(1 for before, after in zip(values, good, strict=True) if before is not after)
    if not bad:
        return values, None
    return good, Note(spec.name, f"{bad} pools have a counter below zero or not finite: {spec.name}", Outcome.BAD_DATA)


def _other(key: Key) -> Key:
    return tuple(_OTHER for _ in key)


def _ledger_rows(table: _Table) -> Iterator[tuple[Key, PoolRow]]:
    nothing: Sequence[None] = [None] * len(table.keys)
    wins = WINS_CENTS if WINS_CENTS in table.columns else WINS
    columns = [table.columns.get(spec, nothing) for spec in (AMOUNT, CONTRIBUTIONS, wins, VERSION, UPDATED_AT)]
    for key, row in zip(table.keys, zip(*columns, strict=True), strict=True):
        yield key, PoolRow(*row)


def _frames(table: _Table, label_names: tuple[str, ...], inactive_before: float) -> Iterator[Frame]:
    """The pools in frames of a size that renders in about ten milliseconds."""
    specs = {spec: spec.with_labels(*label_names) for spec in table.columns}
    status = STATUS.with_labels(*label_names)
    for start in range(0, len(table.keys), _FRAME_ROWS):
        part = slice(start, start + _FRAME_ROWS)
        keys = table.keys[part]
        yield Frame(keys, tuple(Column(specs[spec], values[part]) for spec, values in table.columns.items()))
        amounts = table.columns[AMOUNT][part] if AMOUNT in table.columns else [None] * len(keys)
        updated = table.columns[UPDATED_AT][part] if UPDATED_AT in table.columns else [None] * len(keys)
        states = [_state(*row, inactive_before) for row in zip(amounts, updated, strict=True)]
        rows = [(key[0], state, *key[1:]) for key in keys for state in _STATES]
        flags = [int(state == found) for found in states for state in _STATES]
        yield Frame(rows, (Column(status, flags),))


def _state(amount: Number | None, updated_at: Number | None, inactive_before: float) -> str:
    if amount is not None and amount < 0:
        return "error"
    return "inactive" if updated_at is not None and updated_at < inactive_before else "active"


_COLUMNS: LiteralString = """
select
    a.attname,
    t.typname
from pg_catalog.pg_attribute a
join pg_catalog.pg_class c on c.oid = a.attrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_type t on t.oid = a.atttypid
where (n.nspname = %(schema)s or (%(schema)s = '' and pg_catalog.pg_table_is_visible(c.oid)))
    and c.relname = %(table)s
    and c.relkind in ('r', 'p', 'v', 'm', 'f')
    and a.attnum > 0
    and not a.attisdropped
"""

_UNVALIDATED: LiteralString = """
select
    count(*)
from pg_catalog.pg_constraint k
join pg_catalog.pg_class c on c.oid = k.conrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where (n.nspname = %(schema)s or (%(schema)s = '' and pg_catalog.pg_table_is_visible(c.oid)))
    and c.relname = %(table)s
    and not k.convalidated
"""


def _make_plan(settings: PoolsSettings, name: Mapping[str, str], types: Mapping[str, str]) -> _Plan:
    """The plan for a table with these columns and types. MissingError names every column that is not there."""
    mapped = settings.columns
    wanted = {
        AMOUNT: mapped.amount,
        CONTRIBUTIONS: mapped.contributions,
        WINS_CENTS if settings.wins_are_cents else WINS: mapped.wins,
        LAST_WON_AMOUNT: mapped.last_won_amount,
        LAST_WON_AT: mapped.last_won_at,
        VERSION: mapped.version,
        CREATED_AT: mapped.created_at,
        UPDATED_AT: mapped.updated_at,
    }
    values = {spec: column for spec, column in wanted.items() if column is not None}
    labels = [mapped.pool, *settings.labels.values()]
    missing = [column for column in (*labels, *values.values()) if column not in types]
    if missing:
        raise MissingError(
            f"{settings.table} has no column {', '.join(missing)}; it has {', '.join(sorted(types))}: "
            "map them under pools.columns, or to null"
        )
    return _Plan(name, _query(name, labels, values.values(), types), tuple(settings.labels), tuple(values))


def _query(name: Mapping[str, str], labels: Sequence[str], values: Iterable[str], types: Mapping[str, str]) -> Composed:
    from psycopg import sql  # noqa: PLC0415 - psycopg is loaded only where PostgreSQL is configured

    fields: list[sql.Composable] = [sql.Identifier(column) for column in labels]
    for column in values:
        template = "extract(epoch from {})" if types[column] in _TIME_TYPES else "{}"
        fields.append(sql.SQL(template).format(sql.Identifier(column)))
    table = sql.Identifier(*filter(None, (name["schema"], name["table"])))
    order = sql.SQL(", ").join(map(sql.Literal, range(1, len(labels) + 1)))
    listed = sql.SQL(", ").join(fields)
    return sql.SQL("select {} from {} order by {}").format(listed, table, order)


def _build(settings: PoolsSettings, timeout_seconds: float, clients: Clients) -> Collector | None:
    if clients.postgres_source is None:
        return None
    return PoolsCollector(settings, clients.postgres("pools", timeout_seconds))


TYPE = CollectorType(
    name="pools",
    help="the jackpot pools and their integrity",
    section=CollectorSection(("pools",), PoolsSettings),
    metrics=METRICS,
    build=_build,
)

"""How to read the table of pools: checked against the catalogue, which needs no lock, before the table is touched."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, LiteralString

from ...errors import MissingError
from ...model import MetricSpec, Note, Number, Outcome
from .copy_text import parse_columns
from .families import (
    AMOUNT,
    CONTRIBUTIONS,
    CREATED_AT,
    LAST_WON_AMOUNT,
    LAST_WON_AT,
    UPDATED_AT,
    VERSION,
    WINS,
    WINS_CENTS,
)
from .settings import PoolsSettings
from .table import COUNTERS, Table

if TYPE_CHECKING:
    from psycopg.sql import Composable, Composed

    from ...clients.postgres import Reader

_TIME_TYPES = {"timestamp", "timestamptz", "date"}

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


@dataclass(frozen=True, slots=True)
class Plan:
    """How to read the table: its name, the query, and which family each column after the labels fills."""

    name: Mapping[str, str]
    query: Composed
    label_names: tuple[str, ...]
    specs: tuple[MetricSpec, ...]

    async def parse(self, stream: bytes) -> tuple[Table, list[Note]]:
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
            await asyncio.sleep(0)
        table = Table(list(zip(*labels, strict=True)), values)
        if len(set(table.keys)) != len(table.keys):
            message = "pools with equal labels are added up; name the column that tells them apart under pools.labels"
            notes.append(Note("duplicates", message, Outcome.BAD_DATA))
            table = table.gathered(table.keys)
        return table, notes


def _without_nonsense(spec: MetricSpec, values: list[Number | None]) -> tuple[list[Number | None], Note | None]:
    """A counter below zero, or not a number, is no counter: its sample is left out and said."""
    if spec not in COUNTERS:
        return values, None
    good = [v if v is None or 0 <= v < float("inf") else None for v in values]
    bad = sum(1 for before, after in zip(values, good, strict=True) if before is not after)
    if not bad:
        return values, None
    return good, Note(spec.name, f"{bad} pools have a counter below zero or not finite: {spec.name}", Outcome.BAD_DATA)


async def make_plan(settings: PoolsSettings, reader: Reader, database: str) -> Plan:
    """The plan for the table as it is now. MissingError when it, or a column, is not there."""
    schema, _, table = settings.table.rpartition(".")
    name = {"schema": schema, "table": table}
    types: dict[str, str] = dict(await reader.rows(_COLUMNS, name))
    if not types:
        raise MissingError(f"no table {settings.table} in database {database}")
    return _plan_for(settings, name, types)


def _plan_for(settings: PoolsSettings, name: Mapping[str, str], types: Mapping[str, str]) -> Plan:
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
    return Plan(name, _query(name, labels, values.values(), types), tuple(settings.labels), tuple(values))


def _query(name: Mapping[str, str], labels: Sequence[str], values: Iterable[str], types: Mapping[str, str]) -> Composed:
    from psycopg import sql  # noqa: PLC0415 - psycopg is loaded only where PostgreSQL is configured

    fields: list[Composable] = [sql.Identifier(column) for column in labels]
    for column in values:
        template = "extract(epoch from {})" if types[column] in _TIME_TYPES else "{}"
        fields.append(sql.SQL(template).format(sql.Identifier(column)))
    table = sql.Identifier(*filter(None, (name["schema"], name["table"])))
    order = sql.SQL(", ").join(map(sql.Literal, range(1, len(labels) + 1)))
    listed = sql.SQL(", ").join(fields)
    return sql.SQL("select {} from {} order by {}").format(listed, table, order)

"""How to read the table of pools: checked against the catalogue, which needs no lock, before the table is touched."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, LiteralString

from ...errors import MissingError
from ...model import MetricSpec, Note, Outcome
from .changes import Round
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
from .stretch import Key, Stretch, read_stretches

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

    async def parse(self, stream: bytes, before: Round) -> tuple[Round, list[Note]]:
        """What the stream holds; what is as before is not parsed again."""
        stretches = await read_stretches(stream, 1 + len(self.label_names), self.specs, before.stretches)
        notes = []
        usable = []
        for spec in self.specs:
            cells = [stretch.cells[spec] for stretch in stretches]
            bad = sum(found.nonsense for found in cells)
            if not all(found.is_numeric for found in cells):
                notes.append(_bad(spec, f"{spec.name}: the column holds what is no number"))
                continue
            usable.append(spec)
            if bad:
                notes.append(_bad(spec, f"{bad} pools have a counter below zero or not finite: {spec.name}"))
        read = Round(stretches, usable)
        if before.is_distinct and read.has_keys_of(before):
            return read, notes
        if await _has_duplicates(stretches):
            message = "pools with equal labels are added up; name the column that tells them apart under pools.labels"
            notes.append(Note("duplicates", message, Outcome.BAD_DATA))
            return replace(read, is_distinct=False), notes
        return read, notes


def _bad(spec: MetricSpec, message: str) -> Note:
    return Note(spec.name, message, Outcome.BAD_DATA)


async def _has_duplicates(stretches: Sequence[Stretch]) -> bool:
    seen: set[Key] = set()
    for stretch in stretches:
        seen.update(stretch.read_keys())
        await asyncio.sleep(0)
    return len(seen) != sum(stretch.size for stretch in stretches)


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

"""Sizes of databases, tables, indexes and the write-ahead log.

The functions that measure them walk the file system and take a lock on each relation, so they run seldom and on a
connection of their own. A relation that somebody holds exclusively is not measured; its last size stays.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from pydantic import Field

from ..clients import Clients
from ..config import CollectorSection, Schedule, Seconds
from ..errors import PermissionDeniedError, SourceTimeoutError
from ..model import Item, Note, gauge
from ._base import CollectorType
from ._postgres import SLOW, Access, access, frames

if TYPE_CHECKING:
    from ..clients.postgres import Reader, Row

DATABASE_SIZE = gauge("pg_database_size_bytes", "Bytes on disk.", "datname")
_BY_TABLE = ("datname", "schemaname", "relname")
TABLE_SIZE = gauge("pg_stat_user_tables_table_size_bytes", "Bytes of the table with its TOAST table.", *_BY_TABLE)
INDEX_SIZE = gauge("pg_stat_user_tables_index_size_bytes", "Bytes of all indexes of the table.", *_BY_TABLE)
WAL_SEGMENTS = gauge("pg_wal_segments", "Files of the write-ahead log.")
WAL_SIZE = gauge("pg_wal_size_bytes", "Bytes of the write-ahead log on disk.")
METRICS = (DATABASE_SIZE, TABLE_SIZE, INDEX_SIZE, WAL_SEGMENTS, WAL_SIZE)

_DATABASES = """
select
    datname,
    pg_catalog.pg_database_size(oid)
from pg_catalog.pg_database
where datname = any(coalesce(%s::name[], array[datname]))
    and (
        pg_catalog.has_database_privilege(oid, 'connect')
        or pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'usage')
    )
"""
_TABLES = """
with exclusive as materialized (
    select relation
    from pg_catalog.pg_locks
    where mode = 'AccessExclusiveLock' and relation is not null
)
select
    pg_catalog.current_database(),
    n.nspname,
    c.relname,
    case when c.is_free then pg_catalog.pg_table_size(c.oid) end,
    case when c.is_free then pg_catalog.pg_indexes_size(c.oid) end
from (
    select
        t.oid,
        t.relnamespace,
        t.relname,
        not exists (
            select from exclusive as e
            left join pg_catalog.pg_index as i on i.indexrelid = e.relation
            where t.oid in (e.relation, i.indrelid)
        ) as is_free
    from pg_catalog.pg_class as t
    where t.relkind in ('r', 'm') and t.relpersistence <> 't' and t.oid >= 16384
    order by t.relpages desc, t.oid
    limit %s
) as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
"""
_WAL = """
select
    count(*),
    coalesce(sum(size), 0)::bigint
from pg_catalog.pg_ls_waldir()
where name ~ '^[0-9A-F]{24}$'
"""


class SizesSettings(Schedule):
    """Sizes on disk; slow on servers with many files."""

    interval: Seconds | None = Field(60.0, description="time between two collections")
    max_tables: int = Field(200, ge=0, description="tables measured, the largest ones first")


class SizesCollector:
    """Each part is a transaction of its own: one that is refused or late costs nothing else."""

    def __init__(self, server: Access, max_tables: int) -> None:
        self._server = server
        self._max_tables = max_tables
        self._tables: dict[Row, Row] = {}

    async def collect(self) -> AsyncGenerator[Item, None]:
        parts = (
            ("databases", self._databases),
            ("wal", self._wal),
            ("tables", self._table_sizes),
        )
        for name, read in parts:
            try:
                async with self._server.session.read() as reader:
                    items = await read(reader)
            except (PermissionDeniedError, SourceTimeoutError) as error:
                items = [Note(name, str(error), error.outcome)]
            for item in items:
                yield item

    async def _databases(self, reader: Reader) -> list[Item]:
        return list(frames(await reader.rows(_DATABASES, (self._server.databases,)), [DATABASE_SIZE], 1))

    async def _wal(self, reader: Reader) -> list[Item]:
        return list(frames(await reader.rows(_WAL), [WAL_SEGMENTS, WAL_SIZE], 0))

    async def _table_sizes(self, reader: Reader) -> list[Item]:
        rows = {row[:3]: row[3:] for row in await reader.rows(_TABLES, (self._max_tables,))}
        unknown = (None, None)
        self._tables = {key: self._tables.get(key, unknown) if row == unknown else row for key, row in rows.items()}
        return list(frames([key + row for key, row in self._tables.items()], [TABLE_SIZE, INDEX_SIZE], 3))


def _build(settings: SizesSettings, timeout_seconds: float, clients: Clients) -> SizesCollector | None:
    server = access(clients, SLOW, timeout_seconds)
    return None if server is None else SizesCollector(server, settings.max_tables)


TYPE = CollectorType(
    name="postgres_sizes",
    help="sizes of databases, tables, indexes and the write-ahead log",
    section=CollectorSection(("postgres", "sizes"), SizesSettings),
    metrics=METRICS,
    build=_build,
)

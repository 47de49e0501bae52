"""Sizes of databases, tables, indexes and the write-ahead log.

The functions that measure them walk the file system and take a lock on each relation, so they run seldom and on a
connection of their own. A relation that somebody holds exclusively is not measured; its last size stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from ..clients import Clients
from ..config import CollectorSection, Schedule, Seconds
from ..model import Item, gauge
from ._base import CollectorType
from ._postgres import SLOW, Part, PartsCollector, access
from ._postgres_views import CHOSEN, LARGEST_TABLES, frames

if TYPE_CHECKING:
    from ..clients.postgres import Reader, Row

DATABASE_SIZE = gauge("pg_database_size_bytes", "Bytes on disk.", "datname")
_BY_TABLE = ("datname", "schemaname", "relname")
TABLE_SIZE = gauge("pg_stat_user_tables_table_size_bytes", "Bytes of the table with its TOAST table.", *_BY_TABLE)
INDEX_SIZE = gauge("pg_stat_user_tables_index_size_bytes", "Bytes of all indexes of the table.", *_BY_TABLE)
WAL_SEGMENTS = gauge("pg_wal_segments", "Files of the write-ahead log.")
WAL_SIZE = gauge("pg_wal_size_bytes", "Bytes of the write-ahead log on disk.")
METRICS = (DATABASE_SIZE, TABLE_SIZE, INDEX_SIZE, WAL_SEGMENTS, WAL_SIZE)

_DATABASES = f"""
select
    datname,
    pg_catalog.pg_database_size(oid)
from pg_catalog.pg_database
where {CHOSEN}
    and (
        pg_catalog.has_database_privilege(oid, 'connect')
        or pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'usage')
    )
"""  # noqa: S608 - constants
_TABLES = f"""
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
    where t.oid = any({LARGEST_TABLES})
) as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
"""  # noqa: S608 - constants
_WAL = """
select
    count(*),
    coalesce(sum(size), 0)::bigint
from pg_catalog.pg_ls_waldir()
where name ~ '^[0-9A-F]{24}$'
"""


class SizesSettings(Schedule):
    """Sizes on disk; slow on servers with many files."""

    interval: Seconds | None = Field(300.0, description="time between two collections")
    max_tables: int = Field(100, ge=0, description="tables measured, the largest ones first")


class _TableSizes:
    """Remembers the size of what somebody holds exclusively just now."""

    def __init__(self, max_tables: int) -> None:
        self._max_tables = max_tables
        self._known: dict[Row, Row] = {}

    async def read(self, reader: Reader) -> list[Item]:
        rows = {row[:3]: row[3:] for row in await reader.rows(_TABLES, (self._max_tables,))}
        unknown = (None, None)
        self._known = {key: self._known.get(key, unknown) if row == unknown else row for key, row in rows.items()}
        return list(frames([key + row for key, row in self._known.items()], [TABLE_SIZE, INDEX_SIZE], 3))


def _build(settings: SizesSettings, timeout_seconds: float, clients: Clients) -> PartsCollector | None:
    server = access(clients, SLOW, timeout_seconds)
    if server is None:
        return None
    chosen = server.chosen

    async def databases(reader: Reader) -> list[Item]:
        return list(frames(await reader.rows(_DATABASES, chosen), [DATABASE_SIZE], 1))

    return PartsCollector(
        server.session,
        Part("databases", databases),
        Part("wal", _wal),
        Part("tables", _TableSizes(settings.max_tables).read),
    )


async def _wal(reader: Reader) -> list[Item]:
    return list(frames(await reader.rows(_WAL), [WAL_SEGMENTS, WAL_SIZE], 0))


TYPE = CollectorType(
    name="postgres_sizes",
    help="sizes of databases, tables, indexes and the write-ahead log",
    section=CollectorSection(("postgres", "sizes"), SizesSettings),
    metrics=METRICS,
    build=_build,
)

"""Tables and indexes of the connected database: scans, rows, vacuum, cache, and indexes that nobody uses.

Only statistics and the catalogue are read, which no lock on a table can hold up. The largest tables are shown, by
their pages at the last vacuum; a counter cannot be summed over a rest whose members change, so what is over the cap
is counted as dropped and not added up.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pydantic import Field

from ..clients import Clients
from ..config import CollectorSection, Schedule, Seconds
from ..model import Item, Note, counter, gauge
from ._base import CollectorType
from ._postgres import SLOW, Part, PartsCollector, access
from ._postgres_views import LARGEST_TABLES, View, epoch, frames, plain, seconds

if TYPE_CHECKING:
    from ..clients.postgres import Reader

_BY_TABLE = ("datname", "schemaname", "relname")
_BY_INDEX = ("schemaname", "relname", "indexrelname")
_TABLE = ("pg_catalog.current_database()", "schemaname", "relname")
_LARGEST = f"where relid = any({LARGEST_TABLES})"


TABLES = View(
    "pg_catalog.pg_stat_user_tables",
    _TABLE,
    (
        *(
            plain(counter(f"pg_stat_user_tables_{column}", help_text, *_BY_TABLE), column)
            for column, help_text in (
                ("seq_scan", "Sequential scans."),
                ("seq_tup_read", "Rows read by sequential scans."),
                ("idx_scan", "Index scans."),
                ("idx_tup_fetch", "Rows fetched by index scans."),
                ("n_tup_ins", "Rows inserted."),
                ("n_tup_upd", "Rows updated."),
                ("n_tup_del", "Rows deleted."),
                ("n_tup_hot_upd", "Rows updated without touching an index."),
                ("n_tup_newpage_upd", "Rows updated into another page."),
                ("vacuum_count", "Vacuums by hand."),
                ("autovacuum_count", "Vacuums by autovacuum."),
                ("analyze_count", "Analyzes by hand."),
                ("autoanalyze_count", "Analyzes by autovacuum."),
            )
        ),
        *(
            plain(gauge(f"pg_stat_user_tables_{column}", help_text, *_BY_TABLE), column)
            for column, help_text in (
                ("n_live_tup", "Live rows, estimated."),
                ("n_dead_tup", "Dead rows, estimated."),
                ("n_mod_since_analyze", "Rows changed since the last analyze, estimated."),
                ("n_ins_since_vacuum", "Rows inserted since the last vacuum, estimated."),
            )
        ),
        *(
            epoch(gauge(f"pg_stat_user_tables_{column}", help_text, *_BY_TABLE), column)
            for column, help_text in (
                ("last_vacuum", "Last vacuum by hand."),
                ("last_autovacuum", "Last vacuum by autovacuum."),
                ("last_analyze", "Last analyze by hand."),
                ("last_autoanalyze", "Last analyze by autovacuum."),
                ("last_seq_scan", "Last sequential scan."),
                ("last_idx_scan", "Last index scan."),
            )
        ),
        *(
            seconds(counter(f"pg_stat_user_tables_{column}_seconds", help_text, *_BY_TABLE), column)
            for column, help_text in (
                ("total_vacuum_time", "Time in vacuums by hand."),
                ("total_autovacuum_time", "Time in vacuums by autovacuum."),
                ("total_analyze_time", "Time in analyzes by hand."),
                ("total_autoanalyze_time", "Time in analyzes by autovacuum."),
            )
        ),
    ),
    tail=_LARGEST,
)

TABLES_IO = View(
    "pg_catalog.pg_statio_user_tables",
    _TABLE,
    tuple(
        plain(counter(f"pg_statio_user_tables_{name}", help_text, *_BY_TABLE), column)
        for name, column, help_text in (
            ("heap_blocks_read", "heap_blks_read", "Blocks of the table read."),
            ("heap_blocks_hit", "heap_blks_hit", "Blocks of the table found in the cache."),
            ("idx_blocks_read", "idx_blks_read", "Blocks of its indexes read."),
            ("idx_blocks_hit", "idx_blks_hit", "Blocks of its indexes found in the cache."),
            ("toast_blocks_read", "toast_blks_read", "Blocks of its TOAST table read."),
            ("toast_blocks_hit", "toast_blks_hit", "Blocks of its TOAST table found in the cache."),
            ("tidx_blocks_read", "tidx_blks_read", "Blocks of the TOAST table's index read."),
            ("tidx_blocks_hit", "tidx_blks_hit", "Blocks of the TOAST table's index found in the cache."),
        )
    ),
    tail=_LARGEST,
)

INDEXES = View(
    "pg_catalog.pg_stat_user_indexes",
    _BY_INDEX,
    tuple(
        plain(counter(f"pg_stat_user_indexes_{column}_total", help_text, *_BY_INDEX), column)
        for column, help_text in (
            ("idx_scan", "Scans of this index."),
            ("idx_tup_read", "Entries returned by scans of this index."),
            ("idx_tup_fetch", "Rows fetched by simple scans of this index."),
        )
    ),
    tail=f"{_LARGEST} order by idx_scan desc, indexrelid limit %s",
)

INDEXES_IO = View(
    "pg_catalog.pg_statio_user_indexes",
    _BY_INDEX,
    tuple(
        plain(counter(f"pg_statio_user_indexes_{column}_total", help_text, *_BY_INDEX), column)
        for column, help_text in (
            ("idx_blks_read", "Blocks of this index read."),
            ("idx_blks_hit", "Blocks of this index found in the cache."),
        )
    ),
    tail=f"{_LARGEST} order by idx_blks_hit desc, indexrelid limit %s",
)

UNUSED = gauge("pg_indexes_unused", "Indexes never scanned since the statistics began, without unique ones.", "datname")
UNUSED_BYTES = gauge("pg_indexes_unused_bytes", "Bytes of these indexes at the last vacuum.", "datname")
INVALID = gauge("pg_indexes_invalid", "Indexes that a failed build left behind.", "datname")

_UNUSED = """
select
    pg_catalog.current_database(),
    count(*) filter (where i.indisvalid and not i.indisunique and s.idx_scan = 0),
    coalesce(sum(c.relpages::bigint * pg_catalog.current_setting('block_size')::int)
        filter (where i.indisvalid and not i.indisunique and s.idx_scan = 0), 0)::bigint,
    count(*) filter (where not i.indisvalid)
from pg_catalog.pg_index as i
join pg_catalog.pg_class as c on c.oid = i.indexrelid
join pg_catalog.pg_stat_user_indexes as s on s.indexrelid = i.indexrelid
"""
_COUNT = """
select count(*)
from pg_catalog.pg_class
where relkind in ('r', 'm') and relpersistence <> 't' and oid >= 16384
"""


class TablesSettings(Schedule):
    """Tables and indexes of the connected database."""

    interval: Seconds | None = Field(60.0, description="time between two collections")
    max_tables: int = Field(100, ge=0, description="tables shown, the largest ones first")
    max_indexes: int = Field(200, ge=0, description="indexes of these tables shown, the most used ones first")


async def _unused(reader: Reader) -> list[Item]:
    return list(frames(await reader.rows(_UNUSED), [UNUSED, UNUSED_BYTES, INVALID], 1))


async def _dropped(max_tables: int, reader: Reader) -> list[Item]:
    [(count,)] = await reader.rows(_COUNT)
    over = count - max_tables
    return [Note("max_tables", f"{over} tables over max_tables", dropped=over)] if over > 0 else []


def _build(settings: TablesSettings, timeout_seconds: float, clients: Clients) -> PartsCollector | None:
    server = access(clients, SLOW, timeout_seconds)
    if server is None:
        return None
    tables, indexes = (settings.max_tables,), (settings.max_tables, settings.max_indexes)
    return PartsCollector(
        server.session,
        Part("tables", partial(TABLES.read, parameters=tables)),
        Part("tables_io", partial(TABLES_IO.read, parameters=tables)),
        Part("indexes", partial(INDEXES.read, parameters=indexes)),
        Part("indexes_io", partial(INDEXES_IO.read, parameters=indexes)),
        Part("unused", _unused),
        Part("count", partial(_dropped, settings.max_tables)),
    )


TYPE = CollectorType(
    name="postgres_tables",
    help="tables and indexes of the connected database",
    section=CollectorSection(("postgres", "tables"), TablesSettings),
    metrics=(
        *TABLES.metrics,
        *TABLES_IO.metrics,
        *INDEXES.metrics,
        *INDEXES_IO.metrics,
        UNUSED,
        UNUSED_BYTES,
        INVALID,
    ),
    build=_build,
)

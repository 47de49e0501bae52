"""Statements as pg_stat_statements counts them: the most expensive ones, and those of each business operation.

In the steady state the texts are not read: `pg_stat_statements(false)` needs no file, and the memory granted for this
one transaction keeps its rows out of temporary files. Texts are read when asked for, and now and then when operations
are configured, to find out which statements belong to them.

Statements beyond the most expensive ones are counted and left out: a sum over a rest whose members come and go would
jump, and rates over it would be wrong.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import TYPE_CHECKING, LiteralString, NamedTuple

from pydantic import Field

from ..clients import Clients
from ..config import CollectorSection, Schedule, Seconds
from ..errors import MissingError, PermissionDeniedError
from ..model import Item, Note, Sample, counter, gauge
from ._base import CollectorType
from ._postgres import SLOW, Access, access
from ._postgres_operations import OPERATIONS, Operations
from ._postgres_views import CHOSEN, frames

if TYPE_CHECKING:
    from ..clients.postgres import Reader, Row

_BY_STATEMENT = ("user", "datname", "queryid")
STATEMENTS = (
    counter("pg_stat_statements_calls_total", "Executions.", *_BY_STATEMENT),
    counter("pg_stat_statements_seconds_total", "Time in executions.", *_BY_STATEMENT),
    counter("pg_stat_statements_rows_total", "Rows returned or changed.", *_BY_STATEMENT),
    counter("pg_stat_statements_block_read_seconds_total", "Time in reads of blocks.", *_BY_STATEMENT),
    counter("pg_stat_statements_block_write_seconds_total", "Time in writes of blocks.", *_BY_STATEMENT),
)
QUERY = gauge("pg_stat_statements_query_id", "The text of a statement; always 1.", "queryid", "query")
TRACKED = gauge("pg_stat_statements_tracked", "Statements that pg_stat_statements knows.")
DEALLOCATED = counter("pg_stat_statements_deallocated_total", "Times statements were thrown out for want of room.")
SLOW_STATEMENTS = gauge("database_slow_statements", "Statements whose mean is above slow_after.", own=True)
METRICS = (*STATEMENTS, QUERY, TRACKED, DEALLOCATED, SLOW_STATEMENTS, *OPERATIONS)

_EXTENSION = """
select
    n.nspname,
    pg_catalog.current_setting('pg_stat_statements.max', true) is not null,
    pg_catalog.set_config('search_path', pg_catalog.quote_ident(n.nspname), true),
    pg_catalog.set_config('work_mem', %s, true)
from pg_catalog.pg_extension as e
join pg_catalog.pg_namespace as n on n.oid = e.extnamespace
where e.extname = 'pg_stat_statements'
"""
_WORK_MEM = "64MB"
_WORK_MEM_FOR_TEXTS = "256MB"
_TOP = """
with statement as materialized (
    select
        userid,
        dbid,
        queryid,
        sum(calls)::bigint as calls,
        sum({exec_time}) / 1000 as seconds,
        sum(rows)::bigint as rows,
        sum({read_time}) / 1000 as read_seconds,
        sum({write_time}) / 1000 as write_seconds
    from pg_stat_statements(false)
    where queryid is not null
        and dbid in (select oid from pg_catalog.pg_database where {chosen})
    group by 1, 2, 3
), ranked as (
    select
        *,
        row_number() over (order by seconds desc, queryid) as place,
        count(*) over () as tracked,
        count(*) filter (where seconds > calls * %s) over () as slow
    from statement
)
select
    coalesce(u.rolname, ''),
    coalesce(d.datname, ''),
    r.queryid::text,
    r.calls,
    r.seconds,
    r.rows,
    r.read_seconds,
    r.write_seconds,
    r.place,
    r.tracked,
    r.slow
from ranked as r
left join pg_catalog.pg_roles as u on u.oid = r.userid
left join pg_catalog.pg_database as d on d.oid = r.dbid
where r.place <= %s or r.queryid = any(%s)
order by r.place
"""
_INFO = """
select dealloc
from pg_stat_statements_info
"""
_QUERIES = r"""
select distinct on (queryid)
    queryid::text,
    left(regexp_replace(left(query, 2000), '\s+', ' ', 'g'), %s)
from pg_stat_statements(true)
where queryid = any(%s::bigint[]) and query !~* 'password'
order by queryid
"""


class StatementsSettings(Schedule):
    """Statements as pg_stat_statements counts them."""

    interval: Seconds | None = Field(60.0, description="time between two collections")
    max_statements: int = Field(100, ge=0, le=5000, description="statements shown, those with most time first")
    slow_after: Seconds = Field(0.1, description="mean time above which a statement counts as slow")
    operations: dict[str, str] = Field(
        {}, description="business operations, each with the LIKE pattern of its statements' text"
    )
    query_text: int = Field(0, ge=0, le=2000, description="characters of the text to show; 0: none")


class _Statement(NamedTuple):
    """One row: labels, values, and facts about all rows."""

    user: str
    database: str
    query_id: str
    calls: int
    seconds: float
    rows: int
    read_seconds: float
    write_seconds: float
    place: int
    tracked: int
    slow: int


class StatementsCollector:
    """Reads what has been counted, and finds out which statements belong to an operation."""

    def __init__(self, server: Access, settings: StatementsSettings) -> None:
        self._server = server
        self._settings = settings
        self._operations = Operations(settings.operations)

    async def collect(self) -> AsyncGenerator[Item, None]:
        try:
            items = await self._read()
        except (MissingError, PermissionDeniedError) as error:
            items = [Note("extension", str(error), error.outcome)]
        for item in items:
            yield item

    async def _read(self) -> list[Item]:
        session = self._server.session
        if self._operations.is_search_due():
            async with session.read() as reader:
                await _enter(reader, _WORK_MEM_FOR_TEXTS)
                await self._operations.search(reader)
        async with session.read() as reader:
            schema = await _enter(reader, _WORK_MEM)
            rows = await self._rows(reader, schema)
            dealloc = await reader.rows(_INFO) if await reader.columns(f"{schema}.pg_stat_statements_info") else []
        items = [*self._items([_Statement._make(row) for row in rows])]
        items += [DEALLOCATED.sample(count) for (count,) in dealloc]
        if self._settings.query_text and rows:
            items += await self._texts(rows[: self._settings.max_statements])
        return items

    async def _rows(self, reader: Reader, schema: str) -> list[Row]:
        columns = await reader.columns(f"{schema}.pg_stat_statements")
        settings = self._settings
        parameters = (
            *self._server.chosen, settings.slow_after, settings.max_statements, self._operations.query_ids,
        )  # fmt: skip
        return await reader.rows(_top(columns), parameters)

    def _items(self, statements: Sequence[_Statement]) -> Iterator[Item]:
        # Showing the top is what is asked for, not a loss: TRACKED says of how many.
        top = [statement for statement in statements if statement.place <= self._settings.max_statements]
        yield from frames([statement[:8] for statement in top], STATEMENTS, 3)
        tracked, slow = (statements[0].tracked, statements[0].slow) if statements else (0, 0)
        yield TRACKED.sample(tracked)
        yield SLOW_STATEMENTS.sample(slow)
        yield from self._operations.add({s[:3]: (s.calls, s.seconds, s.rows) for s in statements})

    async def _texts(self, rows: Sequence[Row]) -> list[Sample]:
        """Only when asked for; what speaks of a password is never shown."""
        wanted = [int(_Statement._make(row).query_id) for row in rows]
        async with self._server.session.read() as reader:
            await _enter(reader, _WORK_MEM_FOR_TEXTS)
            found = await reader.rows(_QUERIES, (self._settings.query_text, wanted))
        return [QUERY.sample(1, query_id, text) for query_id, text in found]


async def _enter(reader: Reader, work_mem: str) -> str:
    """Look for the extension, and make it and enough memory for it available to this transaction."""
    found = await reader.rows(_EXTENSION, (work_mem,))
    if not found:
        raise MissingError("the extension is not in this database; run: create extension pg_stat_statements")
    schema, is_loaded, *_ = found[0]
    if not is_loaded:
        raise MissingError("pg_stat_statements is not loaded; add it to shared_preload_libraries and restart")
    return str(schema)


def _top(columns: frozenset[str]) -> LiteralString:
    """PostgreSQL 13 renamed the times of executions, 17 those of blocks."""
    return _TOP.format(
        exec_time="total_exec_time" if "total_exec_time" in columns else "total_time",
        read_time="shared_blk_read_time" if "shared_blk_read_time" in columns else "blk_read_time",
        write_time="shared_blk_write_time" if "shared_blk_write_time" in columns else "blk_write_time",
        chosen=CHOSEN,
    )


def _build(settings: StatementsSettings, timeout_seconds: float, clients: Clients) -> StatementsCollector | None:
    server = access(clients, SLOW, timeout_seconds)
    return None if server is None else StatementsCollector(server, settings)


TYPE = CollectorType(
    name="postgres_statements",
    help="the most expensive statements, and those of each operation",
    section=CollectorSection(("postgres", "statements"), StatementsSettings),
    metrics=METRICS,
    build=_build,
)

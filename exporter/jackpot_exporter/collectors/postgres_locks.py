"""Locks by mode and grant, who waits for them, for how long, and how many sessions they wait for."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import TYPE_CHECKING

from ..clients import Clients
from ..config import CollectorSection, Schedule
from ..model import Frame, Item, Sample, gauge
from ._base import CollectorType
from ._postgres import STATS, Access, access
from ._postgres_views import CHOSEN, frames

if TYPE_CHECKING:
    from ..clients.postgres import Reader, Row

COUNT = gauge("pg_locks_count", "Locks held or awaited.", "datname", "mode")
GRANT_COUNT = gauge("pg_locks_grant_count", "Locks by whether they are granted.", "datname", "mode", "granted")
WAITERS = gauge("pg_locks_waiters", "Sessions that wait for a lock.", "datname")
BLOCKERS = gauge("pg_locks_blockers", "Sessions that others wait for and that wait for nobody themselves.", "datname")
OLDEST_WAIT = gauge("pg_locks_oldest_wait_seconds", "How long the oldest waiter has been waiting.", "datname")
METRICS = (COUNT, GRANT_COUNT, WAITERS, BLOCKERS, OLDEST_WAIT)

_MODES = (
    "accesssharelock",
    "rowsharelock",
    "rowexclusivelock",
    "shareupdateexclusivelock",
    "sharelock",
    "sharerowexclusivelock",
    "exclusivelock",
    "accessexclusivelock",
    "sireadlock",
)

_LOCKS = """
select
    d.datname,
    lower(l.mode),
    count(*) filter (where l.granted),
    count(*) filter (where not l.granted)
from pg_catalog.pg_locks as l
left join pg_catalog.pg_database as d on d.oid = l.database
where l.pid <> pg_catalog.pg_backend_pid()
group by 1, 2
"""  # a wait for a row is a wait for a transaction, which belongs to no database
_DATABASES = f"""
select datname
from pg_catalog.pg_database
where {CHOSEN}
"""  # noqa: S608 - constants
_WAITERS = """
with waiter as (
    select
        a.pid,
        a.datname,
        pg_catalog.clock_timestamp() - coalesce({waitstart}, a.query_start) as waited,
        pg_catalog.pg_blocking_pids(a.pid) as blockers
    from (
        select *
        from pg_catalog.pg_locks
        where not granted
        limit 200
    ) as l
    join pg_catalog.pg_stat_activity as a using (pid)
)
select
    w.datname,
    count(distinct w.pid),
    count(distinct b.pid) filter (where not exists (select from waiter as i where i.pid = b.pid)),
    coalesce(greatest(max(extract(epoch from w.waited)), 0), 0)::float8
from waiter as w
left join lateral unnest(w.blockers) as b (pid) on true
group by 1
"""


class LocksSettings(Schedule):
    """Locks, who waits for them, and for whom."""


class LocksCollector:
    """Looks for blockers only when somebody waits: finding them stops the lock manager for a moment."""

    def __init__(self, server: Access) -> None:
        self._server = server

    async def collect(self) -> AsyncGenerator[Item, None]:
        async with self._server.session.read() as reader:
            databases = [name for (name,) in await reader.rows(_DATABASES, self._server.chosen)]
            locks = await reader.rows(_LOCKS)
            waiters = await _waiters(reader) if any(waiting for *_, waiting in locks) else []
        for item in (*_counts(databases, locks), *_waits(databases, waiters)):
            yield item


async def _waiters(reader: Reader) -> list[Row]:
    """Before PostgreSQL 14 the wait is taken to have begun with the statement."""
    has_start = "waitstart" in await reader.columns("pg_catalog.pg_locks")
    return await reader.rows(_WAITERS.format(waitstart="l.waitstart" if has_start else "null"))


def _counts(databases: Sequence[str], locks: Sequence[Row]) -> Iterator[Frame]:
    """Every mode of every database exists from the start, as in postgres_exporter."""
    counts = {(database, mode): (0, 0) for database in databases for mode in _MODES}
    for database, mode, granted, waiting in locks:
        if (database, mode) in counts:
            counts[database, mode] = (granted, waiting)
    rows = [(database, mode, granted, waiting) for (database, mode), (granted, waiting) in counts.items()]
    yield from frames([(d, m, granted + waiting) for d, m, granted, waiting in rows], [COUNT], 2)
    by_grant = [(d, m, "true", granted) for d, m, granted, _ in rows]
    by_grant += [(d, m, "false", waiting) for d, m, _, waiting in rows]
    yield from frames(by_grant, [GRANT_COUNT], 3)


def _waits(databases: Sequence[str], waiters: Sequence[Row]) -> Iterator[Sample | Frame]:
    found = {database: values for database, *values in waiters}
    rows = [(database, *found.get(database, (0, 0, 0))) for database in databases]
    yield from frames(rows, [WAITERS, BLOCKERS, OLDEST_WAIT], 1)


def _build(_: LocksSettings, timeout_seconds: float, clients: Clients) -> LocksCollector | None:
    server = access(clients, STATS, timeout_seconds)
    return None if server is None else LocksCollector(server)


TYPE = CollectorType(
    name="postgres_locks",
    help="locks by mode and grant, blockers and the oldest waiter",
    section=CollectorSection(("postgres", "locks"), LocksSettings),
    metrics=METRICS,
    build=_build,
)

"""Sessions by database, state, user, application and wait event, and the oldest of what they do.

One grouped read of pg_stat_activity fills everything here. Application names come from clients, so their number is
capped; what is over is shown as `other`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

from pydantic import Field

from ..clients import Clients
from ..config import CollectorSection, Schedule, Section, section
from ..model import Bucket, Column, Frame, Histogram, Item, Note, Sample, gauge, histogram
from ._base import CollectorType
from ._postgres import STATS, Access, access
from ._postgres_views import CHOSEN, Cap

if TYPE_CHECKING:
    from ..clients.postgres import Row

_LABELS = (
    "datname",
    "state",
    "usename",
    "application_name",
    "backend_type",
    "wait_event_type",
    "wait_event",
    "server",
)
COUNT = gauge("pg_stat_activity_count", "Sessions in this state.", *_LABELS)
MAX_TRANSACTION = gauge("pg_stat_activity_max_tx_duration", "Age of the oldest transaction, in seconds.", *_LABELS)
TRANSACTIONS = gauge("pg_long_running_transactions", "Open transactions, without our own and those of autovacuum.")
OLDEST_TRANSACTION = gauge(
    "pg_long_running_transactions_oldest_timestamp_seconds", "Age of the oldest of these transactions, in seconds."
)
IDLE = histogram("pg_process_idle_seconds", "For how long sessions have been idle.", "application_name", "state")
OLDEST_QUERY = gauge(
    "database_oldest_active_query_seconds", "Age of the oldest statement running; 0 when there is none.", own=True
)
POOL = gauge(
    "database_pool_connections", "Connections of the service, or its clients waiting for one.", "state", own=True
)
POOL_MAX = gauge("database_pool_connections_max", "Connections the service may have.", own=True)
METRICS = (COUNT, MAX_TRANSACTION, TRANSACTIONS, OLDEST_TRANSACTION, IDLE, OLDEST_QUERY, POOL, POOL_MAX)

_STATES = (
    "active",
    "idle",
    "idle in transaction",
    "idle in transaction (aborted)",
    "fastpath function call",
    "disabled",
)
_IDLE_BOUNDS = (1, 2, 5, 15, 30, 60, 90, 120, 300)
_OTHER = "other"

_IDLE_COUNTS = ",\n".join(f"    count(*) filter (where idle <= {bound})" for bound in _IDLE_BOUNDS)
_SESSIONS = f"""
select
    datname,
    coalesce(state, ''),
    coalesce(usename, ''),
    coalesce(application_name, ''),
    coalesce(backend_type, ''),
    coalesce(wait_event_type, ''),
    coalesce(wait_event, ''),
    count(*),
    coalesce(max(transaction_age), 0),
    count(transaction_age) filter (where not is_own and state is distinct from 'idle' and not is_autovacuum),
    max(transaction_age) filter (where not is_own and state is distinct from 'idle' and not is_autovacuum),
    max(query_age) filter (where not is_own and state = 'active' and backend_type = 'client backend'),
    coalesce(sum(idle), 0),
{_IDLE_COUNTS}
from (
    select
        datname,
        state,
        usename,
        application_name,
        backend_type,
        wait_event_type,
        wait_event,
        pid = pg_catalog.pg_backend_pid() as is_own,
        backend_type = 'autovacuum worker' as is_autovacuum,
        greatest(extract(epoch from pg_catalog.clock_timestamp() - xact_start), 0)::float8 as transaction_age,
        greatest(extract(epoch from pg_catalog.clock_timestamp() - query_start), 0)::float8 as query_age,
        case when state like 'idle%%'
            then greatest(extract(epoch from pg_catalog.clock_timestamp() - state_change), 0)::float8
        end as idle
    from pg_catalog.pg_stat_activity
    where {CHOSEN}
) as session
group by 1, 2, 3, 4, 5, 6, 7
order by 8 desc, 4
"""  # noqa: S608 - constants
_DATABASES = f"""
select datname
from pg_catalog.pg_database
where {CHOSEN}
"""  # noqa: S608 - constants


class PoolSource(Section):
    """The service's connection pool, seen as its sessions in PostgreSQL.

    Those who wait for a connection cannot be seen here; `pgbouncer.pool` shows them, and where it is set it is used.
    """

    application_name: str = Field(description="application_name of the service's sessions; * and ? stand for any text")
    max: int | None = Field(None, ge=1, description="size of the service's pool")


class ActivitySettings(Schedule):
    """Sessions by state, application and wait event."""

    max_applications: int = Field(50, ge=1, description="application names shown by name; the rest becomes `other`")
    pool: PoolSource | None = Field(None, description="report these sessions as the service's connection pool")


class _Group(NamedTuple):
    """Sessions that share all labels."""

    database: str
    state: str
    user: str
    application: str
    backend_type: str
    wait_event_type: str
    wait_event: str
    sessions: int
    max_transaction: float
    transactions: int
    oldest_transaction: float | None
    oldest_query: float | None
    idle_sum: float
    idle_counts: tuple[int, ...]


@dataclass(slots=True)
class _Total:
    """Sessions and the age of their oldest transaction."""

    sessions: int = 0
    oldest: float = 0.0


class ActivityCollector:
    """Sessions of the chosen databases."""

    def __init__(self, server: Access, settings: ActivitySettings) -> None:
        self._server = server
        self._cap = Cap(settings.max_applications)
        self._pool = settings.pool

    async def collect(self) -> AsyncGenerator[Item, None]:
        chosen = self._server.chosen
        async with self._server.session.read() as reader:
            groups = [_group(row) for row in await reader.rows(_SESSIONS, chosen)]
            databases = [name for (name,) in await reader.rows(_DATABASES, chosen)]
            server = reader.server
        if self._pool is not None:
            for sample in _pool(groups, self._pool):
                yield sample
        capped = self._capped(groups)
        yield _sessions(capped, databases, server)
        for item in (*_transactions(groups), *_idle(capped)):
            yield item
        yield OLDEST_QUERY.sample(max((g.oldest_query for g in groups if g.oldest_query is not None), default=0))
        if over := {group.application for group in groups} - {group.application for group in capped}:
            yield Note("applications", f"{len(over)} application names over max_applications", dropped=len(over))

    def _capped(self, groups: Sequence[_Group]) -> list[_Group]:
        admitted = self._cap.admit(g.application for g in groups)
        return [g if g.application in admitted else g._replace(application=_OTHER) for g in groups]


def _group(row: Row) -> _Group:
    return _Group._make((*row[:13], row[13:]))


def _sessions(groups: Sequence[_Group], databases: Sequence[str], server: str) -> Frame:
    """Every state of every database exists from the start, as in postgres_exporter."""
    totals: defaultdict[tuple[str, ...], _Total] = defaultdict(_Total)
    for group in groups:
        total = totals[(*group[:7], server)]
        total.sessions += group.sessions
        total.oldest = max(total.oldest, group.max_transaction)
    seen = {group[:2] for group in groups}
    for database in databases:
        for state in _STATES:
            if (database, state) not in seen:
                totals[database, state, "", "", "", "", "", server] = _Total()
    columns = (
        Column(COUNT, [total.sessions for total in totals.values()]),
        Column(MAX_TRANSACTION, [total.oldest for total in totals.values()]),
    )
    return Frame(list(totals), columns)


def _transactions(groups: Sequence[_Group]) -> Iterator[Sample]:
    yield TRANSACTIONS.sample(sum(group.transactions for group in groups))
    ages = [group.oldest_transaction for group in groups if group.oldest_transaction is not None]
    yield OLDEST_TRANSACTION.sample(max(ages, default=0))


def _idle(groups: Sequence[_Group]) -> Iterator[Sample]:
    by_application: defaultdict[tuple[str, str], list[_Group]] = defaultdict(list)
    for group in groups:
        if group.state.startswith("idle"):
            by_application[group.application, group.state].append(group)
    for labels, members in by_application.items():
        counts = [sum(column) for column in zip(*(g.idle_counts for g in members), strict=True)]
        total = sum(g.sessions for g in members)
        buckets = [Bucket(le, count) for le, count in zip(_IDLE_BOUNDS, counts, strict=True)]
        buckets.append(Bucket(float("inf"), total))
        yield IDLE.sample(Histogram(tuple(buckets), sum(g.idle_sum for g in members)), *labels)


def _pool(groups: Sequence[_Group], pool: PoolSource) -> Iterator[Sample]:
    """Busy is every session that cannot be lent out, idle in transaction too."""
    members = [g for g in groups if fnmatchcase(g.application, pool.application_name)]
    idle = sum(g.sessions for g in members if g.state == "idle")
    yield POOL.sample(sum(g.sessions for g in members) - idle, "active")
    yield POOL.sample(idle, "idle")
    if pool.max is not None:
        yield POOL_MAX.sample(pool.max)


def _build(settings: ActivitySettings, timeout_seconds: float, clients: Clients) -> ActivityCollector | None:
    server = access(clients, STATS, timeout_seconds)
    if server is None:
        return None
    pooler = section(clients.target, ("pgbouncer",))
    if pooler is not None and pooler.pool is not None:
        settings = settings.model_copy(update={"pool": None})
    return ActivityCollector(server, settings)


TYPE = CollectorType(
    name="postgres_activity",
    help="sessions by state, application and wait event; the oldest query and transaction",
    section=CollectorSection(("postgres", "activity"), ActivitySettings),
    metrics=METRICS,
    build=_build,
)
